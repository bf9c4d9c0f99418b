"""How far two waveforms lie apart in log spectra."""

from __future__ import annotations

import torch
from torch import Tensor

from synthgen.signal.stft import stft

RESOLUTIONS = (512, 1024, 2048)
"""FFT lengths in samples of the multi-resolution distance; the hop is a quarter."""
FLOOR = 1e-4
"""Smallest magnitude that counts, on the scale of the un-normalised Hann STFT."""


def log_magnitude(x: Tensor, *, n_fft: int) -> Tensor:
    """Decibels of the un-normalised Hann STFT with a hop of a quarter window, at least -80.

    Args:
        x: Signal, (..., T).
        n_fft: Window and FFT length in samples.

    Returns:
        (..., n_fft // 2 + 1, L). A full-scale sine has 20 log10(n_fft / 4) at its bin.
    """
    return 20 * (stft(x, n_fft=n_fft).abs() * (n_fft / 4)).clamp(min=FLOOR).log10()


def difference(a: Tensor, b: Tensor) -> Tensor:
    """Decibels (..., F, L) and (..., F, L) -> RMS difference over bins, mean over frames, (...)."""
    return (a - b).square().mean(-2).sqrt().mean(-1)


def log_spectral_distance(x: Tensor, y: Tensor, *, n_fft: int = 1024) -> Tensor:
    """Log-spectral distance in dB at one resolution (Gray and Markel, 1976, doi:10.1109/TASSP.1976.1162849).

    Args:
        x: Waveforms, (..., T).
        y: Waveforms, (..., T).
        n_fft: Window and FFT length in samples; 1024 is 64 ms at 16 kHz.

    Returns:
        One distance a waveform, (...).

    >>> log_spectral_distance(torch.ones(1, 4096), torch.zeros(1, 4096)) > 3
    tensor([True])
    """
    return difference(log_magnitude(x, n_fft=n_fft), log_magnitude(y, n_fft=n_fft))


def multi_resolution_distance(x: Tensor, y: Tensor) -> Tensor:
    """Mean of `log_spectral_distance` over `RESOLUTIONS`, (...) in dB."""
    return torch.stack([log_spectral_distance(x, y, n_fft=n) for n in RESOLUTIONS]).mean(0)
