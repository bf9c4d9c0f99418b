import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from synthgen.checks import UserError
from synthgen.data.audio import find_audio, read_audio, to_int16, write_audio

AUDIO = np.random.default_rng(0).integers(-32768, 32768, 4000).astype(np.float32) / 32768


def read(path, *, sample_rate=16000, samples=4000):
    return read_audio(path, sample_rate=sample_rate, samples=samples)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_sixteen_bit_files_are_exact(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    write_audio(path, AUDIO, sample_rate=16000)
    audio = read(path)
    assert audio.dtype == np.float32
    assert np.array_equal(audio, AUDIO)
    assert soundfile.info(path).subtype == "PCM_16"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=50))
def test_int16_is_the_inverse_of_reading(samples):
    assert to_int16(np.array(samples, np.float32) / 32768).tolist() == samples


def test_quiet_notes_stay_quiet_and_loud_ones_are_clipped(tmp_path):
    path = tmp_path / "a.wav"
    write_audio(path, np.array([0.01, 2.0, -2.0], np.float32), sample_rate=16000)
    assert read(path, samples=3) == pytest.approx([0.01, 1, -1], abs=1 / 32768)


@pytest.mark.parametrize("subtype", ["PCM_24", "FLOAT", "PCM_U8"])
def test_other_sample_formats_are_read(tmp_path, subtype):
    soundfile.write(tmp_path / "a.wav", AUDIO, 16000, subtype=subtype)
    assert np.abs(read(tmp_path / "a.wav") - AUDIO).max() <= 1 / 128


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize("kept", [0, 3, 30, 44, 100, 0.5, 0.99, -1])
def test_a_file_cut_anywhere_is_refused(tmp_path, suffix, kept):
    path = tmp_path / f"a{suffix}"
    write_audio(path, AUDIO, sample_rate=16000)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    with pytest.raises(UserError, match=rf"a{suffix}: (cut off|not a readable)"):
        read(path)


def test_a_damaged_flac_is_refused(tmp_path):
    path = tmp_path / "a.flac"
    write_audio(path, AUDIO, sample_rate=16000)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"cut off|not a readable"):
        read(path)


def test_a_data_chunk_of_unknown_length_and_odd_chunks_are_read(tmp_path):
    path = tmp_path / "a.wav"
    write_audio(path, AUDIO, sample_rate=16000)
    content = path.read_bytes()
    start = content.index(b"data")
    odd = b"note" + struct.pack("<I", 3) + b"abc\0"
    path.write_bytes(content[:start] + odd + content[start:])
    assert np.array_equal(read(path), AUDIO)
    path.write_bytes(content[: start + 4] + b"\xff" * 4 + content[start + 8 :])
    assert np.array_equal(read(path), AUDIO)


@pytest.mark.parametrize(
    ("audio", "rate", "message"),
    [
        (AUDIO, 44100, "sample_rate=44100 must be 16000; resample it"),
        (np.stack([AUDIO, AUDIO], 1), 16000, "channels=2 must be 1; mix it down to mono"),
        (AUDIO[:-1], 16000, "length=3999 samples must be 4000; cut or pad it"),
        (AUDIO * np.nan, 16000, "holds values that are no numbers"),
    ],
)
def test_another_kind_of_audio_is_named(tmp_path, audio, rate, message):
    soundfile.write(tmp_path / "a.wav", audio, rate, subtype="FLOAT")
    with pytest.raises(UserError, match=f"^{tmp_path}/a.wav: {message}") as error:
        read(tmp_path / "a.wav")
    assert "\n" not in str(error.value)


def test_another_container_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", AUDIO, 16000, format="AIFF")
    with pytest.raises(UserError, match="format=AIFF must be WAV or FLAC"):
        read(tmp_path / "a.wav")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"a\.wav: no such file; add it"):
        read(tmp_path / "a.wav")


@pytest.mark.parametrize("audio", [np.zeros((2, 3)), np.array([np.inf])])
def test_what_is_no_note_is_not_written(tmp_path, audio):
    with pytest.raises(UserError, match=r"must be \(samples,\) finite"):
        write_audio(tmp_path / "a.wav", audio, sample_rate=16000)
    with pytest.raises(UserError, match=r"suffix='\.mp3' must be"):
        write_audio(tmp_path / "a.mp3", AUDIO, sample_rate=16000)
    assert list(tmp_path.iterdir()) == []


def test_either_suffix_is_found(tmp_path):
    write_audio(tmp_path / "a.flac", AUDIO, sample_rate=16000)
    assert find_audio(tmp_path, "a") == tmp_path / "a.flac"
    assert find_audio(tmp_path, "b") == tmp_path / "b.wav"
