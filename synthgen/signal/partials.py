"""The short-time spectrum of steady partials, in closed form."""

from __future__ import annotations

import math

import torch
from torch import Tensor

MOST = 512
"""Largest number of partials; 512 of the lowest key of a piano reach 14 kHz."""


def partials_stft(hz: Tensor, *, sample_rate: float, n_fft: int, hop_length: int, frames: int) -> Tensor:
    """What `stft` makes of a sum of endless cosines of amplitude 1 that have phase zero at time zero.

    A partial is the Hann window's transform around its frequency times a phasor that turns from frame to frame. Those
    less than two bins below half the sample rate fade out, and those above it or that are no number are silent.

    Args:
        hz: Frequencies, (B, K), float64 for phases that stay exact.
        sample_rate: Samples per second.
        n_fft: Window and FFT length in samples.
        hop_length: Step between frames in samples.
        frames: Number of frames L.

    Returns:
        (B, n_fft // 2 + 1, L), complex64; differentiable in `hz`.
    """
    heard = hz.isfinite()
    hz = torch.where(heard, hz, 0.0)
    place = (hz * (n_fft / sample_rate))[:, None].float()
    share = ((n_fft / 2 - place) / 2).clamp(0, 1) * heard[:, None]
    bins = torch.arange(n_fft // 2 + 1, device=hz.device, dtype=torch.float32)[:, None]
    sign = 1 - 2 * (bins % 2)  # the spectrum is referred to the beginning of a frame, the window to its centre
    mirrored = bins + place  # a cosine is at home at minus its frequency too, and spectra repeat after n_fft bins
    mirrored = torch.where(mirrored > n_fft / 2, mirrored - n_fft, mirrored)
    lobe, image = (share * sign * hann_transform(distance) for distance in (bins - place, mirrored))
    seconds = torch.arange(frames, device=hz.device, dtype=torch.float64) * (hop_length / sample_rate)
    radians = 2 * math.pi * ((hz.double()[:, :, None] * seconds) % 1.0).float()
    return torch.complex((lobe + image) @ radians.cos(), (lobe - image) @ radians.sin())


def hann_transform(distance: Tensor) -> Tensor:
    """The Hann window's transform at a distance in bins (...), 1 at zero.

    >>> hann_transform(torch.tensor([0.0, 1.0, 2.0])).round(decimals=3).abs()
    tensor([1.0000, 0.5000, 0.0000])
    """
    return distance.sinc() + ((distance - 1).sinc() + (distance + 1).sinc()) / 2
