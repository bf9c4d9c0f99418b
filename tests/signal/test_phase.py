from __future__ import annotations

import math

import pytest
import torch

from synthgen.signal.phase import griffin_lim, instantaneous_frequency, integrate, single_pass
from synthgen.signal.stft import istft, stft

RATE, N_FFT, HOP = 16_000, 512, 128
SIZE = {"n_fft": N_FFT, "hop_length": HOP}


def sine(hz: float, samples: int = RATE // 2) -> torch.Tensor:
    return 0.5 * torch.sin(2 * math.pi * hz * torch.arange(samples) / RATE)


def test_a_full_scale_sine_has_magnitude_one_at_its_bin():
    z = stft(2 * sine(1000.0), **SIZE).abs()
    assert int(z[:, 20].argmax()) == 32
    torch.testing.assert_close(z[32, 20], torch.tensor(1.0), atol=1e-3, rtol=0)


@pytest.mark.parametrize("length", [4000, 4001, 4127])
def test_istft_inverts_stft(length):
    x = torch.randn(2, length)
    torch.testing.assert_close(istft(stft(x, **SIZE), **SIZE, length=length), x, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("n_fft", "hop", "length"), [(512, 128, 4000), (512, 200, 4001), (500, 250, 1999), (64, 13, 700)]
)
def test_istft_is_that_of_torch(n_fft, hop, length):
    """Of a spectrum that no signal has, too."""
    z = torch.randn(2, n_fft // 2 + 1, 1 + length // hop, dtype=torch.complex64)
    window = torch.hann_window(n_fft)
    scaled = z * window.sum() / 2
    expected = torch.istft(scaled, n_fft, hop, window=window, length=length)
    found = istft(z, n_fft=n_fft, hop_length=hop, length=length)
    inside = slice(0, length - n_fft // 2)  # at its very end a sum of windows may be next to nothing
    torch.testing.assert_close(found[:, inside], expected[:, inside], atol=1e-3, rtol=1e-4)
    assert found.shape == expected.shape


def test_griffin_lim_walks_as_it_is_defined():
    """Fast Griffin-Lim written down as in its paper, by torch's transforms."""
    magnitude = stft(torch.randn(3000), **SIZE).abs()
    phase = 2 * math.pi * torch.rand(magnitude.shape)
    turn, previous = torch.polar(torch.ones_like(magnitude), phase), torch.zeros_like(magnitude)
    for _ in range(4):
        consistent = stft(istft(magnitude * turn, **SIZE, length=3000), **SIZE)
        turn = consistent - 0.99 / 1.99 * previous
        turn = turn / turn.abs()
        previous = consistent
    expected = istft(magnitude * turn, **SIZE, length=3000)
    found = griffin_lim(magnitude, phase, **SIZE, length=3000, iterations=4)
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=1e-3)


def test_instantaneous_frequency_is_the_distance_from_the_bin_centre():
    hz = 1010.0
    frequency = instantaneous_frequency(stft(sine(hz), **SIZE).angle(), **SIZE)
    expected = 2 * HOP * (hz - 32 * RATE / N_FFT) / RATE
    torch.testing.assert_close(frequency[32, 5:50], torch.full((45,), expected), atol=1e-3, rtol=0)


def test_integration_inverts_differences():
    z = stft(torch.randn(3, 8000), **SIZE)
    phase = integrate(instantaneous_frequency(z.angle(), **SIZE), **SIZE)
    torch.testing.assert_close(torch.polar(z.abs(), phase), z, atol=1e-3, rtol=1e-3)


def test_phases_of_a_sine_are_found_from_its_magnitudes():
    x = sine(443.0)
    magnitude = stft(x, **SIZE).abs()
    y = griffin_lim(magnitude, single_pass(magnitude, **SIZE), **SIZE, length=len(x), iterations=0)
    inner = slice(N_FFT, -N_FFT)
    torch.testing.assert_close(stft(y, **SIZE).abs()[:, 8:-8], magnitude[:, 8:-8], atol=0.01, rtol=0)
    peak = torch.fft.rfft(y[inner] * torch.hann_window(len(y[inner])), n=16 * RATE).abs().argmax() / 16
    assert abs(float(peak) - 443.0) < 0.3


def test_found_phases_start_better_than_random_ones():
    t = torch.arange(RATE // 2) / RATE
    x = sum(torch.sin(2 * math.pi * 220 * k * t) / k for k in range(1, 12)) * torch.exp(-4 * t) * 0.2
    magnitude = stft(x, **SIZE).abs()

    def error(phase: torch.Tensor, iterations: int) -> float:
        y = griffin_lim(magnitude, phase, **SIZE, length=len(x), iterations=iterations)
        return float((stft(y, **SIZE).abs() - magnitude).norm() / magnitude.norm())

    found, random = single_pass(magnitude, **SIZE), 2 * math.pi * torch.rand(magnitude.shape)
    assert error(found, 0) < 0.5 * error(random, 0)
    assert error(found, 8) < error(found, 0)
    assert error(found, 8) < error(random, 8)


def test_silence_stays_silent():
    magnitude = torch.zeros(1, N_FFT // 2 + 1, 10)
    phase = single_pass(magnitude, **SIZE)
    assert phase.isfinite().all()
    assert not griffin_lim(magnitude, phase, **SIZE, length=9 * HOP, iterations=3).any()


def test_waveforms_are_differentiable_in_the_magnitudes():
    magnitude = stft(sine(500.0), **SIZE).abs().requires_grad_()
    phase = single_pass(magnitude.detach(), **SIZE)
    griffin_lim(magnitude, phase, **SIZE, length=8000, iterations=2).square().sum().backward()
    assert magnitude.grad[16].abs().min() > 0
