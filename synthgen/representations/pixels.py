"""Pictures as numbers of each pixel's channels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from synthgen import checks
from synthgen.records import Axis, DataSpec, Field

from .base import ImageRepresentation

MAX_SIDE = 4096


@dataclass(frozen=True, kw_only=True)
class Pixels(ImageRepresentation):
    """Each channel of a pixel as one of equally spaced levels, or as a number in [-1, 1]."""

    name = "pixels"

    height: int = 28
    """Rows."""
    width: int = 28
    """Columns."""
    channels: int = 1
    """1 for grey, 3 for red, green and blue."""
    levels: int | None = 256
    """Number of levels from black to full; 2 are black and white; None keeps numbers in [-1, 1]."""

    def __post_init__(self) -> None:
        checks.between("height", self.height, 1, MAX_SIDE)
        checks.between("width", self.width, 1, MAX_SIDE)
        checks.between("channels", self.channels, 1, 4)
        if self.levels is not None:
            checks.between("levels", self.levels, 2, 65_536)

    def spec(self, fields: tuple[Field, ...] = ()) -> DataSpec:
        shape, axes = (self.channels, self.height, self.width), (Axis(unit="pixels"), Axis(unit="pixels"))
        return DataSpec(shape=shape, levels=self.levels, fields=fields, axes=axes)

    def encode(self, media: Tensor) -> Tensor:
        checks.shape("picture", media, (None, self.channels, self.height, self.width))
        if self.levels is None:
            return media * 2 - 1
        return (media * (self.levels - 1)).round().clamp(0, self.levels - 1).long()

    def decode(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        if self.levels is None:
            return ((x + 1) / 2).clamp(0, 1)
        return x.float() / (self.levels - 1)
