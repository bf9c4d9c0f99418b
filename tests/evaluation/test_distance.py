import pytest
import torch

from synthgen.evaluation.distance import (
    RESOLUTIONS,
    log_magnitude,
    log_spectral_distance,
    multi_resolution_distance,
)


@pytest.fixture
def noise():
    return torch.randn(3, 8192) * 0.1


def test_equal_waveforms_have_no_distance(noise):
    assert log_spectral_distance(noise, noise).tolist() == [0, 0, 0]
    assert multi_resolution_distance(noise, noise).tolist() == [0, 0, 0]


@pytest.mark.parametrize("n_fft", RESOLUTIONS)
def test_doubling_is_six_decibels_in_every_bin(noise, n_fft):
    distance = log_spectral_distance(noise, 2 * noise, n_fft=n_fft)
    torch.testing.assert_close(distance, torch.full((3,), 6.0206), atol=1e-3, rtol=0)


def test_it_is_symmetric_and_a_triangle(noise):
    x, y, z = noise, torch.randn(3, 8192), torch.randn(3, 8192) * 0.01
    torch.testing.assert_close(log_spectral_distance(x, y), log_spectral_distance(y, x))
    assert (log_spectral_distance(x, z) <= log_spectral_distance(x, y) + log_spectral_distance(y, z)).all()


def test_what_lies_below_the_floor_is_silence(noise):
    assert log_spectral_distance(noise * 1e-9, torch.zeros_like(noise)).max() == 0
    assert log_magnitude(torch.zeros(4096), n_fft=1024).unique().tolist() == [-80]


def test_the_scale_is_that_of_the_unnormalised_transform():
    x = torch.randn(4096)
    window = torch.hann_window(1024)
    expected = torch.stft(x, 1024, 256, window=window, return_complex=True, pad_mode="constant").abs()
    torch.testing.assert_close(log_magnitude(x, n_fft=1024), 20 * expected.log10(), atol=1e-2, rtol=0)


def test_multi_resolution_is_the_mean(noise):
    y = torch.randn(3, 8192)
    expected = sum(log_spectral_distance(noise, y, n_fft=n) for n in RESOLUTIONS) / len(RESOLUTIONS)
    torch.testing.assert_close(multi_resolution_distance(noise, y), expected)


def test_frames_count_alike_and_a_late_difference_counts_by_its_length():
    x = torch.randn(32768)
    y = x.clone()
    y[16384:] *= 10
    assert log_spectral_distance(x, y).item() == pytest.approx(10, abs=0.3)
