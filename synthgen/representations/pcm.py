"""Equally spaced levels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from synthgen import checks
from synthgen.records import Axis, DataSpec, Field

from .base import AudioRepresentation


@dataclass(frozen=True, kw_only=True)
class Pcm(AudioRepresentation):
    """Samples as the whole numbers that a WAV file holds, counted from 0.

    Level 2 ** (bits - 1) is silence; the highest stands for just less than 1, as in a file. What a model is told of a
    level (`heads.Head.scale`) has both ends at exactly -1 and 1, which at 16 bits differs by half a level.
    """

    name = "pcm"

    sample_rate: int = 16_000
    """Samples per second."""
    samples: int = 64_000
    """Length of a note in samples."""
    bits: int = 16
    """Bits a sample; there are 2 ** bits levels."""

    def __post_init__(self) -> None:
        checks.between("bits", self.bits, 2, 16)

    def spec(self, fields: tuple[Field, ...] = ()) -> DataSpec:
        axes = (Axis(unit="seconds", step=1 / self.sample_rate),)
        return DataSpec(shape=(1, self.samples), levels=2**self.bits, fields=fields, axes=axes)

    def encode(self, media: Tensor) -> Tensor:
        half = 2 ** (self.bits - 1)
        return ((media * half).round() + half).clamp(0, 2 * half - 1).long()

    def decode(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        half = 2 ** (self.bits - 1)
        return (x - half).float() / half
