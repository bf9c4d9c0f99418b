import pytest

from synthgen.checks import UserError
from synthgen.data.general_midi import BY_NAME
from synthgen.rendering.midi.program_map import choose, parse_map
from synthgen.rendering.request import Repertoire

MODEL = Repertoire(
    instruments=("church organ", "Flute", "acoustic grand piano", "violin", "guitar_acoustic_010"), pitches=(36.0, 96.0)
)


def test_a_map_takes_numbers_and_names():
    text = "0=acoustic grand piano, Violin = flute,41=guitar acoustic 010"
    assert parse_map(text, MODEL) == {0: "acoustic grand piano", 40: "Flute", 41: "guitar_acoustic_010"}
    assert parse_map(None, MODEL) == parse_map("", MODEL) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "program_map='0' must read PROGRAM=INSTRUMENT"),
        ("128=violin", "program=128 must be between 0 and 127"),
        ("fiddel=violin", "program='fiddel' is not known; did you mean 'fiddle'"),
        ("0=violni", "instrument='violni' is not known; did you mean 'violin'"),
        ("40=violin,violin=flute", "names program 40 twice; remove one"),
        ("=violin", "program='' is not known"),
    ],
)
def test_a_bad_map_is_one_line(text, message):
    with pytest.raises(UserError, match=message):
        parse_map(text, MODEL)


def test_a_program_is_played_by_its_own_name_or_by_the_nearest_of_its_family_or_of_all():
    asked = {"flute": "Flute", "violin": "violin", "viola": "violin", "drawbar organ": "church organ"}
    asked |= {"sitar": "guitar_acoustic_010", "trumpet": "violin", "electric piano 1": "acoustic grand piano"}
    numbers = {BY_NAME[name].number: own for name, own in asked.items()}
    instruments, remarks = choose(numbers, {}, MODEL)
    assert instruments == numbers
    assert len(remarks) == len(asked) - 2
    assert "program 41 (viola) is played by 'violin'" in remarks


def test_what_was_chosen_is_taken_without_a_remark():
    assert choose([40, 41], {41: "Flute"}, MODEL) == ({40: "violin", 41: "Flute"}, [])
