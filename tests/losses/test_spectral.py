from __future__ import annotations

import torch

from synthgen.losses.spectral import MultiResolution, OnMedia, SpectrogramError, frequency_error
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
