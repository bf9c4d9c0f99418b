from __future__ import annotations

import math

import pytest
import torch

from synthgen.signal.resampling import length_at, stretch


@pytest.mark.parametrize("length", [7600, 8400])
def test_a_stretched_sine_is_the_sine_of_the_new_pitch(length):
    sine = torch.sin(2 * math.pi * 400 * torch.arange(8000) / 16_000)
    expected = torch.sin(2 * math.pi * 400 * 8000 / length * torch.arange(length) / 16_000)
    torch.testing.assert_close(stretch(sine, length), expected, rtol=0, atol=1e-3)


def test_what_would_pass_half_the_rate_is_left_out():
    high = torch.cos(2 * math.pi * 7600 * torch.arange(8000, dtype=torch.float64) / 16_000)
    assert stretch(high, 7000).abs().max() < 1e-9


def test_the_length_is_fast_to_transform_and_the_shift_is_told():
    length, raised = length_at(64_000, 0.3)
    assert length % 200 == 0 and abs(raised - 0.3) < 0.03
    assert raised == pytest.approx(12 * math.log2(64_000 / length))
