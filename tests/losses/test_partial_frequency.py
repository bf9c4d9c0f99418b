from __future__ import annotations

import math

import pytest
import torch

from synthgen.losses.partial_frequency import PartialFrequency
from synthgen.signal.oscillator import cents_to_ratio

RATE, HOP, FRAMES = 16_000, 64, 126


def tone(hz: float) -> torch.Tensor:
    t = torch.arange((FRAMES - 1) * HOP) / RATE
    return 0.2 * sum(torch.sin(2 * math.pi * k * hz * t) / k for k in range(1, 6))[None]


def error(cents: torch.Tensor, target: torch.Tensor, hz: float = 443.0) -> torch.Tensor:
    partials = hz * torch.arange(1.0, 41)[None, :, None] * cents_to_ratio(cents)
    return PartialFrequency()(partials.expand(1, 40, FRAMES), target, hop_length=HOP, sample_rate=RATE)


def test_there_is_none_at_the_target():
    assert error(torch.tensor(0.0), tone(443.0)) < 0.01


@pytest.mark.parametrize("cents", [-60.0, -10.0, -1.0, 1.0, 10.0, 60.0])
def test_it_pulls_towards_the_target_from_afar(cents):
    given = torch.tensor(cents, requires_grad=True)
    error(given, tone(443.0)).backward()
    assert given.grad * math.copysign(1, cents) > 0


def test_silence_asks_for_nothing():
    assert error(torch.tensor(20.0), torch.zeros_like(tone(1.0))) == 0
