from __future__ import annotations

import math

import pytest
import torch

from synthgen.checks import UserError
from synthgen.nn.periodic import MULTIPLES, PeriodicFeatures
from synthgen.records import Axis

BUMP = 2 * len(MULTIPLES)


def test_bumps_lie_on_the_partials():
    features = PeriodicFeatures(Axis(unit="hz", step=10.0), 100)(torch.tensor([440.0]))
    bump = features[0, BUMP]
    peaks = [i for i in range(1, 99) if bump[i] > bump[i - 1] and bump[i] > bump[i + 1]]
    assert peaks == [44, 88]
    torch.testing.assert_close(bump[[44, 88]], torch.ones(2))


def test_cycles_on_a_time_axis_have_the_pitch():
    rate = 16_000
    cosine = PeriodicFeatures(Axis(unit="seconds", step=1 / rate), rate)(torch.tensor([440.0]))[0, 2]
    assert cosine.sub(cosine.mean()).abs().max() <= 2
    assert int(torch.fft.rfft(cosine).abs().argmax()) == 440


def test_an_unknown_pitch_has_no_features():
    features = PeriodicFeatures(Axis(unit="hz", step=10.0), 50)(torch.tensor([math.nan, 261.6]))
    assert not features[0].any()
    assert features[1].any()


def test_pixels_have_no_pitch():
    with pytest.raises(UserError, match="unit of the periodic axis='pixels'"):
        PeriodicFeatures(Axis(unit="pixels"), 8)
