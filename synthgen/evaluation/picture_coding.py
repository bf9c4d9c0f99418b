"""What an autoencoder of pictures keeps of held-out ones, how it uses its codes, and what a prior on these draws."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from synthgen.data.loading import Examples
from synthgen.data.picture_file import to_bytes, write_sheet
from synthgen.heads import PLAIN, Sampling
from synthgen.models.autoregressive import Autoregressive
from synthgen.models.codes import PictureCodes

from .pixel_report import by_class, class_examples, class_field, generate

AT_ONCE = 256
"""Pictures that are coded together."""
KINDS = "real, decoded from codes, generated"
LEAST_ERROR = 1e-6
"""Mean squared errors count as no less: 60 dB."""


@dataclass(frozen=True, kw_only=True)
class PictureCoding:
    """Held-out pictures, their codes and what these decode to.

    Attributes:
        pictures: Number of pictures.
        psnr: Peak signal-to-noise ratio in dB of the decoded pictures, from the mean squared error over all of them.
        used: Share of the codes that these pictures take.
        perplexity: Number of evenly used codes of the same entropy.
        levels: Number of codes.
        bits: What the codes of a picture take if all are equally likely.
    """

    pictures: int
    psnr: float
    used: float
    perplexity: float
    levels: int
    bits: float

    def table(self) -> str:
        """The figures as a Markdown table."""
        rows = [f"| {name} | {value} |" for name, value in self._rows()]
        return "\n".join(["| decoded pictures | |", "|---|---|", *rows])

    def _rows(self) -> Iterator[tuple[str, str]]:
        yield "pictures", str(self.pictures)
        yield "PSNR, dB", f"{self.psnr:.2f}"
        yield "codes used", f"{100 * self.used:.1f} % of {self.levels}"
        yield "perplexity", f"{self.perplexity:.0f}, {self.perplexity / self.levels:.2f} of the codes"
        yield "bits per picture", f"{self.bits:.0f}"


@torch.no_grad()
def evaluate_picture_coding(representation: PictureCodes, examples: Examples) -> PictureCoding:
    """Code and decode all pictures of `examples`."""
    device = next((p.device for p in representation.autoencoder.parameters()), torch.device("cpu"))
    found, errors = [], []
    for indices in tqdm(torch.arange(len(examples)).split(AT_ONCE), desc="decoding", disable=None, leave=False):
        real = examples.batch(indices).x.to(device)
        codes = representation.encode(real)
        found.append(codes.cpu())
        errors.append((representation.decode(codes) - real).square().mean((1, 2, 3)).double().cpu())
    figures = representation.autoencoder.health(torch.cat(found))
    return PictureCoding(
        pictures=len(examples),
        psnr=-10 * math.log10(max(torch.cat(errors).mean().item(), LEAST_ERROR)),
        used=figures["used"].item(),
        perplexity=figures["perplexity"].item(),
        levels=representation.levels,
        bits=math.prod(representation.spec().shape) * math.log2(representation.levels),
    )


def write_coded_sheet(
    path: Path,
    model: Autoregressive,
    representation: PictureCodes,
    examples: Examples,
    *,
    per_class: int = 6,
    seed: int = 0,
    sampling: Sampling = PLAIN,
) -> None:
    """Write a PNG with a line for each class: real pictures, the same decoded from their codes, and generated ones.

    Args:
        path: File to write, atomically.
        model: A prior on the codes, in eval mode.
        representation: The codes.
        examples: Where real pictures and the labels are taken from.
        per_class: Pictures of each class, fewer where there are not so many.
        seed: Of the choice of real pictures, and of the generated ones.
        sampling: How to draw.
    """
    real = class_examples(model, examples, per_class=per_class, seed=seed)
    codes = representation.encode(real.x.to(model.device))
    decoded = representation.decode(codes).cpu()
    made = generate(model, representation, examples, real.labels, len(real), seed=seed, sampling=sampling)
    rows: list[tuple[str, np.ndarray]] = []
    for name, members in by_class(class_field(model, examples), real):
        kinds = [_padded(to_bytes(kind[members].numpy()), per_class + 1) for kind in (real.x, decoded, made)]
        rows.append((f"{name}: {KINDS}" if name else KINDS, np.concatenate(kinds)[:-1]))
    write_sheet(path, rows, columns=3 * per_class + 2)


def _padded(pictures: np.ndarray, count: int) -> np.ndarray:
    """Pictures (N, C, H, W) uint8, and white ones up to `count`."""
    return np.concatenate([pictures, np.full((count - len(pictures), *pictures.shape[1:]), 255, np.uint8)])
