"""Log magnitude and instantaneous frequency."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from synthgen import checks
from synthgen.records import Axis, DataSpec, Field
from synthgen.signal.phase import griffin_lim, instantaneous_frequency, integrate, single_pass
from synthgen.signal.stft import stft

from .base import AudioRepresentation

GATE = 0.02
"""A hundredth of the range: a model never predicts the floor itself, and a hiss at -127 dB counts in log spectra."""


@dataclass(frozen=True, kw_only=True)
class Spectrogram(AudioRepresentation):
    """Short-time spectrum (C, F, L): log magnitude in [-1, 1], and instantaneous frequency (arXiv:1902.08710).

    The bin at half the sample rate is left out, so that F = n_fft / 2.
    """

    name = "spectrogram"

    sample_rate: int = 16_000
    """Samples per second."""
    samples: int = 64_000
    """Length of a note in samples."""
    n_fft: int = 1024
    """Window and FFT length in samples; 1024 is 64 ms at 16 kHz."""
    hop_length: int = 256
    """Step between frames in samples."""
    range_db: float = 128.0
    """Decibels from a full-scale sine (1) down to the floor (-1)."""
    phase: Literal["integrate", "griffin_lim"] = "integrate"
    """Carry the instantaneous frequency and integrate it, or carry magnitudes alone and find phases for them."""
    iterations: int = 8
    """Griffin-Lim projections when decoding, from the integrated phases or those of `signal.phase.single_pass`."""

    def __post_init__(self) -> None:
        checks.between("n_fft", self.n_fft, 16, 65_536)
        checks.between("hop_length", self.hop_length, 1, self.n_fft // 2)
        checks.between("samples", self.samples, self.n_fft, 16_000_000)
        checks.between("range_db", self.range_db, 20, 200)
        checks.between("iterations", self.iterations, 0, 1000)

    def spec(self, fields: tuple[Field, ...] = ()) -> DataSpec:
        shape = (1 if self.phase == "griffin_lim" else 2, self.n_fft // 2, 1 + self.samples // self.hop_length)
        hz = Axis(unit="hz", step=self.sample_rate / self.n_fft)
        seconds = Axis(unit="seconds", step=self.hop_length / self.sample_rate)
        return DataSpec(shape=shape, fields=fields, axes=(hz, seconds))

    def encode(self, media: Tensor) -> Tensor:
        z = stft(media, n_fft=self.n_fft, hop_length=self.hop_length)[..., :-1, :]
        level = self.to_level(z.abs())
        if self.phase == "griffin_lim":
            return level
        frequency = instantaneous_frequency(z.angle(), n_fft=self.n_fft, hop_length=self.hop_length)
        return torch.cat([level, frequency], dim=1)

    def decode(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        size = {"n_fft": self.n_fft, "hop_length": self.hop_length}
        magnitude = F.pad(self.to_magnitude(x[:, :1]), (0, 0, 0, 1))
        if self.phase == "integrate":
            phase = F.pad(integrate(x[:, 1:], **size), (0, 0, 0, 1))
        else:
            phase = single_pass(magnitude.detach(), **size, start=_start(magnitude, rng))
        return griffin_lim(magnitude, phase, **size, length=self.samples, iterations=self.iterations)

    def to_level(self, magnitude: Tensor) -> Tensor:
        """Magnitudes (full-scale sine 1) to [-1, 1], linear in decibels."""
        floor = 10 ** (-self.range_db / 20)
        return 1 + 40 / self.range_db * magnitude.clamp(min=floor).log10()

    def to_magnitude(self, level: Tensor) -> Tensor:
        """The inverse of `to_level`; what lies within `GATE` of the floor becomes silence."""
        level = level.clamp(max=1.2)
        return torch.where(level <= GATE - 1, 0.0, 10 ** ((level - 1) * self.range_db / 40))


def _start(magnitude: Tensor, rng: torch.Generator | None) -> Tensor | None:
    if rng is None:
        return None
    return 2 * math.pi * torch.rand(magnitude.shape[:-1], generator=rng, device=rng.device).to(magnitude)
