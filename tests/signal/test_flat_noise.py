from __future__ import annotations

import torch

from synthgen.signal.flat_noise import flat_noise
from synthgen.signal.stft import stft


def scatter_db(x, n_fft):
    return (20 * stft(x, n_fft=n_fft).abs()[2:-2, 4:-4].log10()).std().item()


def test_levels_scatter_less_than_those_of_gaussian_noise():
    flat, gaussian = flat_noise(16_000), torch.randn(16_000)
    for n_fft in (512, 1024, 2048):
        assert scatter_db(gaussian, n_fft) > 5
        assert scatter_db(flat, n_fft) < 4


def test_it_is_white_and_the_same_every_time():
    x = flat_noise(8000)
    power = torch.fft.rfft(x).abs().square()[:4000].view(8, -1).mean(1)
    assert power.max() < 1.3 * power.min()
    assert 0.9 < x.std() < 1.1
    assert torch.equal(x, flat_noise(8000))


def test_short_noise_is_noise():
    assert flat_noise(100).isfinite().all()
