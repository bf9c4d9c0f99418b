from __future__ import annotations

import math

import pytest
import torch

from synthgen.signal.oscillator import partial_frequencies
from synthgen.signal.partials import partials_stft
from synthgen.signal.stft import stft

RATE, SIZE = 8000, {"n_fft": 256, "hop_length": 64}


def cosines(hz, samples=4000):
    seconds = torch.arange(samples, dtype=torch.float64) / RATE
    return torch.stack([torch.cos(2 * math.pi * h * seconds) for h in hz]).sum(0).float()[None]


@pytest.mark.parametrize("hz", [[440.0], [31.0, 1000.3], [61.2, 122.4, 3712.0]])
def test_it_is_the_transform_of_cosines(hz):
    expected = stft(cosines(hz), **SIZE)
    found = partials_stft(torch.tensor([hz], dtype=torch.float64), sample_rate=RATE, frames=expected.shape[-1], **SIZE)
    inner = slice(2, -2)  # the frames at both ends reach beyond the signal, and partials have no end
    torch.testing.assert_close(found[..., inner], expected[..., inner], atol=2e-5, rtol=0)


def test_what_cannot_be_heard_is_silent():
    hz = torch.tensor([[math.nan, 4000.0, 5000.0]], dtype=torch.float64)
    assert not partials_stft(hz, sample_rate=RATE, frames=5, **SIZE).abs().any()


def test_frequencies_can_be_learned():
    """The gradient of the distance points from a mistuned partial to the right one."""
    target = stft(cosines([500.0]), **SIZE)[..., 4:-4].abs()
    for away in (-4.0, 4.0):
        hz = torch.tensor([[500.0 + away]], dtype=torch.float64, requires_grad=True)
        spectrum = partials_stft(hz, sample_rate=RATE, frames=63, **SIZE)[..., 4:-4].abs()
        (spectrum - target).square().sum().backward()
        assert math.copysign(1, hz.grad.item()) == math.copysign(1, away)


def test_stiff_strings_are_sharp():
    hz = partial_frequencies(torch.tensor([100.0] * 2), partials=4, inharmonicity=torch.tensor([0.0, 1e-3]))
    torch.testing.assert_close(hz[0], torch.tensor([100.0, 200.0, 300.0, 400.0]))
    torch.testing.assert_close(hz[1, 3], torch.tensor(400 * math.sqrt(1 + 16e-3)))
