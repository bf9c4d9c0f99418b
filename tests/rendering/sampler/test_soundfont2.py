"""The SoundFont as FluidSynth plays it."""

import os
import struct

import numpy as np
import pytest

from synthgen.checks import UserError
from synthgen.data import fluid
from synthgen.data.tuning import measure
from synthgen.rendering.sampler.instrument import Region, SampledInstrument
from synthgen.rendering.sampler.loops import with_loop
from synthgen.rendering.sampler.sample import Sample
from synthgen.rendering.sampler.soundfont2 import soundfont
from synthgen.rendering.sampler.zones import cover

RATE = 44100
ROOTS, LAYERS = (48, 60, 72), (25, 76, 127)
LOUDNESS = dict(zip(LAYERS, (0.02, 0.1, 0.5), strict=True))
TUNES = dict(zip(ROOTS, (-7, -1, 20), strict=True))


def tone(zone, rate):
    """What was recorded at a zone's root: out of tune by what tunes it, and dying away slowly."""
    t = np.arange(4 * rate) / rate
    phase = 2 * np.pi * 440 * 2 ** ((zone.root - 69 - TUNES[zone.root] / 100) / 12) * t
    wave = sum(np.sin(n * phase) / n for n in range(1, 6)) * np.minimum(50 * t, 1) * np.exp(-t / 20)
    return (LOUDNESS[zone.velocity] / 2 * wave).astype(np.float32)


@pytest.fixture(scope="module")
def instrument():
    regions = []
    for zone in cover(ROOTS, LAYERS):
        audio, loop = with_loop(tone(zone, RATE), held=3 * RATE) if zone.root != 72 else (tone(zone, RATE), None)
        regions.append(
            Region(zone=zone, sample=Sample(audio=audio, sample_rate=RATE, loop=loop, tune=TUNES[zone.root]))
        )
    return SampledInstrument(name="odd \N{GREEK SMALL LETTER PI} flute", release_seconds=0.4, regions=tuple(regions))


@pytest.fixture(scope="module")
def player(instrument, tmp_path_factory):
    """FluidSynth; its absence fails only where nothing may be absent."""
    path = tmp_path_factory.mktemp("font") / "odd.sf2"
    path.write_bytes(soundfont(instrument))
    try:
        return fluid.Fluid(path, gain=1.0)
    except UserError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"cannot play the SoundFont: {error}")
        pytest.skip(str(error))


def level(audio):
    return 10 * np.log10(np.mean(np.square(audio[4000:36000], dtype=np.float64)))


def likeness(one, other):
    """Correlation at the best delay of less than a sample, which an interpolating player may have."""
    a, b = (np.fft.rfft(x.astype(np.float64)) for x in (one, other))
    turns = np.exp(2j * np.pi * np.outer(np.arange(-1, 1, 0.01), np.arange(len(a)) / len(one)))
    return (turns @ (a * b.conj())).real.max() / np.sqrt(np.sum(np.abs(a) ** 2) * np.sum(np.abs(b) ** 2))


@pytest.mark.parametrize("velocity", LAYERS)
@pytest.mark.parametrize("key", ROOTS)
def test_a_sampled_note_is_played_as_it_was_recorded(player, instrument, key, velocity):
    zone = instrument.region(key, velocity).zone
    stretched = 2 ** (TUNES[key] / 1200)
    source = tone(zone, 16000)
    at = np.arange(36000) * stretched
    expected = np.interp(at, np.arange(8 * len(source)) / 8, np.fft.irfft(np.fft.rfft(source), 8 * len(source)) * 8)
    assert likeness(player.note(0, key, velocity)[:36000], expected) > 0.999


def test_the_level_over_velocity_is_that_of_the_samples(player, instrument):
    played = {v: level(player.note(0, 60, v)) for v in (1, 25, 50, 51, 76, 101, 102, 127)}
    recorded = {v: level(tone(instrument.region(60, v).zone, 16000)) for v in played}
    gains = np.array([played[v] - recorded[v] for v in played])
    assert np.ptp(gains) < 0.1


@pytest.mark.parametrize("key", [36, 48, 50, 53, 54, 60, 66, 67, 72, 79])
def test_every_key_is_in_tune(player, key):
    tuning = measure(player.note(0, key, 100), sample_rate=16000, hz=440 * 2 ** ((key - 69) / 12))
    assert tuning.cents == pytest.approx(0, abs=1)


def test_a_loop_sounds_on_and_the_rest_ends(instrument, player):
    """An octave up a recording lasts half as long."""
    audio = player.note(0, 66, 100)  # the loop of 60, 1.4 times as fast: past its end after 2.1 s
    assert instrument.region(66, 100).sample.loop
    assert level(audio[32000:48000].repeat(3)) == pytest.approx(level(audio), abs=1.5)
    ended = player.note(0, 96, 100)
    assert np.abs(ended[20000:]).max() < 1e-3 * np.abs(ended).max()


def test_a_released_note_falls_by_80_db_in_its_time(player):
    audio = player.note(0, 60, 127)
    start, later = (np.abs(audio[i : i + 320]).max() for i in (47600, 48000 + 3200))
    assert 20 * np.log10(start / later) == pytest.approx(40, abs=4)


def test_the_chunks_fill_the_file(instrument):
    """Each as long as it says, of an even length, in the order that the specification has them in."""
    content = soundfont(instrument)
    assert struct.unpack("<4sI4s", content[:12]) == (b"RIFF", len(content) - 8, b"sfbk")
    position, names = 12, []
    while position < len(content):
        kind, size = struct.unpack_from("<4sI", content, position)
        assert position % 2 == 0
        names.append(kind)
        position += 12 if kind == b"LIST" else 8 + size + size % 2
    assert position == len(content)
    data = [b"phdr", b"pbag", b"pmod", b"pgen", b"inst", b"ibag", b"imod", b"igen", b"shdr"]
    assert names == [b"LIST", b"ifil", b"isng", b"INAM", b"ISFT", b"LIST", b"smpl", b"LIST", *data]
