"""A small convolutional classifier of pictures, whose inner features also serve to compare sets of pictures."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks
from synthgen.checks import UserError
from synthgen.records import Batch, DataSpec, Field, Loss

from .base import Model

GROUPS = 4
"""Groups of channels that are normalised together."""


class Classifier(Model):
    """Convolutions at half the resolution each, whose mean and largest values tell a category or a set of flags.

    Attributes:
        field: The label that it tells.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """What is told, and by how large a network."""

        label: str = "class"
        """A category, or a label of many flags at once (`multihot`)."""
        widths: tuple[int, ...] = (24, 48, 96)
        """Channels of each level, the first at half the resolution of the pictures; multiples of 4."""

    config: Config

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.field = _told(spec, config.label)
        checks.equal("axes of an example", spec.ndim, "those of a picture", 2)
        checks.between("number of widths", len(config.widths), 1, 16)
        for width in config.widths:
            checks.between("widths", width, GROUPS, 8192)
            checks.divisible("widths", width, "groups", GROUPS)
        layers: list[nn.Module] = []
        for inputs, outputs in zip((spec.shape[0], *config.widths), config.widths, strict=False):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.GroupNorm(GROUPS, outputs), nn.SiLU()]
        self.body = nn.Sequential(*layers)
        self.out = nn.Linear(2 * config.widths[-1], self.field.size)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (B, C, H, W) in [-1, 1] -> logits (B, size of the label)."""
        y = self.body(x)
        return self.out(torch.cat([y.mean((2, 3)), y.amax((2, 3))], dim=1))

    def features(self, x: Tensor) -> Tensor:
        """Pictures (B, C, H, W) in [-1, 1] -> means over the picture of all channels of all levels, (B, D).

        The first C are those of the picture itself, whose colour normalisation hides from the others; the early levels
        answer to sharpness and noise, the last to what is shown. D = C + sum(widths).
        """
        means = [x.mean((2, 3))]
        for layer in self.body:
            x = layer(x)
            if isinstance(layer, nn.SiLU):
                means.append(x.mean((2, 3)))
        return torch.cat(means, dim=1)

    def loss(self, batch: Batch) -> Loss:
        """Cross entropy in nats, of flags the mean over them; with the share of labels that are told rightly."""
        logits, wanted = self(batch.x).float(), batch.labels[self.field.name]
        if self.field.kind == "category":
            right = (logits.argmax(1) == wanted).float().mean()
            return Loss(F.cross_entropy(logits, wanted), {"right": right})
        right = ((logits > 0) == (wanted > 0.5)).float().mean()
        return Loss(F.binary_cross_entropy_with_logits(logits, wanted.float()), {"right": right})


def _told(spec: DataSpec, label: str) -> Field:
    field = spec.field(label)
    if field.kind not in ("category", "multihot"):
        raise UserError(f"label={label!r} is of kind {field.kind}; a classifier needs a category or flags (multihot)")
    if spec.levels is not None:
        raise UserError(f"levels={spec.levels} must be None for a classifier, which takes pictures in [-1, 1]")
    return field
