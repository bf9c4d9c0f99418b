import numpy as np
import pytest

from synthgen.data.tuning import measure
from synthgen.rendering.note import Note
from synthgen.rendering.sampler.sample import Character, listen, play, to_sample

RATE = 16000
ORGAN, PIANO = Character(sustains=True, release_seconds=0.4), Character(sustains=False, release_seconds=0.4)


def note(*, cents=0.0, fall_db=0.0, release_db=200.0, hz=440.0, peak=0.3):
    """A tone that falls by `fall_db` a second, and after 3 s by `release_db` a second."""
    t = np.arange(4 * RATE) / RATE
    decibels = -fall_db * t - release_db * np.maximum(t - 3, 0)
    phase = 2 * np.pi * hz * 2 ** (cents / 1200) * t
    wave = sum(np.sin(n * phase) / n for n in range(1, 5))
    return Note(audio=(peak / 2 * wave * 10 ** (decibels / 20)).astype(np.float32), sample_rate=RATE)


def cents_off(audio, hz, rate=RATE):
    return measure(audio, sample_rate=rate, hz=hz).cents


@pytest.mark.parametrize(("fall_db", "sustains"), [(0, True), (1, True), (6, False), (60, False)])
def test_what_dies_away_does_not_sustain(fall_db, sustains):
    assert listen([note(fall_db=fall_db)]).sustains is sustains


@pytest.mark.parametrize("release_db", [60, 160, 400])
def test_a_release_is_as_fast_as_the_note_falls(release_db):
    assert listen([note(release_db=release_db)]).release_seconds == pytest.approx(80 / release_db, rel=0.15)


def test_a_character_is_that_of_most_notes():
    slow, silent = note(release_db=60), note(fall_db=60)
    assert listen([slow, note(), silent]).sustains
    assert listen([slow, note(), note()]) == listen([note()])
    assert listen([slow, silent]).release_seconds == listen([slow]).release_seconds


def test_a_silent_instrument_has_a_character():
    silent = Note(audio=np.zeros(4 * RATE, np.float32), sample_rate=RATE)
    assert listen([silent]) == Character(sustains=False, release_seconds=1.0)
    assert len(to_sample(silent, PIANO, key=69).audio) == 1
    assert to_sample(silent, ORGAN, key=69).loop is None


@pytest.mark.parametrize("cents", [-30, -4, 0, 7, 30])
@pytest.mark.parametrize("character", [ORGAN, PIANO])
def test_a_mistuned_note_is_played_in_tune(cents, character):
    sample = to_sample(note(cents=cents), character, key=69)
    assert sample.tune == -cents
    audio = play(sample, seconds=2, release_seconds=0.4)
    assert cents_off(audio, 440) == pytest.approx(0, abs=0.6)


def test_what_has_no_pitch_is_not_tuned():
    noise = np.random.default_rng(0).normal(0, 0.1, 4 * RATE).astype(np.float32)
    assert to_sample(Note(audio=noise, sample_rate=RATE), PIANO, key=69).tune is None
    assert to_sample(note(cents=80), PIANO, key=69).tune is None


def test_a_note_at_another_octave_keeps_its_octave():
    assert to_sample(note(cents=-1195), PIANO, key=69).tune == -5


@pytest.mark.parametrize("semitones", [-12, -1, 0, 5, 12])
@pytest.mark.parametrize("seconds", [0.5, 2.0, 10.0])
def test_a_held_key_sounds_as_long_and_as_high_as_it_should(semitones, seconds):
    sample = to_sample(note(cents=3), ORGAN, key=69)
    audio = play(sample, seconds=seconds, release_seconds=0.4, semitones=semitones)
    assert len(audio) == round((seconds + 0.4) * RATE)
    level = np.sqrt(np.mean(audio[int((seconds - 0.2) * RATE) : int(seconds * RATE)] ** 2))
    assert level == pytest.approx(np.sqrt(np.mean(note().audio[RATE : 2 * RATE] ** 2)), rel=0.03)
    later = audio[-int(1.9 * RATE) :] if seconds > 3 else audio
    assert cents_off(later, 440 * 2 ** (semitones / 12)) == pytest.approx(0, abs=2.5)


def test_a_note_that_dies_away_ends_by_itself():
    audio = play(to_sample(note(fall_db=30), PIANO, key=69), seconds=10, release_seconds=0.4)
    assert 2.5 * RATE < len(audio) <= 4 * RATE


def test_a_released_note_falls_by_80_db():
    audio = play(to_sample(note(), ORGAN, key=69), seconds=1, release_seconds=0.5)
    levels = [20 * np.log10(np.abs(audio[i : i + 160]).max()) for i in (RATE - 160, RATE * 5 // 4, len(audio) - 160)]
    assert levels[0] - levels[1] == pytest.approx(40, abs=2)
    assert levels[0] - levels[2] == pytest.approx(80, abs=3)


def test_a_rate_is_reached_without_another_sound():
    source = note()
    for character in (ORGAN, PIANO):
        sample = to_sample(source, character, key=69, sample_rate=44100)
        assert sample.sample_rate == 44100
        t = np.arange(4000, 80000)
        reference = np.interp(t / 44100, np.arange(4 * RATE * 8) / (8 * RATE), _oversampled(source.audio))
        assert np.abs(sample.audio[t] - reference).max() < 2e-3


def _oversampled(audio):
    spectrum = np.fft.rfft(audio)
    return np.fft.irfft(spectrum, 8 * len(audio)) * 8
