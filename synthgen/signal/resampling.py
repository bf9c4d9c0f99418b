"""Playing a recording faster or slower."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def stretch(x: Tensor, length: int) -> Tensor:
    """The same signal in `length` samples, pitch and time together, band-limited by its Fourier transform.

    Args:
        x: Signal, (..., T).
        length: Samples afterwards; T / length is the factor by which every frequency rises.

    >>> stretch(torch.ones(8), 6)
    tensor([1., 1., 1., 1., 1., 1.])
    """
    spectrum = torch.fft.rfft(x)[..., : length // 2 + 1]
    return torch.fft.irfft(spectrum, n=length) * (length / x.shape[-1])


def length_at(samples: int, semitones: float, *, step: int = 200) -> tuple[int, float]:
    """Length that raises `samples` by about `semitones`, a multiple of `step` for a fast transform, and the true raise.

    >>> length_at(64_000, 12.0)
    (32000, 12.0)
    """
    length = max(step, round(samples * 2 ** (-semitones / 12) / step) * step)
    return length, 12 * math.log2(samples / length)
