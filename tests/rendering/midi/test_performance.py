import numpy as np
import pytest

from synthgen import Synthesizer
from synthgen.data.tuning import measure
from synthgen.rendering.midi.performance import perform
from synthgen.rendering.midi.score import Played, Score
from synthgen.rendering.mixing import PEAK
from synthgen.rendering.note import Note

RATE = 16000


@pytest.fixture
def made(monkeypatch):
    """An organ and a piano of four octaves from C2, of sines of 4 s; and every request that was made."""
    requests = []

    def notes(_, asked, **__):
        requests.extend(asked)
        t = np.arange(4 * RATE) / RATE
        made = []
        for request in asked:
            wave = np.sin(2 * np.pi * 440 * 2 ** ((request.pitch - 69) / 12) * t) * request.velocity / 254
            decay = np.exp(-3 * t) if request.instrument == "violin" else 1.0
            released = 10 ** (-10 * np.maximum(t - 3, 0))
            made.append(Note(audio=(wave * decay * released).astype(np.float32), sample_rate=RATE))
        return made

    monkeypatch.setattr(Synthesizer, "notes", notes)
    return requests


@pytest.fixture(scope="module")
def synthesizer(tiny_checkpoint):
    return Synthesizer.load(tiny_checkpoint)


def played(begin, seconds, key, *, program=19, velocity=100, gain=1.0):
    return Played(begin=begin, seconds=seconds, program=program, key=key, velocity=velocity, gain=gain)


def song(*notes):
    return Score(notes=notes, drums=0)


INSTRUMENTS = {19: "church organ", 40: "violin"}


def level(audio, begin, end):
    return np.sqrt(np.mean(audio[int(begin * RATE) : int(end * RATE)] ** 2))


def cents(audio, begin, key):
    segment = audio[int(begin * RATE) :]
    return measure(segment, sample_rate=RATE, hz=440 * 2 ** ((key - 69) / 12), first_second=0.0).cents


def test_every_note_is_made_once(made, synthesizer):
    notes = [played(i / 4, 0.2, 60 + i % 2, velocity=50 + i % 3, program=40 if i % 2 else 19) for i in range(24)]
    performance = perform(synthesizer, song(*notes), INSTRUMENTS)
    assert (performance.notes, performance.made) == (24, 6)
    assert len(made) == 6 + 2 * 3  # two instruments are listened to


def test_notes_begin_where_and_last_as_long_as_they_should(made, synthesizer):
    performance = perform(synthesizer, song(played(0.5, 0.5, 60), played(2, 1, 72)), INSTRUMENTS)
    audio = performance.audio
    assert level(audio, 0, 0.49) < 1e-3
    assert level(audio, 0.55, 0.95) > 0.3
    assert level(audio, 1.6, 1.95) < 0.02
    assert level(audio, 2.05, 2.95) > 0.3
    assert 3.2 < len(audio) / RATE < 3.6
    assert cents(audio, 0.5, 60) == pytest.approx(0, abs=1)
    assert cents(audio, 2, 72) == pytest.approx(0, abs=1)


def test_a_long_note_goes_on_if_its_instrument_sustains_and_dies_away_otherwise(made, synthesizer):
    for program, sounding in ((19, True), (40, False)):
        audio = perform(synthesizer, song(played(0, 12, 60, program=program)), INSTRUMENTS).audio
        assert (len(audio) > 12 * RATE) is sounding
        if sounding:
            assert level(audio, 11, 12) == pytest.approx(level(audio, 1, 2), rel=0.05)
            assert cents(audio, 10, 60) == pytest.approx(0, abs=1)


@pytest.mark.parametrize("key", [0, 30, 47, 73, 100, 108])
def test_a_key_outside_the_models_pitches_sounds_at_its_own(made, synthesizer, key):
    """The model's keys are 48 to 72."""
    performance = perform(synthesizer, song(played(0, 3, key)), INSTRUMENTS)
    assert performance.transposed == 1
    assert all(48 <= request.pitch <= 72 for request in made)
    spectrum = np.abs(np.fft.rfft(performance.audio[: 3 * RATE] * np.hanning(3 * RATE), 1 << 20))
    assert spectrum.argmax() * RATE / (1 << 20) == pytest.approx(440 * 2 ** ((key - 69) / 12), rel=2e-3)


def test_a_chord_is_as_loud_as_it_may_be_and_keeps_its_balance(made, synthesizer):
    notes = [played(0, 2, key, velocity=127) for key in range(48, 73, 2)]
    performance = perform(synthesizer, song(*notes), INSTRUMENTS)
    assert np.abs(performance.audio).max() == pytest.approx(PEAK, rel=1e-4)
    assert performance.gain_db < -10
    quiet = perform(synthesizer, song(played(0, 1, 60, gain=0.1), played(2, 1, 60, gain=0.2)), INSTRUMENTS).audio
    assert level(quiet, 2.1, 2.9) / level(quiet, 0.1, 0.9) == pytest.approx(2, rel=0.01)


def test_the_same_song_gives_the_same_samples(synthesizer):
    score = song(played(0, 1, 60), played(0.1, 0.2, 90, program=40))
    one, other = (perform(synthesizer, score, INSTRUMENTS, seed=3) for _ in range(2))
    assert np.array_equal(one.audio, other.audio)
