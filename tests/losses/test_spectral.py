from __future__ import annotations

import numpy as np
import pytest
import torch

from synthgen.checks import UserError
from synthgen.losses.spectral import (
    LogPower,
    MultiResolution,
    OnMedia,
    SpectrogramError,
    WaveformError,
    frequency_error,
)
from synthgen.records import Batch, Loss


def test_errors_are_zero_for_the_target_itself_only():
    x = torch.rand(2, 2, 16, 10) * 2 - 1
    for error in (SpectrogramError(), SpectrogramError(magnitude="l1")):
        assert error(x, Batch(x)).total < 2e-3
        assert error(x + 0.1, Batch(x)).total > 0.05


def test_log_spectral_distance_is_the_root_mean_square_over_bins():
    target = torch.zeros(1, 1, 4, 3)
    estimate = target.clone()
    estimate[:, :, 0] = 0.8
    total = SpectrogramError()(estimate, Batch(target)).total
    torch.testing.assert_close(total, torch.tensor(0.4), atol=1e-4, rtol=1e-4)


def test_frequencies_wrap_and_silence_does_not_count():
    target, weight = torch.full((1, 4, 4), -0.99), torch.ones(1, 4, 4)
    assert frequency_error(target + 1.98, target, weight=weight) < 0.01
    weight[:, 2:] = 0
    estimate = target.clone()
    estimate[:, 2:] = 0
    assert frequency_error(estimate, target, weight=weight) < 1e-6


def test_doubling_a_tone_is_six_decibels():
    x = torch.randn(1, 1, 8000) * 0.1
    torch.testing.assert_close(MultiResolution()(2 * x, x), torch.tensor(6.02), atol=0.01, rtol=0)


def test_a_loss_on_media_reaches_the_example():
    x = torch.zeros(1, 1, 64, requires_grad=True)
    loss = OnMedia(
        example=lambda a, b: Loss((a - b.x).abs().mean(), {}),
        media=lambda a, b: (a - b).square().mean(),
        decode=lambda e: e * 2,
        weight=0.5,
    )(x, Batch(torch.ones(1, 1, 64), media=2 * torch.ones(1, 1, 64)))
    torch.testing.assert_close(loss.total, torch.tensor(1 + 0.5 * 4.0))
    loss.total.backward()
    assert x.grad.abs().min() > 0


def test_a_loss_of_media_needs_them():
    loss = OnMedia(example=lambda a, b: Loss(a.mean()), media=lambda a, b: a.mean(), decode=lambda e: e, weight=0.5)
    with pytest.raises(UserError, match="a loss of what is heard needs whole notes; give crop=0"):
        loss(torch.zeros(1, 1, 64), Batch(torch.zeros(1, 1, 64)))


def test_log_power_is_the_l1_of_log_power_spectra():
    """Frame by frame with numpy, the first frame centred on the first sample."""
    x, y = 0.1 * np.random.default_rng(0).standard_normal((2, 1000)).astype(np.float32)

    def power(signal):
        padded, window = np.pad(signal, 128), 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
        frames = np.stack([padded[i : i + 256] * window for i in range(0, 1001, 64)])
        return np.abs(np.fft.rfft(frames)) ** 2

    expected = np.mean(np.abs(np.log(1 + power(x)) - np.log(1 + power(y))))
    found = LogPower(n_fft=256, hop_length=64)(torch.tensor(x)[None, None], torch.tensor(y)[None, None])
    assert found.item() == pytest.approx(expected, rel=1e-4)


def test_a_small_epsilon_hears_soft_notes():
    x = 1e-4 * torch.randn(1, 1, 4000)
    loud, soft = LogPower(), LogPower(epsilon=1e-8)
    assert loud(2 * x, x) < 0.01
    assert soft(2 * x, x).item() == pytest.approx(np.log(4), rel=0.01)


def test_distances_of_waveforms_are_weighted():
    x, y = 0.1 * torch.randn(2, 1, 1, 4000)
    loss = WaveformError(multi_resolution=0.5, log_power=2.0, epsilon=0.1)(y, Batch(x))
    torch.testing.assert_close(loss.total, 0.5 * MultiResolution()(y, x) + 2 * LogPower(epsilon=0.1)(y, x))
    assert set(WaveformError()(y, Batch(x)).parts) == {"multi_resolution"}


@pytest.mark.parametrize("weights", [{"multi_resolution": 0.0}, {"log_power": -1.0}, {"epsilon": 0.0}])
def test_a_loss_of_nothing_is_refused(weights):
    with pytest.raises(UserError, match="must be between"):
        WaveformError(**weights)
