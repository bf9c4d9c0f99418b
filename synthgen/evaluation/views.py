"""How well a model turns what it knows: views that it was shown, and others that were held out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from synthgen.data.chairs import Chairs
from synthgen.data.images import Images
from synthgen.losses.pictures import coverage
from synthgen.models.base import GenerativeModel
from synthgen.records import Field, Labels
from synthgen.representations.base import ImageRepresentation

COVERED = 0.5
"""Pixels of a higher coverage belong to the silhouette."""
MOST_DB = 60.0
"""Peak signal-to-noise ratio of pictures that are (nearly) the same."""
BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Views:
    """Means over the pictures of a part.

    Attributes:
        pictures: Their number.
        psnr: Peak signal-to-noise ratio in dB.
        silhouette: Intersection over union of the silhouettes.
        blended: Ratio in dB of the linear blend of the two nearest rotations that were shown, NaN where there is none.
    """

    pictures: int
    psnr: float
    silhouette: float
    blended: float = math.nan


@dataclass(frozen=True, kw_only=True)
class Report:
    """Views that a model has seen, and that it has not."""

    train: Views
    test: Views

    def __str__(self) -> str:
        def row(name: str, v: Views) -> str:
            blended = "-" if math.isnan(v.blended) else f"{v.blended:.2f}"
            return f"| {name} | {v.pictures} | {v.psnr:.2f} | {blended} | {v.silhouette:.3f} |"

        head = (
            "| views | pictures | PSNR, dB | blend of the nearest shown, dB | silhouette, IoU |\n|---|---|---|---|---|"
        )
        return "\n".join([head, row("shown", self.train), row("held out", self.test)])


def judge(model: GenerativeModel, representation: ImageRepresentation, data: Chairs, *, limit: int = 2000) -> Report:
    """Judge up to `limit` views, evenly chosen, of those that were shown and of the test part."""
    return Report(
        train=_views(model, representation, data.train, None, limit),
        test=_views(model, representation, data.test, data.train, limit),
    )


def _views(
    model: GenerativeModel, representation: ImageRepresentation, part: Images, shown: Images | None, limit: int
) -> Views:
    chosen = torch.arange(0, len(part), max(1, math.ceil(len(part) / limit)))
    ratios, overlaps, blends = [], [], []
    for rows in chosen.split(BATCH):
        batch = part.batch(rows)
        made = draw(model, representation, batch.labels, len(rows))
        ratios.append(psnr(made, batch.x))
        overlaps.append(overlap(made, batch.x))
        if shown is not None:
            blends.append(psnr(blend(shown, batch.labels), batch.x))
    blended = float(torch.cat(blends).nanmean()) if blends else math.nan
    figures = {"psnr": float(torch.cat(ratios).mean()), "silhouette": float(torch.cat(overlaps).mean())}
    return Views(pictures=len(chosen), **figures, blended=blended)


def draw(model: GenerativeModel, representation: ImageRepresentation, labels: Labels, n: int) -> Tensor:
    """Pictures (n, C, H, W) in [0, 1] on the CPU."""
    device = next(model.parameters()).device
    there = {name: values.to(device) for name, values in labels.items()}
    with torch.inference_mode():
        x = model.sample(n, there, rng=torch.Generator(device).manual_seed(0))
    return representation.decode(x.float()).cpu()


def psnr(made: Tensor, real: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of pictures in [0, 1], (B, C, H, W) -> (B,).

    >>> psnr(torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.1))
    tensor([20.])
    """
    return (-10 * (made - real).square().mean((1, 2, 3)).log10()).clamp(max=MOST_DB)


def overlap(made: Tensor, real: Tensor) -> Tensor:
    """Intersection over union of the silhouettes of pictures on white, (B, C, H, W) -> (B,)."""
    a, b = (coverage(x).flatten(1) > COVERED for x in (made, real))
    return (a & b).sum(1) / (a | b).sum(1).clamp(min=1)


def blend(shown: Images, labels: Labels) -> Tensor:
    """The nearest rotations on both sides that were shown of the same chair at the same elevation, by their distance.

    NaN where there are none.
    """
    known = shown.pictures.labels
    turns, blends = degrees(shown.spec.field("rotation"), known["rotation"]), []
    asked = degrees(shown.spec.field("rotation"), labels["rotation"])
    for chair, turn, elevation in zip(labels["chair"], asked, labels["elevation"], strict=True):
        rows = ((known["chair"] == chair) & (known["elevation"] == elevation)).nonzero()[:, 0]
        if not len(rows):
            blends.append(torch.full(shown.spec.shape, math.nan))
            continue
        after, before = ((d % 360) for d in (turns[rows] - turn, turn - turns[rows]))
        nearest = torch.stack([rows[before.argmin()], rows[after.argmin()]])
        share = before.min() / (before.min() + after.min())
        low, high = shown.batch(nearest).x
        blends.append(torch.lerp(low, high, share))
    return torch.stack(blends)


def degrees(field: Field, values: Tensor) -> Tensor:
    """Rotations in degrees, also where they are categories."""
    return torch.tensor([float(name) for name in field.names])[values] if field.kind == "category" else values
