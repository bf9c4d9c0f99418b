"""Noise between white and brown."""

from __future__ import annotations

import torch
from torch import Tensor


def coloured_noise(slope: Tensor, *, length: int) -> Tensor:
    """Gaussian noise whose amplitude falls with frequency.

    Args:
        slope: Exponents of 1 / f of the amplitude, (B, 1): 0 is white, 0.5 pink, 1 brown.
        length: Samples.

    Returns:
        (B, length) of root mean square 1, drawn from torch's global generator as all noise in training.
    """
    spectrum = torch.fft.rfft(torch.randn(len(slope), length, device=slope.device))
    steps = torch.arange(spectrum.shape[1], device=slope.device).clamp(min=1)
    noise = torch.fft.irfft(spectrum * steps**-slope, n=length)
    return noise / noise.square().mean(1, keepdim=True).sqrt().clamp(min=1e-12)
