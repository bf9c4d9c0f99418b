"""Raw samples."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from synthgen.records import Axis, DataSpec, Field

from .base import AudioRepresentation


@dataclass(frozen=True, kw_only=True)
class Waveform(AudioRepresentation):
    """Samples as they are, clipped to [-1, 1]."""

    name = "waveform"

    sample_rate: int = 16_000
    """Samples per second."""
    samples: int = 64_000
    """Length of a note in samples."""

    def spec(self, fields: tuple[Field, ...] = ()) -> DataSpec:
        axes = (Axis(unit="seconds", step=1 / self.sample_rate),)
        return DataSpec(shape=(1, self.samples), fields=fields, axes=axes)

    def encode(self, media: Tensor) -> Tensor:
        return media.clamp(-1, 1)

    def decode(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        return x.clamp(-1, 1)
