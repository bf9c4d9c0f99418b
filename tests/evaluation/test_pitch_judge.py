import math

import numpy as np
import pytest

from synthgen.evaluation.pitch import PitchShares, deviation, verdict

RATE = 16000


def harmonic(midi, amplitudes, seconds=2.0):
    hz = 440 * 2 ** ((midi - 69) / 12)
    t = np.arange(int(seconds * RATE)) / RATE
    partials = [(k, a) for k, a in enumerate(amplitudes, 1) if k * hz < RATE / 2]
    return sum(a * np.sin(2 * math.pi * k * hz * t + k) for k, a in partials).astype(np.float32) * 0.1


SAW = [1 / k for k in range(1, 200)]


@pytest.mark.parametrize("amplitudes", [[1.0], [1.0, 1.0], SAW])
@pytest.mark.parametrize("midi", [36, 57.3, 69, 84, 96])
def test_tones_are_heard_at_their_pitch(midi, amplitudes):
    assert abs(deviation(harmonic(midi, amplitudes), sample_rate=RATE, midi=midi)) < 10


@pytest.mark.parametrize("midi", [36, 57.3, 69, 84])
def test_a_missing_fundamental_is_heard(midi):
    assert abs(deviation(harmonic(midi, [0.0, 1.0, 1.0, 1.0]), sample_rate=RATE, midi=midi)) < 10


@pytest.mark.parametrize("midi", [24, 102, 106.2, 108])
def test_the_ends_of_the_keyboard(midi):
    assert abs(deviation(harmonic(midi, SAW), sample_rate=RATE, midi=midi)) < 15


@pytest.mark.parametrize(("semitones", "expected"), [(0.2, "within"), (0.8, "off"), (12, "octave"), (-24, "octave")])
def test_wrong_pitches_are_told_apart(semitones, expected):
    cents = deviation(harmonic(69 + semitones, SAW), sample_rate=RATE, midi=69)
    assert cents == pytest.approx(100 * semitones, abs=10)
    assert verdict(cents) == expected


def test_silence_and_notes_shorter_than_a_frame_have_no_pitch():
    assert deviation(np.zeros(32000, np.float32), sample_rate=RATE, midi=69) is None
    assert deviation(harmonic(69, SAW)[:1000], sample_rate=RATE, midi=69) is None


def test_the_attack_and_the_quiet_end_do_not_count():
    audio = harmonic(69, SAW)
    audio[:4000] = harmonic(50, SAW)[:4000]
    audio[16000:] = 1e-3 * harmonic(61, SAW)[16000:]
    assert abs(deviation(audio, sample_rate=RATE, midi=69)) < 10


def test_level_does_not_matter():
    audio = harmonic(60, SAW)
    quiet = deviation(audio * 0.003, sample_rate=RATE, midi=60)
    assert quiet == pytest.approx(deviation(audio, sample_rate=RATE, midi=60), abs=0.1)


def test_shares_sum_up_to_one():
    shares = PitchShares.of([0.0, 49.0, -1220.0, 300.0, None])
    assert shares == PitchShares(within=0.4, octave=0.2, off=0.2, silent=0.2)
    assert sum(shares.to_json().values()) == pytest.approx(1)
