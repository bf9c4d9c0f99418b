"""Companded samples."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from synthgen import checks
from synthgen.records import Axis, DataSpec, Field
from synthgen.signal.companding import mu_law_decode, mu_law_encode

from .base import AudioRepresentation


@dataclass(frozen=True, kw_only=True)
class MuLaw(AudioRepresentation):
    """Samples in mu-law levels (ITU-T G.711; van den Oord et al., 2016, arXiv:1609.03499, section 2.2)."""

    name = "mulaw"

    sample_rate: int = 16_000
    """Samples per second."""
    samples: int = 64_000
    """Length of a note in samples."""
    levels: int = 256
    """Number of levels; 256 is 8 bits."""

    def __post_init__(self) -> None:
        checks.between("levels", self.levels, 2, 65_536)

    def spec(self, fields: tuple[Field, ...] = ()) -> DataSpec:
        axes = (Axis(unit="seconds", step=1 / self.sample_rate),)
        return DataSpec(shape=(1, self.samples), levels=self.levels, fields=fields, axes=axes)

    def encode(self, media: Tensor) -> Tensor:
        return mu_law_encode(media, levels=self.levels)

    def decode(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        return mu_law_decode(x, levels=self.levels)
