"""Noise through a filter that changes over time (Engel et al., 2020, arXiv:2001.04643, appendix B.5)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def white_noise(shape: tuple[int, ...], *, rng: torch.Generator | None = None, like: Tensor) -> Tensor:
    """Uniform white noise of variance 1 with the type and device of `like`; without `rng` torch's own generator."""
    device = like.device if rng is None else rng.device
    return (math.sqrt(12) * (torch.rand(shape, generator=rng, device=device) - 0.5)).to(like)


def impulse_responses(magnitude: Tensor) -> Tensor:
    """Zero-phase filters with the magnitudes asked for, smoothed by a Hann window of the filter's length.

    The window turns each band into a quarter, a half and a quarter of its neighbours and itself.

    Args:
        magnitude: At bands in equal steps from 0 to half the sample rate, (..., N).

    Returns:
        (..., 2 N - 2), time zero in the middle.
    """
    taps = 2 * magnitude.shape[-1] - 2
    window = torch.hann_window(taps, device=magnitude.device, dtype=magnitude.dtype)
    return torch.fft.irfft(magnitude, taps).roll(taps // 2, -1) * window


def filtered_noise(noise: Tensor, magnitude: Tensor, *, hop_length: int) -> Tensor:
    """Noise whose spectrum follows `magnitude`.

    The samples between two frames go through one filter, the mean of both frames' magnitudes; what it makes of them
    overlaps with their neighbours' and is added.

    Args:
        noise: White noise, (B, (L - 1) * hop_length).
        magnitude: Gain of each band at each frame, (B, N, L), bands in equal steps from 0 to half the sample rate.
        hop_length: Samples between frames.

    Returns:
        As long as `noise`, without delay.
    """
    filters = impulse_responses(((magnitude[..., 1:] + magnitude[..., :-1]) / 2).mT)
    taps = filters.shape[-1]
    blocks = math.ceil((hop_length + taps) / hop_length)
    size = blocks * hop_length
    pieces = noise.unflatten(1, (-1, hop_length))
    spoken = torch.fft.irfft(torch.fft.rfft(pieces, size) * torch.fft.rfft(filters, size), size)
    spoken = spoken.unflatten(2, (blocks, hop_length))
    # Block j of piece i belongs at i + j.
    total = sum(F.pad(spoken[:, :, j], (0, 0, j, blocks - 1 - j)) for j in range(blocks))
    return total.flatten(1)[:, taps // 2 : taps // 2 + noise.shape[1]]
