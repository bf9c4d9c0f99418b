from __future__ import annotations

import math

import pytest
import torch

from synthgen.signal.oscillator import (
    below_nyquist,
    cents_to_ratio,
    elapsed,
    oscillator_bank,
    partial_frequencies,
)

RATE, HOP = 16_000, 64
SIZE = {"hop_length": HOP, "sample_rate": RATE}


def steady(hz: float, *, partials: int = 1, cents: float = 0.0, inharmonicity: float = 0.0, frames: int = 251):
    """A tone of equally loud partials, (T,), 1 s long by default."""
    stiffness = torch.tensor([inharmonicity], dtype=torch.float64)
    frequencies = partial_frequencies(
        torch.tensor([hz], dtype=torch.float64), partials=partials, inharmonicity=stiffness
    )
    ratio = cents_to_ratio(torch.full((1, frames), cents))
    return oscillator_bank(torch.full((1, partials, frames), 0.1), frequencies, ratio=ratio, **SIZE)[0]


def peak(x: torch.Tensor, near: float) -> float:
    """Frequency in Hz of the highest peak within 2 % of `near`."""
    padded = 64 * len(x)
    spectrum = torch.fft.rfft(x * torch.hann_window(len(x)), padded).abs()
    low, high = (int(near * share * padded / RATE) for share in (0.98, 1.02))
    return (low + int(spectrum[low:high].argmax())) * RATE / padded


def test_a4_peaks_at_440_hz():
    assert peak(steady(440.0, partials=5), 440) == pytest.approx(440, abs=0.02)


def test_inharmonicity_moves_partial_10_as_the_formula_says():
    expected = 10 * 220 * math.sqrt(1 + 4e-4 * 100)
    assert expected > 2240
    assert peak(steady(220.0, partials=12, inharmonicity=4e-4), expected) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("cents", [-50.0, 0.5, 37.0])
def test_cents_are_exact(cents):
    expected = 7 * 440 * 2 ** (cents / 1200)
    assert peak(steady(440.0, partials=8, cents=cents), expected) == pytest.approx(expected, abs=0.02)


def test_phases_follow_a_vibrato_in_double_precision():
    frames, partials, k = 126, 30, torch.arange(1, 31, dtype=torch.float64)
    cents = 60 * torch.sin(torch.arange(frames, dtype=torch.float64) / 5)
    amplitude, phase = torch.rand(1, partials, frames), 6 * torch.rand(1, partials)
    hz = torch.full((1, 1), 240.3, dtype=torch.float64) * k
    x = oscillator_bank(amplitude, hz, ratio=cents_to_ratio(cents)[None], phase=phase, **SIZE)[0]
    n = torch.arange((frames - 1) * HOP)
    low, share = n // HOP, (n % HOP).double() / HOP
    ratio = cents_to_ratio(cents)
    moment = elapsed(ratio[None], hop_length=HOP)[0][low]
    moment = moment + HOP * (ratio[low] * share + (ratio[low + 1] - ratio[low]) * share.square() / 2)
    at = torch.lerp(amplitude[0, :, low].double(), amplitude[0, :, low + 1].double(), share)
    gain = below_nyquist(hz[0, :, None], sample_rate=RATE)
    expected = (at * gain * torch.sin(2 * math.pi * hz[0, :, None] / RATE * moment + phase[0, :, None])).sum(0)
    assert gain.min() == 1
    assert (x - expected).abs().max() < 1e-4


def test_partials_above_nyquist_are_silent():
    frames = 63
    hz = torch.tensor([[8000.0, 8000.1, 20_000.0]])
    assert not oscillator_bank(torch.ones(1, 3, frames), hz, ratio=torch.ones(1, frames), **SIZE).any()
    assert not below_nyquist(hz, sample_rate=RATE).any()
    assert below_nyquist(torch.tensor(7750.0), sample_rate=RATE) == 1


@pytest.mark.parametrize(("vibrato", "bound_db"), [(0.0, -100.0), (40.0, -80.0)])
def test_nothing_aliases(vibrato, bound_db):
    """Of 3 kHz partial 3 would fold to 7 kHz, partial 5 to 1 kHz; vibrato's own sidebands reach there at -80 dB."""
    frames = 251
    ratio = cents_to_ratio(vibrato * torch.sin(torch.arange(frames) / 8))[None]
    hz = partial_frequencies(torch.tensor([3000.0], dtype=torch.float64), partials=20)
    x = oscillator_bank(torch.full((1, 20, frames), 0.2), hz, ratio=ratio, **SIZE)[0].double()
    power = torch.fft.rfft(x * torch.kaiser_window(len(x), True, 20.0, dtype=torch.float64)).abs().square()
    f = torch.arange(len(power)) * RATE / len(x)
    for alias in (1000.0, 7000.0):
        folded = power[(f - alias).abs() < 0.035 * alias].sum()
        assert 10 * (folded / power.sum()).log10() < bound_db


def test_a_later_start_is_an_excerpt():
    frames, first = 50, 17
    amplitude, hz = torch.rand(1, 4, frames), partial_frequencies(torch.tensor([333.0]).double(), partials=4)
    ratio = cents_to_ratio(30 * torch.randn(1, frames))
    whole = oscillator_bank(amplitude, hz, ratio=ratio, **SIZE)
    start = elapsed(ratio, hop_length=HOP)[:, first]
    later = oscillator_bank(amplitude[..., first:], hz, ratio=ratio[:, first:], start=start, **SIZE)
    torch.testing.assert_close(later, whole[:, first * HOP :], atol=1e-5, rtol=0)


def test_a_note_does_not_depend_on_its_batch():
    amplitude, ratio = torch.rand(3, 40, 20), cents_to_ratio(20 * torch.randn(3, 20))
    hz = partial_frequencies(torch.tensor([100.0, 1000.0, 300.0]).double(), partials=40)
    together = oscillator_bank(amplitude, hz, ratio=ratio, **SIZE)
    for i in range(3):
        one = slice(i, i + 1)
        assert torch.equal(oscillator_bank(amplitude[one], hz[one], ratio=ratio[one], **SIZE), together[one])


def test_gradients_are_those_of_finite_differences():
    def leaf(*shape):
        return torch.rand(*shape, dtype=torch.float64, requires_grad=True)

    def bank(amplitude, shift, bend, phase, start):
        hz = torch.tensor([[300.0, 620.0, 900.0], [900.0, 1800.0, 2700.0]]).double() + shift
        return oscillator_bank(
            amplitude, hz, ratio=1 + bend / 50, phase=phase, start=start, hop_length=4, sample_rate=8000
        )

    assert torch.autograd.gradcheck(bank, (leaf(2, 3, 5), leaf(2, 3), leaf(2, 5), leaf(2, 3), leaf(2)))
