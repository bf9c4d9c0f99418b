"""Short-time Fourier transforms, centred, with a Hann window, scaled so that a full-scale sine peaks at 1."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


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
    rows = z.reshape(-1, *z.shape[-2:]).mT
    framing = Framing(
        n_fft=n_fft, hop_length=hop_length or n_fft // 4, frames=rows.shape[1], length=length, like=z.real
    )
    return framing.signals(rows).view(*z.shape[:-2], length)


class Framing:
    """Both transforms of signals of one length, frames in rows (B, L, F), which FFTs read and write without a copy."""

    def __init__(self, *, n_fft: int, hop_length: int, frames: int, length: int, like: Tensor) -> None:
        """Type and device are those of `like`; the others as in `stft` and `istft`."""
        self.n_fft, self.hop_length, self.length = n_fft, hop_length, length
        window = torch.hann_window(n_fft, device=like.device, dtype=like.dtype)
        self.analysis, self.synthesis = window * (2 / window.sum()), window * (window.sum() / 2)
        self.inside = slice(n_fft // 2, n_fft // 2 + length)
        covered = overlap_add(window.square().expand(1, frames, n_fft), hop_length=hop_length)
        self.covered = covered[:, self.inside].clamp(min=1e-11)

    def spectra(self, x: Tensor) -> Tensor:
        """Signals (B, T) -> their STFT, (B, L, F)."""
        half = self.n_fft // 2
        frames = F.pad(x, (half, half)).unfold(-1, self.n_fft, self.hop_length)
        return torch.fft.rfft(frames * self.analysis)

    def signals(self, z: Tensor) -> Tensor:
        """Spectra (B, L, F) -> the signals whose STFT is closest, (B, T)."""
        frames = torch.fft.irfft(z, self.n_fft) * self.synthesis
        x = overlap_add(frames, hop_length=self.hop_length)[:, self.inside] / self.covered
        return F.pad(x, (0, self.length - x.shape[1]))


def overlap_add(frames: Tensor, *, hop_length: int) -> Tensor:
    """Frames (B, L, N) that begin `hop_length` samples apart -> their sum, (B, at least (L - 1) * hop_length + N).

    >>> overlap_add(torch.ones(1, 3, 4), hop_length=2)
    tensor([[1., 1., 2., 2., 2., 2., 1., 1.]])
    """
    pieces = F.pad(frames, (0, -frames.shape[2] % hop_length)).unflatten(2, (-1, hop_length))
    batch, count, over, _ = pieces.shape
    total = frames.new_zeros(batch, count + over - 1, hop_length)
    for i in range(over):
        total[:, i : i + count] += pieces[:, :, i]
    return total.flatten(1)
