from collections import Counter

import pytest
from toy_plans import REPERTOIRE, info, names, requests

from synthgen.checks import UserError
from synthgen.rendering.bulk.drawn import grid, random
from synthgen.rendering.bulk.plan import stem

MODEL = info(REPERTOIRE)


def test_file_names_tell_requests_apart():
    one = ("flute", 60.0, 100.0)
    asked = [one, (*one, 1), ("flute", 60.25, 100.0), ("flute", 60.0, 10.0), ("flute", 6.0, 100.0), (*one, 0, "d2")]
    made = [stem(*r) for r in asked]
    assert made == [
        *("flute-060-100", "flute-060-100-s1", "flute-060.25-100"),
        *("flute-060-010", "flute-006-100", "flute-060-100-d2"),
    ]


def test_a_grid_is_every_combination():
    plan = grid(MODEL, instruments="Flute,church_organ", pitches="48:72:12,C#4", velocities="25,100", seed=3)
    assert len(plan) == len(set(names(plan))) == 2 * 4 * 2
    assert {r.pitch for r in requests(plan)} == {48, 60, 72, 61}
    assert {r.seed for r in requests(plan)} == {3}


def test_a_grid_is_all_that_the_model_plays_unless_told():
    plan = grid(MODEL)
    assert len(plan) == 2 * 25 * 2
    assert {r.velocity for r in requests(plan)} == {25, 127}


def test_ranges_hold_both_ends():
    pitches = [r.pitch for r in requests(grid(MODEL, pitches="C4:C5:0.1", velocities="9", instruments="flute"))]
    assert len(pitches) == 121
    assert (pitches[0], pitches[-1]) == (60, pytest.approx(72))


BAD_AXES = [
    ({"instruments": "fluet"}, r"instrument='fluet' is not known; did you mean 'flute'"),
    ({"pitches": "40:60"}, r"pitch=40 must be between 48 and 72"),
    ({"pitches": "60:50"}, r"pitches='60:50' must rise; write the lower end first"),
    ({"pitches": "48:60:0"}, r"step of pitches=0.0 must be between 0.01 and 127"),
    ({"pitches": "48:60:x"}, r"step='x' of pitches must be a number"),
    ({"pitches": "48:60:1:2"}, r"pitches='48:60:1:2' must read LOW:HIGH or LOW:HIGH:STEP"),
    ({"pitches": "60,60"}, r"note church_organ-060-025 is asked for twice"),
    ({"instruments": "flute,Flute"}, r"note flute-048-025 is asked for twice"),
    ({"velocities": "0:50"}, r"velocity=0 must be a number between 1 and 127"),
    ({"seed": -1}, r"seed=-1 must be"),
]


@pytest.mark.parametrize(("asked", "message"), BAD_AXES)
def test_bad_axes_are_refused(asked, message):
    with pytest.raises(UserError, match=message):
        grid(MODEL, **asked)
    with pytest.raises(UserError, match=message):
        random(MODEL, 10, **asked)


def test_random_notes_are_drawn_evenly_from_the_axes():
    plan = random(MODEL, 4000, pitches="48:51", velocities="25,100")
    drawn = Counter((r.instrument, r.pitch, r.velocity) for r in requests(plan))
    assert len(drawn) == 2 * 4 * 2
    assert max(abs(count - 250) for count in drawn.values()) < 5 * 250**0.5
    assert len(set(names(plan))) == len({r.seed for r in requests(plan)}) == 4000


def test_a_random_note_depends_on_the_seed_and_its_number_alone():
    long, short, other = random(MODEL, 10**8), random(MODEL, 5), random(MODEL, 5, seed=1)
    assert requests(short) == [long.row(i).request for i in range(5)]
    assert not {r.seed for r in requests(short)} & {r.seed for r in requests(other)}
    assert [r.pitch for r in requests(short)] != [r.pitch for r in requests(other)]
    assert len({plan.digest() for plan in (long, short, other)}) == 3


def test_a_plan_of_any_length_costs_nothing():
    plan = random(MODEL, 2**32)
    assert plan.row(len(plan) - 1).request.seed == 2**32 - 1
    assert plan.tally() == [(2**32, 2**32 * 8000)]


@pytest.mark.parametrize("count", [0, -1, 2**32 + 1])
def test_a_number_of_notes_that_cannot_be(count):
    with pytest.raises(UserError, match=rf"--random={count} must be between 1 and 4.29497e\+09"):
        random(MODEL, count)


def test_digests_tell_grids_apart():
    plans = [grid(MODEL), grid(MODEL, seed=1), grid(MODEL, pitches="48"), random(MODEL, 100)]
    assert len({plan.digest() for plan in plans}) == 4
    assert grid(MODEL).digest() == grid(MODEL, pitches="48:72").digest()
