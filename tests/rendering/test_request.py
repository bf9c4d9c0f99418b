import math

import pytest

from synthgen.checks import UserError
from synthgen.rendering.request import Repertoire, Request, note_name, parse_pitch, parse_seed, parse_velocity

REPERTOIRE = Repertoire(
    instruments=("church organ", "flute", "acoustic guitar (nylon)"), pitches=(36.0, 96.0), velocities=(25.0, 127.0)
)


def test_note_names_mean_what_librosa_says():
    import librosa

    names = [
        f"{letter}{accidental}{octave}"
        for letter in "CDEFGABa"
        for accidental in ("", "#", "b", "##")
        for octave in (-1, 4)
    ]
    assert [parse_pitch(name) for name in names] == [float(m) for m in librosa.note_to_midi(names)]


@pytest.mark.parametrize("midi", range(128))
def test_every_key_has_a_name_that_leads_back(midi):
    assert parse_pitch(note_name(midi)) == midi


@pytest.mark.parametrize("pitch", ["H4", "A", "", "A4B", "nan", "inf", math.nan, None, True, "1e999", [60]])
def test_what_is_no_pitch_is_refused(pitch):
    with pytest.raises(UserError, match=r"^pitch=.* must be a MIDI number such as 69 or 57.5, or a note such as A4"):
        parse_pitch(pitch)


@pytest.mark.parametrize("pitch", [999, -1, 35.9, "C8", "C0"])
def test_a_pitch_beyond_the_model_names_its_range(pitch):
    with pytest.raises(UserError, match=rf"^pitch={pitch} must be between 36 and 96 \(C2 to C7\)$"):
        REPERTOIRE.pitch(pitch)


@pytest.mark.parametrize("velocity", [0, 128, -5, "loud", math.nan, None])
def test_a_velocity_lies_between_1_and_127(velocity):
    with pytest.raises(UserError, match=r"^velocity=\S+ must be a number between 1 and 127$"):
        parse_velocity(velocity)


def test_velocities_beyond_the_learned_ones_are_accepted():
    assert [parse_velocity(v) for v in (1, "127", 60.5)] == [1.0, 127.0, 60.5]


@pytest.mark.parametrize("seed", [-1, 1.5, "x", 2**63, None])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(UserError, match=r"^seed=\S+ must be a whole number between 0 and 2 \*\* 63 - 1$"):
        parse_seed(seed)


@pytest.mark.parametrize("name", ["church organ", "Church Organ", "church_organ", "CHURCH-ORGAN", " church  organ "])
def test_instrument_names_are_forgiving(name):
    assert REPERTOIRE.instrument(name) == "church organ"


def test_brackets_may_be_left_out():
    assert REPERTOIRE.instrument("acoustic guitar nylon") == "acoustic guitar (nylon)"


def test_an_unknown_instrument_gets_the_nearest_ones():
    with pytest.raises(UserError, match=r"^instrument='fluet' is not known; did you mean 'flute'\?$"):
        REPERTOIRE.instrument("fluet")


def test_names_that_differ_in_punctuation_alone_must_be_exact():
    twins = Repertoire(instruments=("a_1", "a 1"), pitches=(0.0, 127.0))
    assert twins.instrument("a_1") == "a_1"
    with pytest.raises(UserError, match=r"instrument='A-1' may be 'a_1' or 'a 1'; write one of them exactly"):
        twins.instrument("A-1")


def test_a_blend_is_sorted_and_sums_up_to_one():
    blend = REPERTOIRE.instrument({"Flute": 0.5004, "church_organ": 0.5})
    assert list(blend) == ["church organ", "flute"]
    assert math.fsum(blend.values()) == pytest.approx(1, abs=1e-15)


def test_a_blend_reads_the_same_from_text():
    assert REPERTOIRE.instrument("flute=0.25, church organ=.75") == {"church organ": 0.75, "flute": 0.25}


@pytest.mark.parametrize("blend", [{"flute": 1}, {"flute": 1.0, "church organ": 0}, "flute=1"])
def test_a_blend_of_one_is_the_instrument(blend):
    assert REPERTOIRE.instrument(blend) == "flute"


@pytest.mark.parametrize(
    ("blend", "message"),
    [
        (
            {"flute": 0.5, "church organ": 0.6},
            r"weights of a blend \(flute=0.5, church organ=0.6\) sum up to 1.1; they",
        ),
        ({}, r"weights of a blend \(\) sum up to 0; they must sum up to 1"),
        (
            {"flute": 1.5, "church organ": -0.5},
            r"weight of 'church organ' in a blend=-0.5 must be a number of at least 0",
        ),
        ({"flute": math.nan}, r"weight of 'flute' in a blend=nan must be a number"),
        ({"flute": "much"}, r"weight of 'flute' in a blend='much' must be a number"),
        ({"flute": 0.5, "Flute": 0.5}, r"instrument='flute' is named twice in a blend"),
        ("flute=0.5,flute=0.5", r"instrument='flute' is named twice in a blend"),
        ("flute=0.5,church organ", r"instrument='flute=0.5,church organ' must read NAME=WEIGHT,NAME=WEIGHT"),
        ({"oboe": 1.0}, r"instrument='oboe' is not known; "),
        (None, r"instrument=None must be a name such as 'flute', or names and weights to blend"),
    ],
)
def test_bad_blends_are_refused(blend, message):
    with pytest.raises(UserError, match=message):
        REPERTOIRE.instrument(blend)


def test_resolving_twice_changes_nothing():
    asked = Request(instrument="flute=0.5,Church Organ=0.5", pitch="A4", velocity=100)
    once = REPERTOIRE.resolve(asked)
    assert once == REPERTOIRE.resolve(once)
    assert once.pitch == 69
    assert once.instrument_name == "church organ=0.5,flute=0.5"
