import base64
import errno
import io
import os
import re
import resource

import numpy as np
import pytest
import soundfile
from PIL import Image

from synthgen.checks import UserError
from synthgen.rendering.note import Note
from synthgen.rendering.picture import decibels, spectrogram_png

RATE = 16000


def tone(hz=440.0, level=0.5, seconds=0.5):
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
@pytest.mark.parametrize("level", [0.01, 0.9])
def test_a_saved_note_reads_back_at_its_own_level(tmp_path, suffix, level):
    note = Note(tone(level=level), RATE, {"instrument": "flute"})
    path = note.save(str(tmp_path / f"a4.{suffix}"))
    audio, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    assert np.abs(audio - note.audio).max() <= 0.51 / 32768
    assert soundfile.info(path).subtype == "PCM_16"


def test_saving_leaves_one_file(tmp_path):
    Note(tone(), RATE).save(tmp_path / "new" / "a4.wav")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a4.wav"]


def test_samples_beyond_one_are_limited_with_a_warning(tmp_path):
    note = Note(2 * tone(level=0.9), RATE)
    assert note.clipped > 0
    with pytest.warns(UserWarning, match=r"a4.wav: \d+ samples lie outside \[-1, 1\] and are clipped"):
        path = note.save(tmp_path / "a4.wav")
    audio, _ = soundfile.read(path, dtype="float32")
    assert np.abs(audio - np.clip(note.audio, -1, 1)).max() <= 1.01 / 32768


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"a4.mp3: suffix='.mp3' must be .wav or .flac"):
        Note(tone(), RATE).save(tmp_path / "a4.mp3")


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"a4.wav: the disk is full; free some space"):
        Note(tone(), RATE).save(tmp_path / "a4.wav")
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_is_cut_short_leaves_nothing(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(UserError, match=r"a4.wav: cannot write \(File too large\)"):
            Note(tone(), RATE).save(tmp_path / "a4.wav")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_the_player_holds_the_sound_and_its_picture():
    note = Note(tone(), RATE, {"instrument": "<b>flute</b>", "pitch": 69.0})
    page = note._repr_html_()
    assert "&lt;b&gt;flute&lt;/b&gt;, pitch 69, 0.5 s at 16000 Hz" in page
    picture, sound = (base64.b64decode(data) for data in re.findall(r"base64,([^\"]+)", page))
    assert Image.open(io.BytesIO(picture)).size == (480, 192)
    audio, _ = soundfile.read(io.BytesIO(sound), dtype="float32")
    assert np.abs(audio - note.audio).max() <= 1.51 / 32768


@pytest.mark.parametrize("hz", [440, 2000, 7000])
def test_a_tone_is_a_bright_line_at_its_height(hz):
    shades = np.asarray(Image.open(io.BytesIO(spectrogram_png(tone(hz)))).convert("L"), dtype=float)
    brightest = shades[:, 100:380].mean(1).argmax()
    assert abs(1 - (brightest + 0.5) / len(shades) - hz / (RATE / 2)) < 0.01


def test_decibels_lie_between_the_floor_and_the_peak():
    shades = decibels(tone())
    assert (shades.min(), shades.max()) == (-80, 0)
    assert abs(shades[:, 10].argmax() * RATE / 1024 - 440) < RATE / 1024
