"""Losses on spectra."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from synthgen import checks
from synthgen.checks import UserError
from synthgen.records import Batch, Loss
from synthgen.signal.stft import stft


@dataclass(frozen=True, kw_only=True)
class SpectrogramError:
    """Error of log magnitude and instantaneous frequency, for examples (B, 2 or 1, F, L) of `Spectrogram`."""

    magnitude: Literal["l1", "log_spectral"] = "log_spectral"
    """Mean absolute error, or log-spectral distance: the root mean square over bins, averaged over frames."""
    frequency_weight: float = 0.1
    """Weight of the instantaneous frequency beside the magnitude."""

    def __call__(self, estimate: Tensor, batch: Batch) -> Loss:
        """Estimates of ``batch.x``, (B, C, F, L) -> loss; its part ``level`` is in half ranges of the level axis."""
        target = batch.x
        error = estimate[:, 0] - target[:, 0]
        level = error.abs().mean() if self.magnitude == "l1" else (error.square().mean(-2) + 1e-6).sqrt().mean()
        if estimate.shape[1] == 1:
            return Loss(level, {"level": level})
        frequency = frequency_error(estimate[:, 1], target[:, 1], weight=((target[:, 0] + 1) / 2).square())
        return Loss(level + self.frequency_weight * frequency, {"level": level, "frequency": frequency})


def frequency_error(estimate: Tensor, target: Tensor, *, weight: Tensor) -> Tensor:
    """1 - cos of the difference of two instantaneous frequencies in units of pi, averaged with `weight`; all (B, F, L).

    It wraps as phases do, and counts where there is sound: the frequency of silence means nothing.
    """
    return ((1 - torch.cos(math.pi * (estimate - target))) * weight).sum() / weight.sum().clamp(min=1e-6)


@dataclass(frozen=True, kw_only=True)
class MultiResolution:
    """Log-spectral distance of waveforms at several window lengths (cf. Engel et al., 2020, arXiv:2001.04643, eq. 4).

    Unlike the equation it has no linear term: soft notes would count for nothing in it.
    """

    n_ffts: tuple[int, ...] = (512, 1024, 2048)
    """Window lengths in samples."""
    floor_db: float = -128.0
    """Magnitudes below this, relative to a full-scale sine, are silence."""

    def __call__(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Estimate and target, (B, 1, T) -> scalar in dB."""
        floor = 10 ** (self.floor_db / 20)

        def level(x: Tensor, n_fft: int) -> Tensor:
            return 20 * (stft(x, n_fft=n_fft).abs() + floor).log10()

        errors = [level(estimate, n) - level(target, n) for n in self.n_ffts]
        return torch.stack([(e.square().mean(-2) + 1e-4).sqrt().mean() for e in errors]).mean()


@dataclass(frozen=True, kw_only=True)
class LogPower:
    """L1 of log power spectra, the loss of SING (Defossez et al., 2018, arXiv:1810.09785, section 3.2)."""

    n_fft: int = 1024
    """Window and FFT length in samples."""
    hop_length: int = 256
    """Step between frames in samples."""
    epsilon: float = 1.0
    """Added to the power of the unnormalised STFT: a partial 48 dB below full scale has a power of 1 at n_fft 1024."""

    def __call__(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Estimate and target, (B, 1, T) -> scalar in nepers of power. Frames are centred, unlike SING's."""

        def level(x: Tensor) -> Tensor:
            z = stft(x, n_fft=self.n_fft, hop_length=self.hop_length) * (self.n_fft / 4)
            return (self.epsilon + z.real.square() + z.imag.square()).log()

        return (level(estimate) - level(target)).abs().mean()


@dataclass(frozen=True, kw_only=True)
class WaveformError:
    """Spectral distance of waveforms, for examples (B, 1, T) of `Waveform`."""

    multi_resolution: float = 0.02
    """Weight of `MultiResolution`, per dB: about a half range of 64 dB is 1, as in `SpectrogramError`."""
    log_power: float = 0.0
    """Weight of `LogPower`."""
    epsilon: float = 1.0
    """Of `LogPower`."""

    def __post_init__(self) -> None:
        for name in ("multi_resolution", "log_power"):
            checks.between(name, getattr(self, name), 0, 1e6)
        checks.between("epsilon", self.epsilon, 1e-12, 1e6)
        checks.between("sum of the loss's weights", self.multi_resolution + self.log_power, 1e-6, 2e6)

    def __call__(self, estimate: Tensor, batch: Batch) -> Loss:
        """Estimates of ``batch.x``, (B, 1, T) -> loss; a distance of weight 0 is not computed."""
        distances = {"multi_resolution": MultiResolution(), "log_power": LogPower(epsilon=self.epsilon)}
        weights = {name: getattr(self, name) for name in distances}
        parts = {name: d(estimate, batch.x) for name, d in distances.items() if weights[name]}
        return Loss(sum(weights[name] * value for name, value in parts.items()), parts)


@dataclass(frozen=True, kw_only=True)
class OnMedia:
    """A loss of examples that also compares what they decode to with the media themselves.

    Attributes:
        example: Loss of examples, e.g. `SpectrogramError`.
        media: Distance of media, e.g. `MultiResolution`.
        decode: Examples to media, differentiable.
        weight: Weight of the distance of media; 0 leaves it out.
    """

    example: Callable[[Tensor, Batch], Loss]
    media: Callable[[Tensor, Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]
    weight: float

    def __call__(self, estimate: Tensor, batch: Batch) -> Loss:
        """Estimates of ``batch.x`` -> loss."""
        loss = self.example(estimate, batch)
        if not self.weight:
            return loss
        if batch.media is None:
            raise UserError("a loss of what is heard needs whole notes; give crop=0, or leave it out")
        media = self.media(self.decode(estimate), batch.media)
        return Loss(loss.total + self.weight * media, {**loss.parts, "media": media})
