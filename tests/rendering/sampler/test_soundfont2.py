"""The SoundFont as FluidSynth plays it."""

import os
import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.checks import UserError
from synthgen.data import fluid
from synthgen.data.tuning import measure
from synthgen.rendering.sampler.instrument import Region, SampledInstrument
from synthgen.rendering.sampler.loops import with_loop
from synthgen.rendering.sampler.sample import Sample
from synthgen.rendering.sampler.soundfont2 import KEY_RANGE, SAMPLE_ID, VELOCITY_RANGE, soundfont
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


def test_a_recording_that_is_next_to_nothing_is_long_enough():
    """The specification asks for 48 samples; a silent note is kept as one."""
    sample = Sample(audio=np.zeros(1, np.float32), sample_rate=RATE, loop=None, tune=None)
    regions = tuple(Region(zone=zone, sample=sample) for zone in cover([60], [100]))
    content = soundfont(SampledInstrument(name="x", release_seconds=1.0, regions=regions))
    (_, start, end, *_), _ = struct.iter_unpack("<20sIIIIIBbHH", chunk(content, b"shdr"))
    assert end - start == 48
    assert len(chunk(content, b"smpl")) == 2 * (48 + 46)


def chunk(content, name):
    """What a chunk of that name holds."""
    start = content.index(name) + 8
    return content[start : start + struct.unpack("<I", content[start - 4 : start])[0]]


def zones_of(content):
    """The generators of each zone of the instrument that plays a sample, the last of each kind counting."""
    bags = [first for first, _ in struct.iter_unpack("<HH", chunk(content, b"ibag"))]
    generators = list(struct.iter_unpack("<HH", chunk(content, b"igen")))
    zones = [dict(generators[a:b]) for a, b in pairwise(bags)]
    return [zone for zone in zones if SAMPLE_ID in zone]


@settings(deadline=None, max_examples=30)
@given(
    st.sets(st.integers(0, 127), min_size=1, max_size=88).map(sorted),
    st.sets(st.integers(1, 127), min_size=1, max_size=5).map(sorted),
)
def test_every_key_and_velocity_plays_exactly_one_sample(keys, velocities):
    """And the one that was made nearest to it, as the file itself says."""
    sample = Sample(audio=np.full(2, 0.1, np.float32), sample_rate=RATE, loop=None, tune=0)
    cover_all = [Region(zone=zone, sample=sample) for zone in cover(keys, velocities)]
    content = soundfont(SampledInstrument(name="x", release_seconds=0.4, regions=tuple(cover_all)))
    names = [row[0].rstrip(b"\0").decode() for row in struct.iter_unpack("<20sIIIIIBbHH", chunk(content, b"shdr"))]
    plays = np.full((128, 128), -1)
    for zone in zones_of(content):
        (low, high), (soft, loud) = (divmod(zone[kind], 256)[::-1] for kind in (KEY_RANGE, VELOCITY_RANGE))
        assert (plays[low : high + 1, soft : loud + 1] == -1).all()
        plays[low : high + 1, soft : loud + 1] = zone[SAMPLE_ID]
    assert (plays[:, 1:] >= 0).all()
    assert (plays[:, 0] == -1).all()
    for key, velocity in ((0, 1), (60, 64), (127, 127)):
        root, layer = (int(part) for part in names[plays[key, velocity]].split("-"))
        assert abs(root - key) == min(abs(k - key) for k in keys)
        assert abs(layer - velocity) == min(abs(v - velocity) for v in velocities)
