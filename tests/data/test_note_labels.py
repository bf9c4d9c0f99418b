from __future__ import annotations

from pathlib import PurePath

import pytest

from synthgen.checks import UserError
from synthgen.data.note_labels import from_path, read_table


def labels(name, **options):
    found = from_path(PurePath(name), folder="samples", **options)
    return found.instrument, found.pitch, found.velocity


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("guitar_acoustic_010-060-100.wav", ("guitar_acoustic_010", 60, 100)),
        ("Flute_A4_v100.wav", ("flute", 69, 100)),
        ("Flute-A4-v100.flac", ("flute", 69, 100)),
        ("church organ C#3 vel25.wav", ("church organ", 49, 25)),
        ("Church_Organ_Db3_Velocity_127.wav", ("church organ", 49, 127)),
        ("viola/Cs4.wav", ("viola", 61, None)),
        ("viola/bb3.wav", ("viola", 58, None)),
        ("viola/b3.wav", ("viola", 59, None)),
        ("tuba_C-1.wav", ("tuba", 0, None)),
        ("tuba_B-2.wav", ("tuba b", None, None)),
        ("bassoon/110.0.wav", ("bassoon", 45, None)),
        ("bassoon/440.wav", ("bassoon", 69, None)),
        ("bassoon/60.wav", ("bassoon", None, None)),
        ("bassoon/58.267.wav", ("bassoon", 34, None)),
        ("110.074.wav", ("samples", 45, None)),
        ("Oboe 440Hz v0.wav", ("oboe v0", 69, None)),
        ("oboe_261.63_v64.wav", ("oboe", 60, 64)),
        ("celtic_harp/take7.wav", ("celtic harp", None, None)),
        ("flute12.wav", ("flute", None, None)),
        ("12.wav", ("samples", None, None)),
        ("x-200-100.wav", ("x", None, None)),
    ],
)
def test_what_a_name_says(name, expected):
    assert labels(name) == expected


def test_middle_c_may_be_called_c3():
    assert labels("flute_C3.wav", middle_c="C3")[1] == labels("flute_C4.wav")[1] == 60


@pytest.mark.parametrize(
    ("instrument", "family", "source"),
    [
        ("guitar_electronic_003", "guitar", "electronic"),
        ("church organ", "organ", "acoustic"),
        ("celtic harp", "string", None),
        ("nylon strings", "guitar", None),
        ("my old synth lead", "synth_lead", "synthetic"),
        ("bassoon", "reed", "acoustic"),
        ("bass clarinet", "reed", None),
        ("electric bass guitar", "bass", "electronic"),
        ("zither", None, None),
    ],
)
def test_family_and_source_are_guessed_from_the_name(instrument, family, source):
    found = from_path(PurePath(f"{instrument}-060-100.wav"), folder="samples")
    assert (found.family, found.source) == (family, source)


def table(tmp_path, text):
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_says_the_labels(tmp_path):
    text = "file,pitch,instrument,velocity,family\na/x.wav,A4,My Flute,90,flute\ny.wav,,zither,,\nz.wav,60.5,viola,1,\n"
    found = read_table(table(tmp_path, text))
    assert list(found) == ["a/x.wav", "y.wav", "z.wav"]
    first, second, third = found.values()
    assert (first.instrument, first.pitch, first.velocity, first.family) == ("My Flute", 69, 90, "flute")
    assert (second.pitch, second.velocity, second.family) == (None, None, None)
    assert (third.pitch, third.family, third.source) == (60.5, "string", "acoustic")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks column file, instrument, pitch"),
        ("file,instrument\n", "line 1: lacks column pitch"),
        ("file,instrument,pitch,velocty\n", "did you mean 'velocity'"),
        ("file,instrument,pitch\n", "names no file"),
        ("file,instrument,pitch\nx.wav,flute\n", "line 2: has 2 cells, the header 3"),
        ("file,instrument,pitch\nx.wav,,60\n", "line 2: instrument is empty"),
        ("file,instrument,pitch\nx.wav,flute,H4\n", "line 2: pitch='H4' must be a number from 0 to 127 or a note"),
        ("file,instrument,pitch\nx.wav,flute,999\n", "line 2: pitch='999'"),
        ("file,instrument,pitch\nx.wav,flute,nan\n", "line 2: pitch='nan'"),
        ("file,instrument,pitch,velocity\nx.wav,flute,60,0\n", "line 2: velocity='0' must be a number from 1 to 127"),
        ("file,instrument,pitch,family\nx.wav,flute,60,woodwind\n", "line 2: family='woodwind' is not known"),
        ("file,instrument,pitch\nx.wav,f,60\nx.wav,f,61\n", "line 3: file='x.wav' was named before"),
        ("file,instrument,pitch\n../x.wav,f,60\n", "line 2: file='../x.wav' must be a path within"),
        ('file,instrument,pitch\n"x.wav,f,60\n', "not a CSV"),
    ],
)
def test_bad_tables_name_line_and_column(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        read_table(table(tmp_path, text))


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.csv: cannot read"):
        read_table(tmp_path / "none.csv")
