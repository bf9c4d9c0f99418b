from __future__ import annotations

import torch

from synthgen.signal.filtered_noise import filtered_noise, white_noise

HOP, BANDS = 64, 17


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    return white_noise((1, samples), rng=torch.Generator().manual_seed(seed), like=torch.zeros(1))


def test_white_noise_has_variance_one_and_follows_its_seed():
    x = noise(1 << 16)
    assert abs(float(x.var()) - 1) < 0.02
    assert abs(float(x.mean())) < 0.02
    assert torch.equal(x, noise(1 << 16))
    assert not torch.equal(x, noise(1 << 16, seed=1))


def test_a_flat_filter_changes_nothing():
    x = noise(10 * HOP)
    torch.testing.assert_close(filtered_noise(x, torch.ones(1, BANDS, 11), hop_length=HOP), x, atol=1e-5, rtol=0)


def test_the_magnitude_response_is_the_one_asked_for():
    """Bands that fall by 40 dB and a bump: their Hann-weighted neighbours' mean, within 0.6 dB."""
    frames = 1025
    asked = 10 ** (-torch.linspace(0, 2, BANDS))
    asked[9] *= 4
    padded = torch.cat([asked[1:2], asked, asked[-2:-1]])
    expected = padded[:-2] / 4 + padded[1:-1] / 2 + padded[2:] / 4
    x = noise((frames - 1) * HOP)
    y = filtered_noise(x, asked[None, :, None].expand(1, BANDS, frames), hop_length=HOP)

    def spectrum(signal):
        power = torch.stft(signal, 512, window=torch.hann_window(512), return_complex=True).abs().square().mean(-1)[0]
        return power.unfold(0, 7, 1).mean(-1)[13 : 13 + 16 * 14 : 16]  # about each band but the first and last

    measured = 10 * (spectrum(y) / spectrum(x)).log10()
    assert (measured - 20 * expected[1:15].log10()).abs().max() < 0.6


def test_levels_follow_time():
    magnitude = torch.ones(1, BANDS, 21)
    magnitude[..., 10:] = 0
    y = filtered_noise(noise(20 * HOP), magnitude, hop_length=HOP)[0]
    assert y[: 9 * HOP].square().mean() > 0.8
    assert y[10 * HOP + BANDS :].abs().max() < 1e-6


def test_every_band_at_every_frame_has_a_gradient():
    magnitude = torch.rand(1, BANDS, 5, requires_grad=True)
    filtered_noise(noise(4 * HOP), magnitude, hop_length=HOP).square().sum().backward()
    assert (magnitude.grad != 0).all()
