"""The phase of a note's fundamental over time."""

from __future__ import annotations

import math

import pytest
import torch

from synthgen.signal.tracking import phase_lead

RATE, HOP = 16_000, 128
SECONDS = torch.arange(2 * RATE, dtype=torch.float64) / RATE


def tone(cycles: torch.Tensor) -> torch.Tensor:
    """Three partials of a fundamental whose phase is given in cycles."""
    return sum(torch.cos(2 * math.pi * k * cycles) / k for k in (1, 2, 3))


def follow(x: torch.Tensor, hz: float) -> torch.Tensor:
    lead = phase_lead(x[None], torch.tensor([hz]), sample_rate=RATE, hop_length=HOP)
    assert lead.shape == (1, 1 + math.ceil(len(x) / HOP))
    return lead[0].double()


@pytest.mark.parametrize("hz", [70.0, 440.0, 3000.0])
def test_a_tone_that_is_sharp_runs_ahead(hz):
    sharp = hz * 2 ** (20 / 1200)
    lead = follow(tone(sharp * SECONDS + 0.3), hz)
    expected = (sharp - hz) * torch.arange(len(lead)) * HOP / RATE + 0.3
    inner = slice(8, -8)
    off = lead - expected
    whole = off[inner].mean().round()
    assert (off[inner] - whole).abs().max() < 0.02


def test_a_vibrato_is_followed():
    wave = 0.4 * torch.sin(2 * math.pi * 5 * SECONDS)
    lead = follow(tone(440 * SECONDS + wave), 440.0)
    inner = slice(8, -9)
    off = (lead[:-1] - wave[::HOP])[inner]
    assert (off - off.mean().round()).abs().max() < 0.08  # seen through a window of 64 ms
    assert lead[inner].max() - lead[inner].min() > 0.6


def test_silence_holds_the_phase_and_an_unknown_pitch_has_none():
    x = tone(441 * SECONDS)
    x[RATE:] = 0
    lead = follow(x, 440.0)
    after = lead[RATE // HOP + 8 :]
    assert after.max() == after.min()
    assert not follow(x, math.nan).any()
    assert not follow(torch.zeros(1000, dtype=torch.float64), 440.0).any()
