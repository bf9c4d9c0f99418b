from __future__ import annotations

import numpy as np
import pytest

from synthgen.data.tuning import find_pitch, measure

RATE = 16000


def midi_to_hz(pitch: float) -> float:
    return 440.0 * 2.0 ** ((pitch - 69) / 12)


def tone(hz: float, *, seconds: float = 2.0, decay: float = 1.0) -> np.ndarray:
    """A decaying tone with the harmonics below 7.5 kHz, at most ten."""
    t = np.arange(int(seconds * RATE)) / RATE
    harmonics = range(1, 1 + min(10, int(7500 / hz)))
    wave = sum(np.sin(2 * np.pi * hz * k * t + k) / k for k in harmonics)
    return (0.2 * np.exp(-decay * t) * wave).astype(np.float32)


@pytest.mark.parametrize("pitch", range(21, 109, 3))
@pytest.mark.parametrize("cents", [-40, 0, 25])
def test_a_tone_is_measured_within_five_cents_over_the_whole_keyboard(pitch, cents):
    audio = tone(midi_to_hz(pitch + cents / 100))
    tuning = measure(audio, sample_rate=RATE, hz=midi_to_hz(pitch))
    assert tuning.cents == pytest.approx(cents, abs=5)
    assert tuning.verdict == "tuned"


@pytest.mark.parametrize(
    ("semitones", "verdict"), [(0.4, "tuned"), (-0.6, "mistuned"), (7, "mistuned"), (12, "octave"), (-11.8, "octave")]
)
def test_verdicts(semitones, verdict):
    assert measure(tone(midi_to_hz(60 + semitones)), sample_rate=RATE, hz=midi_to_hz(60)).verdict == verdict


def test_noise_silence_and_short_clicks_have_no_pitch():
    noise = np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
    click = np.zeros(2 * RATE, np.float32)
    click[10] = 1
    for audio in (noise, np.zeros(2 * RATE, np.float32), click, noise[:100]):
        assert measure(audio, sample_rate=RATE, hz=220.0).verdict == "unpitched"
        assert find_pitch(audio, sample_rate=RATE) is None


@pytest.mark.parametrize("pitch", range(21, 109, 4))
def test_the_pitch_of_an_unlabelled_tone_is_found(pitch):
    found = find_pitch(tone(midi_to_hz(pitch)), sample_rate=RATE)
    assert 1200 * np.log2(found / midi_to_hz(pitch)) == pytest.approx(0, abs=15)


def test_the_pitch_of_a_very_short_note_is_found():
    audio = np.pad(tone(440.0, seconds=0.15), (0, 3 * RATE))
    assert find_pitch(audio, sample_rate=RATE) == pytest.approx(440, rel=0.01)


def test_measured_pitches_of_real_recordings_agree_with_their_names(test_data):
    import soundfile

    paths = sorted((test_data / "instruments").rglob("*.wav"))
    assert len(paths) >= 60
    for path in paths:
        audio, rate = soundfile.read(path, dtype="float32")
        assert 1200 * abs(np.log2(find_pitch(audio, sample_rate=rate) / float(path.stem))) < 30, path
