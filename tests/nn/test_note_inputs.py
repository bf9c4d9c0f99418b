"""What is known of a sample before it is made: its place in the note, and the level before it."""

from __future__ import annotations

import math

import pytest
import torch

from synthgen.nn.clock import HARMONICS, LEAD_HOP, TIMBRE_FRAME, WAVES, Clock, Cycles, Timbre
from synthgen.nn.levels import LevelEntry
from synthgen.signal.companding import mu_law_decode, mu_law_encode

RATE = 16_000


def test_the_clock_tells_milliseconds_and_seconds_apart():
    clock = Clock()
    for seconds in (0.0, 0.002, 0.05, 1.0, 3.0, 3.9):
        here, soon = clock(torch.tensor([seconds, 1.05 * seconds + 0.0005]))
        assert here.abs().max() <= 1
        assert (soon - here).max() > 0.01


@pytest.mark.parametrize("hz", [65.4, 440.0, 3951.0])
def test_cycles_repeat_with_the_pitch_however_late(hz):
    cycles = Cycles(seconds=1 / RATE)
    samples = torch.arange(RATE)[None]
    for start in (0, 48_000):
        wave = cycles(torch.tensor([hz]), samples + start)
        fundamental = HARMONICS.index(1.0)
        peak = torch.fft.rfft(wave[0, fundamental]).abs().argmax()
        assert abs(int(peak) - hz) <= 1
        expected = torch.sin(2 * math.pi * hz / RATE * (samples[0].double() + start))
        torch.testing.assert_close(wave[0, fundamental], expected.float(), atol=1e-4, rtol=0)


def test_a_lead_is_added_to_every_harmonic():
    cycles, hz, samples = Cycles(seconds=1 / RATE), torch.tensor([200.0]), torch.arange(1000)[None]
    detuned = torch.tensor([204.0])
    lead = 4.0 * torch.arange(9)[None] * LEAD_HOP / RATE
    torch.testing.assert_close(cycles(hz, samples, lead), cycles(detuned, samples), atol=1e-4, rtol=0)
    held = cycles(hz, samples + 5000, lead)  # beyond the last frame it stays what it was
    torch.testing.assert_close(held, cycles(hz, samples + 5000, lead[:, -1:].expand(1, 60)))


def test_harmonics_above_half_the_rate_are_silent_and_unknown_pitches_too():
    wave = Cycles(seconds=1 / RATE)(torch.tensor([3000.0, math.nan]), torch.arange(50).expand(2, -1))
    sines = wave[0, : len(HARMONICS)]
    assert [bool(sine.any()) for sine in sines] == [h * 3000 < RATE / 2 for h in HARMONICS]
    assert not wave[1].any()


def test_a_timbre_is_the_same_in_pieces_and_heeds_labels_and_time():
    timbre = Timbre(6, 5, seconds=1 / RATE)
    vector, hz, samples = torch.randn(2, 6), torch.tensor([200.0, 431.0]), torch.arange(1000).expand(2, -1)
    lead = 0.3 * torch.randn(2, 8)
    whole = timbre(vector, hz, samples, lead)
    assert whole.shape == (2, 1000, 5)
    pieces = [timbre(vector, hz, part, lead) for part in samples.split([1, 254, 300, 445], dim=1)]
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole)
    shifted = torch.stack([samples[0, 256:656], samples[1, 512:912]])  # crops that begin at different frames
    alone = [timbre(vector[[i]], hz[[i]], shifted[[i]], lead[[i]]) for i in (0, 1)]
    torch.testing.assert_close(timbre(vector, hz, shifted, lead), torch.cat(alone))
    assert (timbre(vector.flip(0), hz, samples, lead) - whole).abs().max() > 0.05
    waves = (
        timbre.mix(torch.cat([vector[:1], timbre.clock(torch.zeros(1))], dim=1)).view(WAVES, -1)
        @ timbre.cycles(hz[:1], samples[:1], lead[:1])[0].detach()
    )
    expected = timbre.enter(torch.cat([waves.T, timbre.cycles(hz[:1], samples[:1], lead[:1])[0].T], dim=1))
    torch.testing.assert_close(whole[0, :TIMBRE_FRAME], expected[:TIMBRE_FRAME])


def test_a_timbre_without_a_clock_does_not_know_the_time():
    vector, hz, samples = torch.randn(1, 6), torch.tensor([RATE / 256]), torch.arange(256)[None]
    for clock in (True, False):
        timbre = Timbre(6, 5, seconds=1 / RATE, clock=clock)
        early, late = timbre(vector, hz, samples), timbre(vector, hz, samples + 512 * 80)  # the same phases
        assert ((early - late).abs().max() < 1e-5) == (not clock)


@pytest.mark.parametrize("rows", [True, False])
def test_levels_enter_alike_where_they_lie_close_together(rows):
    entry = LevelEntry(256, 32, rows=rows)
    table = entry(torch.arange(257))
    assert table.shape == (257, 32)
    near, far = (table[1:256] - table[:255]).norm(dim=1).mean(), (table[:128] - table[128:256]).norm(dim=1).mean()
    assert far > 1.5 * near
    assert torch.equal(table[256], entry.start)
    torch.testing.assert_close(entry(torch.tensor([[3, 256]])), table[[3, 256]][None])


def test_loudness_is_seen_on_both_scales():
    """Companded levels have their samples, and samples their companded levels, among what enters."""
    audio = torch.linspace(-0.9, 0.9, 50)
    companded = mu_law_encode(audio, levels=256)
    entry = LevelEntry(256, 3, rows=False)
    with torch.no_grad():
        entry.linear.weight.copy_(torch.eye(3))
        entry.linear.bias.zero_()
    torch.testing.assert_close(entry(companded)[:, 2], mu_law_decode(companded, levels=256), atol=1e-5, rtol=0)
    linear = LevelEntry(65_536, 3, rows=False)
    linear.load_state_dict(entry.state_dict())
    found = linear(((audio + 1) / 2 * 65_535).round().long())[:, 1]
    torch.testing.assert_close((found + 1) / 2 * 255, companded.float(), atol=0.51, rtol=0)
