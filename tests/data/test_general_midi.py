from __future__ import annotations

import pytest

from synthgen.checks import UserError
from synthgen.data.general_midi import BY_NAME, PROGRAMS, parse_numbers, parse_programs
from synthgen.data.layout import FAMILIES, SOURCES


def test_every_program_has_a_name_a_family_and_a_source():
    assert [p.number for p in PROGRAMS] == list(range(128))
    assert len(BY_NAME) == 128
    assert all(p.family in FAMILIES and p.source in SOURCES and p.name == p.name.lower() for p in PROGRAMS)
    assert {p.family for p in PROGRAMS} == set(FAMILIES)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("acoustic grand piano", 0),
        ("church organ", 19),
        ("violin", 40),
        ("trumpet", 56),
        ("flute", 73),
        ("gunshot", 127),
    ],
)
def test_numbers_are_those_of_general_midi_counted_from_zero(name, number):
    assert BY_NAME[name].number == number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all", tuple(range(128))),
        ("0-3,40,flute", (0, 1, 2, 3, 40, 73)),
        ("3:5, 4 , Honky-Tonk Piano", (3, 4, 5)),
        ("lead 8 (bass + lead)", (87,)),
    ],
)
def test_programs_are_numbers_ranges_and_names(text, expected):
    assert parse_programs(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fluet", "did you mean 'flute'"),
        ("128", "programs=128 must"),
        ("", "at least one"),
        ("9-3", "from low to high"),
    ],
)
def test_bad_programs_are_named(text, message):
    with pytest.raises(UserError, match=message):
        parse_programs(text)


def test_number_lists():
    assert parse_numbers("pitches", "21:108", 0, 127) == tuple(range(21, 109))
    assert parse_numbers("velocities", "127,25,25", 1, 127) == (25, 127)


@pytest.mark.parametrize("text", ["0", "999", "a", "60:", "1:9:0", "60.5", "-1", ",", "9" * 30])
def test_bad_number_lists_name_the_option(text):
    with pytest.raises(UserError, match=r"^velocities="):
        parse_numbers("velocities", text, 1, 127)
