"""Phases of a short-time Fourier transform, and waveforms from magnitudes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .stft import istft, stft


def instantaneous_frequency(phase: Tensor, *, n_fft: int, hop_length: int) -> Tensor:
    """How far each bin's frequency lies from the bin's centre (Flanagan and Golden, 1966; GANSynth, arXiv:1902.08710).

    Args:
        phase: Radians, (..., F, L), F from 0 Hz upwards.
        n_fft: Window and FFT length in samples.
        hop_length: Step between frames in samples.

    Returns:
        Phase advance a frame beyond that of the bin's centre, in units of pi, (..., F, L) in [-1, 1). The first frame
        holds its phase itself, so that `integrate` is the exact inverse.
    """
    advance = torch.diff(phase, dim=-1) - _centre(phase, n_fft, hop_length)
    return _wrap(torch.cat([phase[..., :1], advance], dim=-1)) / math.pi


def integrate(frequency: Tensor, *, n_fft: int, hop_length: int) -> Tensor:
    """Phases in radians (..., F, L) whose `instantaneous_frequency` is `frequency`, up to whole turns."""
    steps = frequency.double() * math.pi
    advance = steps[..., 1:] + _centre(frequency, n_fft, hop_length).double()
    return _wrap(torch.cat([steps[..., :1], advance], dim=-1).cumsum(-1)).to(frequency.dtype)


def griffin_lim(
    magnitude: Tensor, phase: Tensor, *, n_fft: int, hop_length: int, length: int, iterations: int, momentum: float = 0.99
) -> Tensor:
    """A waveform whose magnitudes approach `magnitude`, starting from `phase`.

    Fast Griffin-Lim (Perraudin et al., 2013, doi:10.1109/WASPAA.2013.6701851): unlike torchaudio's it can start from
    given phases.

    Args:
        magnitude: (..., F, L), scaled as `stft` scales.
        phase: Radians, (..., F, L).
        n_fft: Window and FFT length in samples.
        hop_length: Step between frames in samples.
        length: Samples to return.
        iterations: Projections; 0 inverts the phases as they are.
        momentum: 0 is plain Griffin-Lim; 0.99 is fast.

    Returns:
        Waveform, (..., length).
    """
    size = {"n_fft": n_fft, "hop_length": hop_length}
    z = torch.polar(magnitude, phase)
    previous = torch.zeros_like(z)
    for _ in range(iterations):
        consistent = stft(istft(z, **size, length=length), **size)
        z = consistent - momentum / (1 + momentum) * previous
        z = magnitude * z / z.abs().clamp(min=1e-16)
        previous = consistent
    return istft(z, **size, length=length)


def _centre(phase: Tensor, n_fft: int, hop_length: int) -> Tensor:
    bins = torch.arange(phase.shape[-2], device=phase.device, dtype=phase.dtype)
    return (2 * math.pi * hop_length / n_fft * bins)[:, None]


def _wrap(radians: Tensor) -> Tensor:
    return torch.remainder(radians + math.pi, 2 * math.pi) - math.pi
