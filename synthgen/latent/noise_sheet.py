"""A sheet of what a generator makes of noise, beside real pictures."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from synthgen.data.images import Images
from synthgen.data.picture_file import to_bytes, write_sheet
from synthgen.models.base import Latent
from synthgen.records import Labels
from synthgen.representations.base import ImageRepresentation

from .drawing import FromLatents, morph
from .space import LatentSpace

COLUMNS, LEGS = 16, 3
"""Pictures a line, and ways from one noise vector to the next, a line each."""


def write_noise_sheet(
    path: Path, model: Latent, representation: ImageRepresentation, part: Images, *, seed: int = 0
) -> None:
    """Write three parts: real pictures, generated ones, and ways along the sphere from one noise vector to the next.

    Generated pictures are told the labels of real ones, where the model is told any; a way keeps those of its start.

    Args:
        path: File to write.
        model: In eval mode.
        representation: Between media and what the model sees.
        part: Where the real pictures come from.
        seed: Of the choice of real pictures and of the noise.
    """
    rng, space = torch.Generator().manual_seed(seed), LatentSpace.normal(model.latents)
    rows = torch.randperm(len(part), generator=rng)[: 4 * COLUMNS]
    batch = part.batch(rows)
    generated = drawn_for(model, representation, batch.labels, len(rows), rng=rng)
    stops = space.sample(LEGS + 1, rng=rng)
    drawer = FromLatents(model=model, representation=representation, labels=batch.labels)
    ways = morph(drawer, space, stops, steps=COLUMNS, kind="spherical")[:-1]
    lines = {"real": batch.x[: 2 * COLUMNS], "generated": generated, "from one noise vector to the next": ways}
    write_sheet(path, [(name, to_bytes(x.numpy())) for name, x in lines.items()], columns=COLUMNS)


@torch.inference_mode()
def drawn_for(
    model: Latent, representation: ImageRepresentation, labels: Labels, n: int, *, rng: torch.Generator
) -> Tensor:
    """Pictures (n, C, H, W) in [0, 1] for labels of n rows, on the CPU."""
    device = next(model.parameters()).device
    told = {name: value.to(device) for name, value in labels.items()}
    noise = LatentSpace.normal(model.latents).sample(n, rng=rng).to(device)
    return representation.decode(model.decode(noise, told)).cpu()
