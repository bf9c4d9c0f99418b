import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_notes import make_entries

from synthgen.checks import UserError
from synthgen.data.splits import completion, split_hash

ENTRIES = make_entries(tuple(f"instrument {i}" for i in range(10)), tuple(range(40, 60)), (25, 127))


def pairs(entries, indices):
    return {(entries[i].instrument_str, entries[i].pitch) for i in indices}


def named(entries, seed=0):
    return {part: [entries[i] for i in indices] for part, indices in completion(entries, seed=seed).items()}


def test_whole_pairs_are_held_out_eighty_ten_ten():
    parts = completion(ENTRIES, seed=0)
    assert {part: len(pairs(ENTRIES, indices)) for part, indices in parts.items()} == {
        "train": 160,
        "valid": 20,
        "test": 20,
    }
    assert sorted(i for indices in parts.values() for i in indices) == list(range(len(ENTRIES)))
    assert not pairs(ENTRIES, parts["train"]) & pairs(ENTRIES, parts["valid"] + parts["test"])
    assert not pairs(ENTRIES, parts["valid"]) & pairs(ENTRIES, parts["test"])


@given(st.permutations(ENTRIES[:40]), st.integers(0, 5))
def test_the_order_of_the_notes_does_not_matter(entries, seed):
    assert split_hash(named(entries, seed)) == split_hash(named(ENTRIES[:40], seed))


def test_the_split_is_the_same_on_every_platform():
    assert split_hash(named(ENTRIES)) == "3bf516c7937ed67a99a0009d2975b982403948fb760816347dfdfe7f5acf6a84"
    assert split_hash(named(ENTRIES, seed=1)) != split_hash(named(ENTRIES))


def test_filtering_moves_few_pairs_between_parts():
    some = [entry for entry in ENTRIES if entry.instrument_str > "instrument 2"]
    before, after = named(ENTRIES)["train"], named(some)["train"]
    moved = pairs(after, range(len(after))) - pairs(before, range(len(before)))
    assert len(moved) <= 0.05 * len(after) / 2


@pytest.mark.parametrize("pitches", [3, 4, 12])
def test_small_sets_have_notes_in_every_part(pitches):
    parts = completion(make_entries(("flute",), tuple(range(pitches))), seed=0)
    assert all(parts.values())
    assert len(parts["train"]) >= len(parts["test"])


def test_too_few_pairs_are_refused():
    with pytest.raises(UserError, match=r"2 \(instrument, pitch\) pairs are too few to hold any out; give at least 3"):
        completion(make_entries(("flute",), (60, 61)), seed=0)
