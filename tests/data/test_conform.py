from __future__ import annotations

import numpy as np
import pytest
import soundfile

from synthgen.data import conform
from synthgen.data.conform import SAMPLE_RATE, SAMPLES, UnusableError, looks_clipped, read_note, read_sound


def sine(rate, *, seconds=1.0, hz=440.0, peak=0.5):
    return (peak * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def write(path, audio, rate, subtype="PCM_16"):
    soundfile.write(path, audio, rate, subtype=subtype)
    return path


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
def test_any_rate_becomes_16_khz_with_the_same_pitch_and_loudness(tmp_path, rate):
    audio, remarks = read_note(write(tmp_path / "a.wav", sine(rate), rate), shortest=0.1)
    assert audio.shape == (SAMPLES,)
    assert audio.dtype == np.float32
    assert remarks == []
    middle = audio[4000:12000]
    assert np.fft.rfft(middle * np.hanning(8000)).__abs__().argmax() * SAMPLE_RATE / 8000 == 440
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=1e-3)
    assert not audio[SAMPLE_RATE + 50 :].any()


def test_what_16_khz_cannot_hold_does_not_fold_back(tmp_path):
    both = sine(48000, hz=440) + sine(48000, hz=11000)
    audio, _ = read_note(write(tmp_path / "a.wav", 0.9 * both, 48000), shortest=0.1)
    power = np.abs(np.fft.rfft(audio[4000:12000] * np.hanning(8000))) ** 2
    assert power[2450:2550].max() < 1e-8 * power.max()


def test_channels_are_averaged(tmp_path):
    left = sine(16000)
    audio, _ = read_note(write(tmp_path / "a.wav", np.stack([left, 0 * left], 1), 16000, "FLOAT"), shortest=0.1)
    assert np.allclose(audio[: len(left)], 0.5 * left, atol=1e-4)


def test_a_long_sample_is_cut_with_a_fade(tmp_path):
    audio, remarks = read_note(write(tmp_path / "a.flac", sine(16000, seconds=9), 16000), shortest=0.1)
    assert audio.shape == (SAMPLES,)
    assert audio[-1] == 0
    assert np.abs(audio[-400:-200]).max() > 0.49
    assert remarks == ["cut to 4 s"]


def test_samples_beyond_full_scale_are_turned_down(tmp_path):
    audio, remarks = read_note(write(tmp_path / "a.wav", sine(16000, peak=2.0), 16000, "FLOAT"), shortest=0.1)
    assert np.abs(audio).max() == pytest.approx(1)
    assert remarks == ["turned down by 6.0 dB to full scale"]


def _cut(path):
    path.write_bytes(path.read_bytes()[:-5000])
    return path


@pytest.mark.parametrize(
    ("make", "outcome"),
    [
        (lambda p: p / "none.wav", "missing"),
        (lambda p: write(p / "a.wav", sine(16000, seconds=0.05), 16000), "too short"),
        (lambda p: write(p / "a.wav", np.zeros(0, np.float32), 16000), "too short"),
        (lambda p: write(p / "a.wav", sine(16000, peak=1e-4), 16000), "silent"),
        (lambda p: write(p / "a.wav", np.full(16000, np.nan, np.float32), 16000, "FLOAT"), "unreadable"),
        (lambda p: write(p / "a.wav", sine(800, hz=44.0), 800), "unreadable"),
        (lambda p: _cut(write(p / "a.wav", sine(16000), 16000)), "cut off"),
        (lambda p: _cut(write(p / "a.aiff", sine(16000), 16000)), "cut off"),
        (lambda p: _cut(write(p / "a.flac", sine(16000), 16000)), "unreadable"),
    ],
)
def test_unusable_files_are_told_apart(tmp_path, make, outcome):
    with pytest.raises(UnusableError) as caught:
        read_note(make(tmp_path), shortest=0.1)
    assert caught.value.outcome == outcome


def test_a_file_that_is_no_audio_is_unreadable(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF but not really")
    with pytest.raises(UnusableError, match=r"a\.wav"):
        read_note(tmp_path / "a.wav", shortest=0.1)


WHOLE = {"sample_rate": 16_000, "shortest": 0.1, "longest": 20.0}


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_a_whole_sound_keeps_its_length_and_loudness(tmp_path, rate):
    audio, remarks = read_sound(write(tmp_path / "a.wav", sine(rate, seconds=9), rate), **WHOLE)
    assert (audio.shape, audio.dtype, remarks) == ((9 * 16_000,), np.float32, [])
    assert np.sqrt(np.mean(audio[4000:-4000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=1e-3)


def test_a_sound_too_long_or_of_too_many_values_is_refused(tmp_path, monkeypatch):
    path = write(tmp_path / "a.wav", sine(8000, seconds=3), 8000)
    with pytest.raises(UnusableError, match="lasts more than 2 s; cut it into parts"):
        read_sound(path, **{**WHOLE, "longest": 2.0})
    monkeypatch.setattr(conform, "MOST_VALUES", 20_000)
    with pytest.raises(UnusableError, match="has 1 channels of 24000 samples; mix it down first"):
        read_sound(path, **WHOLE)


def test_clipping_in_any_channel_is_remarked_on(tmp_path):
    left = sine(16_000, peak=0.4)
    channels = np.stack([left, sine(16_000, peak=3.0).clip(-1, 1)], axis=1)
    _, remarks = read_sound(write(tmp_path / "a.wav", channels, 16_000), **WHOLE)
    assert remarks == ["clipped, which adds partials that were not played"]
    assert not looks_clipped(left)
    assert not looks_clipped(np.zeros(0))
