"""Short-time Fourier transforms, centred, with a Hann window, scaled so that a full-scale sine peaks at 1."""

from __future__ import annotations

import torch
from torch import Tensor


def stft(x: Tensor, *, n_fft: int, hop_length: int | None = None) -> Tensor:
    """Complex STFT.

    Args:
        x: Signal, (..., T).
        n_fft: Window and FFT length in samples; 1024 is 64 ms at 16 kHz.
        hop_length: Step between frames in samples; a quarter window if None.

    Returns:
        (..., n_fft // 2 + 1, 1 + T // hop_length), complex; a sine of amplitude 1 has magnitude 1 at its bin.

    >>> stft(torch.zeros(2, 1, 256), n_fft=64).shape
    torch.Size([2, 1, 33, 17])
    """
    window = torch.hann_window(n_fft, device=x.device, dtype=x.dtype)
    flat = x.reshape(-1, x.shape[-1])
    scaled = window * (2 / window.sum())
    z = torch.stft(flat, n_fft, hop_length or n_fft // 4, window=scaled, return_complex=True, pad_mode="constant")
    return z.reshape(*x.shape[:-1], *z.shape[-2:])


def istft(z: Tensor, *, n_fft: int, hop_length: int | None = None, length: int) -> Tensor:
    """The signal (..., length) whose STFT is closest to `z` (Griffin and Lim, 1984): the inverse of `stft`."""
    window = torch.hann_window(n_fft, device=z.device, dtype=z.real.dtype)
    flat = z.reshape(-1, *z.shape[-2:])
    x = torch.istft(flat * (window.sum() / 2), n_fft, hop_length or n_fft // 4, window=window, length=length)
    return x.reshape(*z.shape[:-2], length)
