import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.checks import UserError
from synthgen.rendering.sampler.zones import cover, sampled_keys, sampled_velocities


def points(low, high, most):
    return st.sets(st.integers(low, high), min_size=1, max_size=most).map(sorted)


@settings(deadline=None)
@given(points(0, 127, 88), points(1, 127, 16))
def test_every_key_and_velocity_plays_the_nearest_sample_and_no_other(keys, velocities):
    plays = np.zeros((128, 128), int)
    for zone in cover(keys, velocities):
        inside = np.s_[zone.low_key : zone.high_key + 1, zone.low_velocity : zone.high_velocity + 1]
        plays[inside] += 1
        assert np.array_equal(np.abs(np.r_[:128] - zone.root)[inside[0]], distance(keys)[inside[0]])
        assert np.array_equal(np.abs(np.r_[:128] - zone.velocity)[inside[1]], distance(velocities)[inside[1]])
    assert (plays[:, 1:] == 1).all()
    assert (plays[:, 0] == 0).all()


def distance(points):
    """How far each of 0 to 127 is from the nearest point."""
    return np.abs(np.subtract.outer(np.r_[:128], points)).min(axis=1)


@given(st.integers(0, 127), st.integers(1, 127))
def test_a_zone_holds_what_lies_within_it(key, velocity):
    (zone,) = [zone for zone in cover([30, 60], [40, 100]) if zone.holds(key, velocity)]
    assert (zone.root, zone.velocity) == (30 if key <= 45 else 60, 40 if velocity <= 70 else 100)


@pytest.mark.parametrize(
    ("text", "step", "pitches", "expected"),
    [
        ("21:108", 3, (0.0, 127.0), range(21, 109, 3)),
        ("A0:C8", 12, (0.0, 127.0), range(21, 109, 12)),
        ("21:108", 3, (36.0, 96.0), range(36, 97, 3)),
        ("60:60", 5, (35.5, 72.4), range(60, 61, 5)),
        ("0:127", 12, (35.5, 72.4), range(36, 73, 12)),
    ],
)
def test_keys_that_the_model_does_not_reach_are_not_sampled(text, step, pitches, expected):
    assert sampled_keys(text, step, pitches) == expected


@pytest.mark.parametrize(
    ("text", "step", "message"),
    [
        ("21:108", 0, "step=0 must be between 1 and 24"),
        ("21:108", 25, "step=25 must be between 1 and 24"),
        ("21", 3, "keys='21' must read LOW:HIGH with MIDI keys from 0 to 127, such as 21:108 or A0:C8"),
        ("108:21", 3, "keys='108:21' must read LOW:HIGH"),
        ("21:128", 3, "keys='21:128' must read LOW:HIGH"),
        ("21.5:108", 3, "keys='21.5:108' must read LOW:HIGH"),
        ("X:108", 3, "pitch='X' must be a MIDI number"),
        ("97:108", 3, "keys='97:108' must hold a key that the model plays: 36 to 96"),
    ],
)
def test_keys_that_cannot_be(text, step, message):
    with pytest.raises(UserError, match=message):
        sampled_keys(text, step, (36.0, 96.0))


@given(st.integers(1, 16), points(1, 127, 8))
def test_layers_rise_within_what_was_learned(count, learned):
    layers = sampled_velocities(count, learned)
    assert layers == sorted(set(layers))
    assert 1 <= len(layers) <= count
    assert learned[0] <= layers[0] <= layers[-1] <= learned[-1]


@pytest.mark.parametrize("count", [0, 17])
def test_a_number_of_layers_that_cannot_be(count):
    with pytest.raises(UserError, match=f"velocities={count} must be between 1 and 16"):
        sampled_velocities(count, (25.0, 127.0))
