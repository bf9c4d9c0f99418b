from __future__ import annotations

import numpy as np
import pytest

from synthgen.kernels import arithmetic

POINTS = np.linspace(-30, 30, 601).astype(np.float32)


def test_exp_is_exact_to_rounding():
    found = np.array([arithmetic.exp(x) for x in POINTS])
    np.testing.assert_allclose(found, np.exp(POINTS.astype(np.float64)), rtol=3e-7)


@pytest.mark.parametrize(
    ("name", "exact"), [("tanh", np.tanh), ("sigmoid", lambda x: 1 / (1 + np.exp(-x)))], ids=lambda v: str(v)[:8]
)
def test_squashing_is_exact_to_rounding(name, exact):
    found = np.array([getattr(arithmetic, name)(x) for x in POINTS])
    np.testing.assert_allclose(found, exact(POINTS.astype(np.float64)), atol=3e-7, rtol=0)


@pytest.mark.parametrize("x", [-1e30, -88.0, 88.0, 1e30])
def test_huge_numbers_stay_finite(x):
    x = np.float32(x)
    assert 0 < arithmetic.exp(x) < np.inf
    assert arithmetic.tanh(x) == np.sign(x)
    assert arithmetic.sigmoid(x) == pytest.approx(float(x > 0), abs=1e-30)


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 3), (4, 16), (7, 33), (64, 128)])
def test_products_are_those_of_numpy_and_each_row_is_its_own(inputs, outputs):
    rng = np.random.default_rng(0)
    x, weight, y = (rng.standard_normal(s).astype(np.float32) for s in ((5, inputs), (inputs, outputs), (5, outputs)))
    together = y.copy()
    arithmetic.add_product(together, x, weight)
    np.testing.assert_allclose(together, y + x @ weight, rtol=1e-5, atol=1e-5)
    alone = y[2:3].copy()
    arithmetic.add_product(alone, x[2:3].copy(), weight)
    np.testing.assert_array_equal(alone[0], together[2])


def test_the_first_of_the_largest_is_taken():
    assert arithmetic.largest(np.array([1.0, 3.0, 2.0, 3.0])) == 1
