from __future__ import annotations

import pytest
import torch

from synthgen.signal.coloured_noise import coloured_noise


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_power_falls_as_asked(slope):
    noise = coloured_noise(torch.full((64, 1), slope), length=4096)
    assert noise.square().mean(1).sqrt().allclose(torch.ones(64), atol=1e-4)
    power = torch.fft.rfft(noise).abs().square().mean(0)
    low, high = power[8:16].mean(), power[1024:2048].mean()
    measured = (low / high).log2() / 7 / 2  # seven octaves apart, power is amplitude squared
    assert abs(measured - slope) < 0.1


def test_every_example_has_its_own_colour_and_draws():
    noise = coloured_noise(torch.tensor([[0.0], [1.0], [1.0]]), length=1000)
    steps = noise.diff(dim=1).square().mean(1)
    assert steps[0] > 20 * steps[1]
    assert not torch.equal(noise[1], noise[2])


@pytest.mark.parametrize("length", [1, 2, 7])
def test_any_length(length):
    noise = coloured_noise(torch.tensor([[0.3]]), length=length)
    assert noise.shape == (1, length)
    assert noise.isfinite().all()
