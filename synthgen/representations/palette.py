"""Pictures of few colours as numbers of a palette."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from synthgen import checks
from synthgen.checks import UserError
from synthgen.records import Axis, DataSpec, Field

from .base import ImageRepresentation
from .pixels import MAX_SIDE


@dataclass(frozen=True, kw_only=True)
class Palette(ImageRepresentation):
    """Each pixel as the number of the nearest of some colours; the first of equal ones."""

    name = "palette"

    height: int
    """Rows."""
    width: int
    """Columns."""
    colours: tuple[tuple[int, int, int], ...]
    """Red, green and blue of each colour, 0 to 255."""

    def __post_init__(self) -> None:
        checks.between("height", self.height, 1, MAX_SIDE)
        checks.between("width", self.width, 1, MAX_SIDE)
        checks.between("number of colours", len(self.colours), 2, 4096)
        for index, colour in enumerate(self.colours):
            if not all(0 <= part <= 255 for part in colour):
                raise UserError(f"colours[{index}]={colour} must have red, green and blue between 0 and 255")

    @property
    def channels(self) -> int:
        """Channels of the media."""
        return 3

    @cached_property
    def _table(self) -> Tensor:
        return torch.tensor(self.colours, dtype=torch.float32) / 255

    def spec(self, fields: tuple[Field, ...] = ()) -> DataSpec:
        axes = (Axis(unit="pixels"), Axis(unit="pixels"))
        return DataSpec(shape=(1, self.height, self.width), levels=len(self.colours), fields=fields, axes=axes)

    def encode(self, media: Tensor) -> Tensor:
        checks.shape("picture", media, (None, 3, self.height, self.width))
        places = media.movedim(1, -1).flatten(0, 2)
        away = torch.cdist(places, self._table.to(media.device), compute_mode="donot_use_mm_for_euclid_dist")
        return away.argmin(1).view(len(media), 1, self.height, self.width)

    def decode(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        return self._table.to(x.device)[x[:, 0]].movedim(-1, 1).contiguous()
