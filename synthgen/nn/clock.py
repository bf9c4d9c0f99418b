"""Where a sample lies in its note: seconds since the onset, and place within the period of the pitch."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

SHORTEST, LONGEST = 0.004, 16.0
"""Range of the time scales of `Clock` in seconds."""
SCALES = 13
HARMONICS = (0.5, *map(float, range(1, 17)))
"""Multiples of the fundamental of `Cycles`; the half tells odd periods from even ones."""
WAVES = 8
"""Mixtures of the harmonics in `Timbre`."""
TIMBRE_FRAME = 256
"""Samples for which they stay the same; 16 ms at 16 kHz."""

LEAD_HOP = 128
"""Samples between the frames of `Cycles`' lead."""


class Clock(nn.Module):
    """Seconds since the onset as smooth steps, one an octave of time: t / (t + scale).

    Attacks differ by milliseconds and releases by tenths of a second, so that time is seen on a logarithmic scale.
    """

    channels = SCALES

    def __init__(self) -> None:
        super().__init__()
        scales = torch.logspace(math.log2(SHORTEST), math.log2(LONGEST), SCALES, base=2)
        self.register_buffer("scales", scales, persistent=False)

    def forward(self, seconds: Tensor) -> Tensor:
        """Seconds (...) -> (..., channels) in [-1, 1]."""
        return 2 * seconds[..., None] / (seconds[..., None] + self.scales) - 1


class Cycles(nn.Module):
    """Sines and cosines of the phase of a tone that begins at time zero, at `HARMONICS` of its fundamental.

    Harmonics above half the sample rate are zero, and so is all where the pitch is unknown.
    """

    channels = 2 * len(HARMONICS)

    def __init__(self, *, seconds: float) -> None:
        """`seconds` is the distance of neighbouring samples."""
        super().__init__()
        self.seconds = seconds
        self.register_buffer("harmonics", torch.tensor(HARMONICS, dtype=torch.float64), persistent=False)

    def forward(self, hz: Tensor, samples: Tensor, lead: Tensor | None = None) -> Tensor:
        """Fundamentals and places -> features.

        Args:
            hz: (B,), NaN where unknown.
            samples: Positions (B, T).
            lead: Cycles by which the tone is ahead at multiples of `LEAD_HOP` samples, (B, L); see
                `signal.tracking.phase_lead`. None is a steady tone.

        Returns:
            (B, channels, T) float32.
        """
        known = hz.isfinite()
        rates = torch.where(known, hz, 0.0).double()[:, None] * self.harmonics.double() * self.seconds
        cycles = (rates[:, :, None] * samples[:, None].double()) % 1.0
        if lead is not None:
            cycles = cycles + self.harmonics.double()[:, None] * _between(lead, samples)[:, None]
        heard = known[:, None, None] & (rates < 0.5)[:, :, None]
        angle = 2 * math.pi * cycles
        return torch.where(heard.repeat(1, 2, 1), torch.cat([angle.sin(), angle.cos()], dim=1), 0.0).float()


class Timbre(nn.Module):
    """What is known of the shape of a note's periods: mixtures of harmonics that the labels and the time choose.

    A network that is told phases alone has to learn by itself which harmonics an instrument has; here it is one
    product, as the amplitudes of an additive synthesizer.
    """

    def __init__(self, dim: int, channels: int, *, seconds: float, clock: bool = True) -> None:
        """From label vectors of size `dim` to `channels`, at samples `seconds` apart; `clock` tells it the time."""
        super().__init__()
        self.seconds = seconds
        self.clock, self.cycles = Clock() if clock else None, Cycles(seconds=seconds)
        self.mix = nn.Sequential(
            nn.Linear(dim + clock * Clock.channels, dim), nn.SiLU(), nn.Linear(dim, WAVES * Cycles.channels)
        )
        self.enter = nn.Linear(WAVES + Cycles.channels, channels)

    def forward(self, vector: Tensor, hz: Tensor, samples: Tensor, lead: Tensor | None = None) -> Tensor:
        """Label vectors (B, dim), and the rest as in `Cycles` -> (B, T, channels)."""
        frame = samples // TIMBRE_FRAME
        index = frame - frame[:, :1]
        count = (samples.shape[1] - 1) // TIMBRE_FRAME + 2
        begin = (frame[:, :1] + torch.arange(count, device=samples.device)) * TIMBRE_FRAME
        told = vector[:, None].expand(-1, count, -1)
        if self.clock is not None:
            told = torch.cat([told, self.clock(begin * self.seconds)], dim=-1)
        phases = self.cycles(hz, samples, lead).transpose(1, 2)
        mixture = self.mix(told).float().unflatten(2, (WAVES, -1))
        rows = torch.arange(len(samples), device=samples.device)[:, None]
        waves = (mixture[rows, index] @ phases[..., None])[..., 0]
        return self.enter(torch.cat([waves, phases], dim=-1))


def _between(lead: Tensor, samples: Tensor) -> Tensor:
    """Values (B, L) at multiples of `LEAD_HOP`, interpolated at `samples` (B, T): (B, T)."""
    place = samples.double() / LEAD_HOP
    left = place.floor().long().clamp(0, lead.shape[1] - 2)
    a, b = lead.double().gather(1, left), lead.double().gather(1, left + 1)
    return a + (b - a) * (place - left).clamp(0, 1)
