from __future__ import annotations

import math

import pytest
import torch
from toy_tones import Oracle

from synthgen.checks import UserError
from synthgen.evaluation.player import Player
from synthgen.evaluation.texture import bins_between, judge_part, judge_texture, restlessness

RATE = 16_000
T = torch.arange(4 * RATE) / RATE
TONE = 0.3 * torch.sin(2 * math.pi * 440 * T) + 0.1 * torch.sin(2 * math.pi * 880 * T)
HISS = 0.01 * torch.randn(4 * RATE, generator=torch.Generator().manual_seed(0))


def test_bins_of_partials_are_left_out_and_silent_ones_too():
    bins = bins_between(TONE + HISS, midi=69, sample_rate=RATE)
    hz = torch.arange(513) * RATE / 1024
    away = ((hz / 440 - (hz / 440).round()) * 440).abs()
    assert (away[bins] > 39).all() and bins.sum() > 350
    assert not bins_between(TONE, midi=69, sample_rate=RATE)[hz > 2000].any()


def test_noise_is_as_restless_however_loud():
    bins = bins_between(TONE + HISS, midi=69, sample_rate=RATE)
    loud, soft = (restlessness(TONE + g * HISS, bins, sample_rate=RATE) for g in (1.0, 0.1))
    assert 4 < loud < 7 and soft == pytest.approx(loud, abs=0.3)
    assert restlessness(HISS, bins, sample_rate=RATE) == pytest.approx(loud, abs=0.3)


def test_a_drone_is_not_restless_where_a_hiss_is():
    drone, bins = 0.01 * torch.sin(2 * math.pi * 660 * T), torch.arange(513) == round(660 / RATE * 1024)
    assert restlessness(TONE + drone, bins, sample_rate=RATE) < 0.2
    assert restlessness(TONE + drone + 0.02 * HISS, bins, sample_rate=RATE) < 1
    assert restlessness(TONE + HISS, bins, sample_rate=RATE) > 3


def test_the_very_notes_are_as_restless_as_they_are(tones, waveform):
    found = judge_part(Oracle(tones.spec), waveform, tones.test, limit=4)
    assert found.apart == found.floor == 0 and found.real == found.generated > 0 and 0 < found.notes <= 4
    assert f"generated {found.real:.2f} (0.00 apart)" in str(found)


def test_notes_with_nothing_between_partials_are_told(tones, waveform):
    with pytest.raises(UserError, match="judge more of them"):
        judge_texture(Player(model=Oracle(tones.spec), representation=waveform), tones.test, [])
