import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_notes import RATE, SAMPLES, example, make_audio, make_entries, message, record, varint, write_records

from synthgen.checks import UserError
from synthgen.data.audio import to_int16
from synthgen.data.crc32c import crc32c, masked
from synthgen.data.tfrecord import RecordSource, parse_example, read_records

ENTRIES = make_entries()


def decode_all(path):
    source = RecordSource(path)
    audio = dict(item.decode() for item in source.items(sample_rate=RATE, samples=SAMPLES))
    return source.entries(), audio


@pytest.mark.parametrize("packed", [True, False])
def test_labels_and_audio_come_back(tmp_path, packed):
    entries, audio = decode_all(write_records(tmp_path / "a.tfrecord", ENTRIES, packed=packed))
    assert entries == ENTRIES
    assert all(np.array_equal(audio[e.note_str], to_int16(make_audio(e))) for e in ENTRIES)


def test_progress_reaches_the_size_of_the_file(tmp_path):
    source = RecordSource(write_records(tmp_path / "a.tfrecord", ENTRIES[:3]))
    done = [item.done for item in source.items(sample_rate=RATE, samples=SAMPLES)]
    assert done == sorted(done)
    assert done[-1] == source.total()


@given(
    st.dictionaries(
        st.text(max_size=5).filter(lambda key: key != "audio"),
        st.integers(-(2**63), 2**63 - 1)
        | st.text(max_size=5)
        | st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=4),
        max_size=5,
    ),
    st.booleans(),
)
def test_features_survive(features, packed):
    assert parse_example(example(features, packed), "x") == features


def test_fields_that_are_not_known_are_passed_over():
    unknown = (
        varint(7 << 3) + varint(300) + message(9, b"abc") + varint(8 << 3 | 5) + b"1234" + varint(8 << 3 | 1) + b"8" * 8
    )
    assert parse_example(unknown + example({"pitch": 60, "gain": np.float32([0.5])}), "x") == {"pitch": 60, "gain": 0.5}


@given(st.binary(max_size=60))
def test_any_bytes_are_parsed_or_refused(data):
    try:
        parse_example(data, "x")
    except UserError as error:
        assert str(error).startswith("x: no tf.train.Example")


@given(st.data())
def test_a_damaged_example_is_parsed_or_refused(data):
    content = bytearray(example({"note_str": "a", "pitch": 60, "audio": np.float32([0.5, 1])}))
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        parse_example(bytes(content), "x")
    except UserError as error:
        assert str(error).startswith("x: no tf.train.Example")


@pytest.mark.parametrize("cut", [1, 4, 11, 12, 13, 200, -5, -1])
def test_a_file_cut_anywhere_is_refused(tmp_path, cut):
    path = write_records(tmp_path / "a.tfrecord", ENTRIES[:2])
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UserError, match=rf"a\.tfrecord: cut off in record {1 if cut > 0 else 2}; download it again"):
        decode_all(path)


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot read \(Is a directory\)"):
        list(RecordSource(tmp_path).items(sample_rate=RATE, samples=SAMPLES))


def test_a_damaged_note_is_named(tmp_path):
    path = write_records(tmp_path / "a.tfrecord", ENTRIES[:2])
    content = bytearray(path.read_bytes())
    content[-50] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.tfrecord: record 2: damaged, its checksum is wrong"):
        decode_all(path)


@pytest.mark.parametrize("content", [b"RIFF, not a record file", struct.pack("<QI", 2**63, 0) + b"x"])
def test_another_kind_of_file_is_refused(tmp_path, content):
    (tmp_path / "a.tfrecord").write_bytes(content)
    with pytest.raises(UserError, match="record 1 is damaged or this is no TFRecord file"):
        decode_all(tmp_path / "a.tfrecord")


def test_a_huge_length_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.tfrecord"
    head = struct.pack("<Q", 2**40)
    path.write_bytes(head + struct.pack("<I", masked(crc32c(head))) + b"x")
    with path.open("rb") as stream, pytest.raises(UserError, match="record 1 is damaged"):
        list(read_records(stream, str(path)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"audio": np.zeros(3, np.float32)}, "length=3 samples must be 400"),
        ({"audio": np.full(SAMPLES, np.nan, np.float32)}, "audio holds values that are no numbers"),
        ({"audio": "x"}, "no tf.train.Example"),
        ({"sample_rate": 8000}, "sample_rate=8000 must be 16000"),
        ({"note_str": 5}, "lacks note_str or audio"),
        ({"note_str": "../a"}, "note name '../a' must be a plain file name"),
        ({"pitch": "x"}, "pitch='x' must be a number"),
    ],
)
def test_a_bad_note_is_named(tmp_path, change, message):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(record(example({**ENTRIES[0].to_json(), "audio": make_audio(ENTRIES[0]), **change})))
    with pytest.raises(UserError, match=rf"^{path}: record 1.*{message}") as error:
        decode_all(path)
    assert "\n" not in str(error.value)
