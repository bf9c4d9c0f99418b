"""Recordings in codes, as files."""

import json

import numpy as np
import pytest
from safetensors.numpy import save
from toy_instruments import tone

from synthgen import Synthesizer
from synthgen.checks import UserError
from synthgen.rendering import sound_codes
from synthgen.rendering.sound_codes import SoundCodes, read

TOLD = {
    "recording": "a.wav",
    "sample_rate": 16_000,
    "samples": 8000,
    "levels": 16,
    "model": "tiny",
    "coded_by": "0123456789abcdef",
}
CODES = np.arange(128, dtype=np.int64).reshape(1, 4, 32) % 16


def test_a_file_holds_what_was_saved(tmp_path):
    codes = SoundCodes(**TOLD, codes=CODES)
    assert codes.save(tmp_path / "a.codes") == tmp_path / "a.codes"
    again = read(tmp_path / "a.codes")
    np.testing.assert_array_equal(again.codes, CODES)
    assert again.codes.dtype == np.int64
    assert {name: getattr(again, name) for name in TOLD} == TOLD
    assert (tmp_path / "a.codes").stat().st_size < 1000
    assert str(again) == (
        "a.wav: 1 x 4 x 32 codes of 16, 0.5 s at 16000 Hz, 1024 bits per second, model 'tiny' (01234567)"
    )


def test_a_recording_a_file_and_its_codes_are_the_same_to_a_model(coded_checkpoint, tmp_path):
    synthesizer = Synthesizer.load(coded_checkpoint)
    codes = synthesizer.encode(tone(220, seconds=1.3))
    path = codes.save(tmp_path / "a.codes")
    sounds = [synthesizer.decode(x).audio.tobytes() for x in (codes, path, str(path))]
    sounds += [synthesizer.resynthesize(x).audio.tobytes() for x in (path, tone(220, seconds=1.3))]
    assert len(set(sounds)) == 1


def _with(**change):
    return save({"codes": CODES.astype(np.int16)}, metadata={"format": sound_codes.FORMAT, "of": json.dumps(change)})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a file of codes, or damaged"),
        (b"RIFF" + bytes(100), "not a file of codes, or damaged"),
        (save({"x": CODES}), "its format is None, this version reads 'synthgen-codes-1'"),
        (_with(**TOLD)[:-10], "not a file of codes, or damaged"),
        (_with(**{**TOLD, "samples": "many"}), r"codes.samples='many' must be a whole number"),
        (_with(**{**TOLD, "samples": -1}), r"samples=-1 must be between 1 and"),
        (_with(**{**TOLD, "more": 1}), r"codes has no field more"),
        (_with(**{**TOLD, "recording": "a\nb"}), r"recording of 3 characters must be at most 255 that can be printed"),
        (_with(**{**TOLD, "model": "m" * 256}), r"model of 256 characters must be at most 255 that can be printed"),
        (_with(recording="a.wav"), r"codes lacks field sample_rate"),
        (save({"codes": CODES}, metadata={"format": sound_codes.FORMAT, "of": json.dumps(TOLD)}), r"they are int64"),
        (save({"codes": CODES.astype(np.int16)}, metadata={"format": sound_codes.FORMAT}), "'of'"),
        (save({"codes": CODES.astype(np.int16)}, metadata={"format": sound_codes.FORMAT, "of": "["}), "damaged"),
        (save({"codes": CODES.astype(np.int16)}, metadata={"format": sound_codes.FORMAT, "of": "[" * 9999}), "damaged"),
    ],
)
def test_damaged_files_are_one_line(tmp_path, content, message):
    path = tmp_path / "a.codes"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).endswith("; make it with 'synthgen encode'")
    assert len(str(caught.value).splitlines()) == 1


def test_files_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"none.codes: cannot read \(No such file or directory\); make it with"):
        read(tmp_path / "none.codes")
    path = SoundCodes(**TOLD, codes=CODES).save(tmp_path / "a.codes")
    monkeypatch.setattr(sound_codes, "MAX_BYTES", 100)
    with pytest.raises(UserError, match=r"a.codes: not a file of codes, or damaged \(it is too large\)"):
        read(path)


def test_files_that_cannot_be_written_are_named(tmp_path):
    codes = SoundCodes(**TOLD, codes=CODES)
    with pytest.raises(UserError, match=r"a.wav: suffix='.wav' must be .codes"):
        codes.save(tmp_path / "a.wav")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"a.codes: cannot write \("):
        codes.save(tmp_path / "file" / "a.codes")
