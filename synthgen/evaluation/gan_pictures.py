"""A sheet of what a generator makes of noise, beside real pictures."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from synthgen.data.loading import Examples
from synthgen.data.picture_file import to_bytes, write_sheet
from synthgen.models.gan import draw
from synthgen.records import Batch, Labels
from synthgen.representations.base import ImageRepresentation

COLUMNS, STEPS, STOPS = 16, 15, 4
"""Pictures a line, steps from one noise vector to the next, and noise vectors on the way."""


class FromNoise(Protocol):
    """A model whose examples are functions of noise and labels."""

    latents: int

    def generate(self, z: Tensor, labels: Labels) -> Tensor:
        """Noise (n, latents) and labels -> examples (n, *spec.shape)."""
        ...


def write_noise_sheet(
    path: Path, model: FromNoise, representation: ImageRepresentation, examples: Examples, *, seed: int = 0
) -> None:
    """Write three parts: real pictures, generated ones, and ways from one noise vector to the next.

    Where the model knows labels it is given those of the real pictures, in their order; a way has those of its start.

    Args:
        path: File to write.
        model: In eval mode.
        representation: Between media and what the model sees.
        examples: Where the real pictures come from.
        seed: Of the choice of real pictures and of the noise.
    """
    rng = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(examples), generator=rng)[: 4 * COLUMNS].sort().values
    batch = examples.batch(rows)
    stops = draw(STOPS + 1, model.latents, rng)
    walk = torch.cat([between(a, b, steps=STEPS) for a, b in pairwise(stops)])
    start = {name: label[:1].expand(len(walk), *label.shape[1:]) for name, label in batch.labels.items()}
    lines = [
        ("real", to_bytes(batch.x[: 2 * COLUMNS].numpy())),
        ("generated", _made(model, representation, Batch(draw(len(rows), model.latents, rng), batch.labels))),
        ("from one noise vector to the next", _made(model, representation, Batch(walk, start))),
    ]
    write_sheet(path, lines, columns=COLUMNS)


def between(a: Tensor, b: Tensor, *, steps: int) -> Tensor:
    """The way from noise `a` (latents,) to `b` along the sphere, both ends too: (steps + 1, latents).

    In the straight line's middle lie vectors of a length that noise does not have (White, 2016, arXiv:1609.04468).
    """
    share = torch.linspace(0, 1, steps + 1)[:, None]
    angle = torch.nn.functional.cosine_similarity(a, b, dim=0).clamp(-0.9995, 0.9995).acos()
    return (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / angle.sin()


@torch.no_grad()
def _made(model: FromNoise, representation: ImageRepresentation, batch: Batch) -> np.ndarray:
    parts = []
    for rows in torch.arange(len(batch)).split(COLUMNS):
        labels = {name: label[rows] for name, label in batch.labels.items()}
        parts.append(representation.decode(model.generate(batch.x[rows], labels)))
    return to_bytes(torch.cat(parts).numpy())
