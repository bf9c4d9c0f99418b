"""The phase of a note's fundamental over time."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

PERIODS = 8
"""Periods that a phase is measured over: neighbouring harmonics do not disturb it, and a semitone off is heard."""
SHORTEST, LONGEST = 128, 1024
"""Samples that it is measured over at least and at most."""
AUDIBLE = 0.01
"""Below this share of its largest amplitude a fundamental's phase means nothing and is held."""


def phase_lead(x: Tensor, hz: Tensor, *, sample_rate: float, hop_length: int) -> Tensor:
    """Cycles by which the fundamental of each note is ahead of a steady cosine that begins at time zero.

    It changes where a note is a little out of tune, or has a vibrato. It is measured around each frame by the product
    with that cosine (heterodyning), and followed from frame to frame.

    Args:
        x: Samples (B, T).
        hz: Expected fundamentals (B,); NaN gives 0.
        sample_rate: Samples per second.
        hop_length: Samples between frames, the first of which lies at time zero.

    Returns:
        (B, L) float32, L = 1 + ceil(T / hop_length); in one piece over time, but any whole number off.
    """
    frames = 1 + math.ceil(x.shape[1] / hop_length)
    known = hz.isfinite()
    rate = torch.where(known, hz, 0.0).double() / sample_rate
    padded = F.pad(x.float(), (LONGEST // 2, frames * hop_length + LONGEST // 2 - x.shape[1]))
    windows = padded.unfold(1, LONGEST, hop_length)[:, :frames]
    around = torch.arange(-LONGEST // 2, LONGEST // 2, device=x.device)
    place = around / (PERIODS / rate[:, None]).clamp(SHORTEST, LONGEST)
    hann = torch.where(place.abs() < 0.5, 0.5 + 0.5 * torch.cos(2 * math.pi * place), 0.0)
    cosine = torch.polar(hann, -2 * math.pi * rate[:, None] * around)
    product = windows @ torch.view_as_real(cosine).float()
    nominal = rate[:, None] * torch.arange(frames, device=x.device) * hop_length
    z = torch.view_as_complex(product.double().contiguous()) * torch.polar(
        torch.ones_like(nominal), -2 * math.pi * nominal
    )
    level = z.abs()
    audible = level > AUDIBLE * level.amax(1, keepdim=True)
    turns = (z[:, 1:] * z[:, :-1].conj()).angle() / (2 * math.pi) * (audible[:, 1:] & audible[:, :-1])
    lead = F.pad(turns.cumsum(1), (1, 0))
    loudest = level.argmax(1, keepdim=True)
    lead = lead - lead.gather(1, loudest) + z.angle().gather(1, loudest) / (2 * math.pi)
    return torch.where(known[:, None], lead, 0.0).float()
