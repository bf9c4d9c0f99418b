"""Noise whose short-time spectra are flatter than chance would have them."""

from __future__ import annotations

import torch
from torch import Tensor

from .stft import istft, stft


def flat_noise(samples: int, *, n_ffts: tuple[int, ...] = (512, 1024, 2048), cycles: int = 8, seed: int = 0) -> Tensor:
    """White noise of variance about 1, with nearly the same magnitude in every bin at several window lengths.

    The levels of Gaussian noise scatter by 5.6 dB (a Rayleigh distribution), so that two noises of the same spectrum
    lie 7.9 dB apart in log spectra. Projections in turn towards equal magnitudes at each window length (Griffin and
    Lim, 1984) bring the scatter below 4 dB, and so the distance from a recorded noise down.

    Args:
        samples: Length T.
        n_ffts: Window lengths in samples.
        cycles: Projections at each window length.
        seed: Of the Gaussian noise to begin with.

    Returns:
        (T,), on the CPU.
    """
    x = torch.randn(samples, generator=torch.Generator().manual_seed(seed), device="cpu")
    for _ in range(cycles):
        for n_fft in n_ffts:
            z = stft(x, n_fft=n_fft)
            x = istft(z / z.abs().clamp(min=1e-9), n_fft=n_fft, length=samples)
            x = x / x.std().clamp(min=1e-9)
    return x
