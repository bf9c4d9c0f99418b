import numpy as np
import pytest

from synthgen.evaluation.gain import Gain


def test_the_interval_holds_the_true_gain_as_often_as_it_says():
    rng, held = np.random.default_rng(0), 0
    for _ in range(500):
        by_group = rng.normal(0, 1, (60, 1)) + rng.normal(0, 0.2, (60, 5))  # values of a group go together
        gain = Gain.of(4.5 + by_group.ravel(), np.full(300, 5.0), np.repeat(np.arange(60), 5))
        held += gain.low < 0.1 < gain.high
    assert held / 500 == pytest.approx(0.95, abs=0.04)


def test_what_is_worse_has_a_negative_gain():
    gain = Gain.of([3.0, 3.0], [2.0, 2.0], "ab")
    assert (gain.share, gain.low, gain.high) == (-0.5, -0.5, -0.5)
    assert str(gain) == "-50.0 % (-50.0 to -50.0)"


def test_nothing_is_below_nothing():
    assert Gain.of([1.0], [0.0], "a") is None


def test_one_group_says_nothing_about_others():
    gain = Gain.of([1.0, 1.0], [2.0, 4.0], "aa")
    assert (gain.low, gain.high) == (-np.inf, np.inf)
    assert gain.to_json() == {"share": pytest.approx(2 / 3), "low": None, "high": None}
