import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.checks import UserError
from synthgen.data.layout import (
    FAMILIES,
    SOURCES,
    Entry,
    check_name,
    parse_examples,
    read_examples,
    safe_name,
    write_examples,
)

GOOD = {
    "note": 1,
    "instrument": 2,
    "instrument_str": "flute_acoustic_002",
    "pitch": 66.0,
    "velocity": 100.0,
    "instrument_family_str": "flute",
    "instrument_source_str": "acoustic",
    "qualities": [0.0] * 10,
}
NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
ENTRIES = st.builds(
    Entry,
    note_str=NAMES,
    note=st.integers(0, 2**31),
    instrument=st.integers(0, 2000),
    instrument_str=NAMES,
    pitch=st.integers(0, 127) | st.floats(0, 127),
    velocity=st.integers(1, 127),
    instrument_family=st.integers(0, len(FAMILIES) - 1),
    instrument_source=st.integers(0, len(SOURCES) - 1),
    qualities=st.tuples(*[st.integers(0, 1)] * 10),
    extra=st.dictionaries(st.sampled_from(["seed", "blend"]), st.integers() | NAMES),
)


@given(st.lists(ENTRIES, unique_by=lambda entry: entry.note_str, max_size=5))
def test_entries_survive_json(entries):
    content = json.dumps({entry.note_str: entry.to_json() for entry in entries}).encode()
    assert parse_examples(content, "x") == sorted(entries, key=lambda entry: entry.note_str)


def test_files_survive_and_whole_numbers_are_written_as_integers(tmp_path):
    entry = Entry.from_json("a", GOOD)
    write_examples(tmp_path / "examples.json", [entry])
    assert read_examples(tmp_path / "examples.json") == [entry]
    assert '"pitch": 66,' in (tmp_path / "examples.json").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["examples.json"]


def test_the_real_metadata(test_data):
    entries = read_examples(test_data / "nsynth/metadata/nsynth-test-acoustic.json")
    assert len(entries) == 1689
    assert {SOURCES[entry.instrument_source] for entry in entries} == {"acoustic"}
    assert min(entry.pitch for entry in entries) < 25
    assert entries == sorted(entries, key=lambda entry: entry.note_str)


def test_the_real_excerpt(test_data):
    path = test_data / "nsynth/nsynth-test/examples.json"
    entries = read_examples(path)
    raw = json.loads(path.read_text())
    assert {entry.note_str: entry.to_json() for entry in entries} == raw


def test_names_win_over_indices_and_indices_do_alone():
    assert Entry.from_json("a", {**GOOD, "instrument_family": 9}).instrument_family == FAMILIES.index("flute")
    values = {key: value for key, value in GOOD.items() if key != "instrument_family_str"}
    assert Entry.from_json("a", {**values, "instrument_family": 9.0}).instrument_family == 9


def test_qualities_by_name():
    values = {key: value for key, value in GOOD.items() if key != "qualities"}
    assert Entry.from_json("a", values).qualities == (0,) * 10
    assert Entry.from_json("a", {**values, "qualities_str": ["dark"]}).qualities == (0, 1, *[0] * 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pitch": "60"}, "pitch='60' must be a number from 0 to 127"),
        ({"pitch": 999}, "pitch=999 must be a number from 0 to 127"),
        ({"pitch": float("nan")}, "pitch=nan must be a number"),
        ({"pitch": True}, "pitch=True must be a number"),
        ({"velocity": 0}, "velocity=0 must be a number from 1 to 127"),
        ({"note": 1.5}, "note=1.5 must be a whole number"),
        ({"instrument": -1}, "instrument=-1 must be a number from 0"),
        ({"instrument": 10**400}, "instrument=1000.* must be a number from 0"),
        ({"instrument_str": ""}, "instrument_str='' must be a name"),
        ({"instrument_str": ["x"]}, "instrument_str=.* must be a name"),
        ({"instrument_family_str": "flutes"}, "instrument_family_str='flutes' is not known; did you mean 'flute'"),
        ({"instrument_family_str": None}, "lacks instrument_family; add it"),
        (
            {"instrument_family_str": None, "instrument_family": 11},
            "instrument_family=11 must be a number from 0 to 10",
        ),
        ({"instrument_source_str": "accoustic"}, "did you mean 'acoustic'"),
        ({"qualities": [0] * 9}, "qualities=.* must be a list of 10 zeros and ones"),
        ({"qualities": [2] * 10}, "qualities=.* must be a list of 10 zeros and ones"),
        ({"qualities": None, "qualities_str": "dark"}, "qualities_str='dark' must be a list"),
        ({"qualities": None, "qualities_str": ["darc"]}, "did you mean 'dark'"),
        ({"sample_rate": 0}, "sample_rate=0 must be"),
        ({"note_str": "b"}, "note_str='b' must equal the note's key"),
    ],
)
def test_an_impossible_value_is_named(change, message):
    with pytest.raises(UserError, match=rf"^f\.json: note 'a'.*{message}") as error:
        parse_examples(json.dumps({"a": {**GOOD, **change}}).encode(), "f.json")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("key", ["note", "instrument", "instrument_str", "pitch", "velocity"])
def test_a_missing_key_is_named(key):
    values = {k: v for k, v in GOOD.items() if k != key}
    with pytest.raises(UserError, match=f"note 'a' lacks {key}; add it"):
        Entry.from_json("a", values)


@pytest.mark.parametrize("name", ["../a", "a/b", "a\\b", "", ".a", "..", "a\0", "a\n", "\ud800", "x" * 300])
def test_names_that_leave_the_folder_are_refused(name):
    with pytest.raises(UserError, match=r"note name .* must"):
        check_name(name, "f.json")
    with pytest.raises(UserError, match=r"^f\.json: note name"):
        parse_examples(json.dumps({name: GOOD}).encode(), "f.json")


@given(st.text(max_size=300))
def test_safe_names_are_plain_and_stay(text):
    name = safe_name(text)
    check_name(name, "x")
    assert safe_name(name) == name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'{"a": 1}', "note 'a' must be a table of labels"),
        (b'{"a": {}, "a": {}}', "key 'a' appears more than once;"),
        (b'{"a": {"note_str": "a", "pitch": 1, "pitch": 2}}', "key 'pitch' appears more than once in note 'a'"),
    ],
)
def test_malformed_json_is_one_line(tmp_path, content, message):
    path = tmp_path / "examples.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_examples(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"examples\.json: cannot read \(No such file"):
        read_examples(tmp_path / "examples.json")


def test_a_name_cannot_be_written_twice(tmp_path):
    with pytest.raises(UserError, match="note 'a' appears more than once"):
        write_examples(tmp_path / "examples.json", [Entry.from_json("a", GOOD)] * 2)
    assert list(tmp_path.iterdir()) == []
