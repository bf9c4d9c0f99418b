from __future__ import annotations

import math

import pytest
import torch

from synthgen.signal.resampling import transposed

INNER = slice(300, -300)  # the tones of these tests begin and end abruptly, which no band-limited signal does


@pytest.mark.parametrize("length", [7600, 8400])
def test_a_transposed_sine_is_the_sine_of_the_new_pitch(length):
    sine = torch.sin(2 * math.pi * 400 * torch.arange(8000, dtype=torch.float64) / 16_000).float()
    expected = torch.sin(2 * math.pi * 400 * 8000 / length * torch.arange(length, dtype=torch.float64) / 16_000)
    found = transposed(sine, semitones=12 * math.log2(8000 / length))
    assert len(found) == length
    torch.testing.assert_close(found[INNER].double(), expected[INNER], rtol=0, atol=2e-6)


def test_what_would_pass_half_the_rate_is_left_out():
    high = torch.cos(2 * math.pi * 7600 * torch.arange(8000, dtype=torch.float64) / 16_000).float()
    assert transposed(high, semitones=12 * math.log2(8 / 7))[INNER].abs().max() < 1e-6
