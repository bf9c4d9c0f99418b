"""Products with weights, and squashing functions, that compile to vector instructions."""

from __future__ import annotations

import numpy as np

from .compiling import inlined

ZERO, ONE, TWO = np.float32(0), np.float32(1), np.float32(2)
LARGEST, LOG2_E = np.float32(87), np.float32(1.44269504)
LOG_2_HIGH, LOG_2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
C2, C3, C4, C5, C6, C7 = (np.float32(c) for c in (1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040))


@inlined
def exp(x: np.float32) -> np.float32:
    """Exponential of x clamped to +-87, to 2e-7 of itself: 2 ** k, and the rest by its series (Cody, Waite, 1980)."""
    x = min(max(x, -LARGEST), LARGEST)
    k = np.floor(x * LOG2_E + np.float32(0.5))
    r = x - k * LOG_2_HIGH - k * LOG_2_LOW
    y = ONE + r * (ONE + r * (C2 + r * (C3 + r * (C4 + r * (C5 + r * (C6 + r * C7))))))
    return y * np.int32((np.int32(k) + 127) << 23).view(np.float32)


@inlined
def sigmoid(x: np.float32) -> np.float32:
    """1 / (1 + e ** -x) to 1e-7."""
    return ONE / (ONE + exp(-x))


@inlined
def tanh(x: np.float32) -> np.float32:
    """(1 - e ** -2x) / (1 + e ** -2x) to 2e-7."""
    e = exp(-TWO * x)
    return (ONE - e) / (ONE + e)


@inlined
def copy(y: np.ndarray, x: np.ndarray) -> None:
    """Do y (C,) = x (C,) without numpy's care for shapes and overlaps."""
    for c in range(len(y)):
        y[c] = x[c]


@inlined
def add(y: np.ndarray, x: np.ndarray) -> None:
    """Do y (C,) += x (C,)."""
    for c in range(len(y)):
        y[c] += x[c]


@inlined
def rectify(y: np.ndarray, x: np.ndarray) -> None:
    """Do y (C,) = max(x, 0), where x may be longer."""
    for c in range(len(y)):
        y[c] = max(x[c], ZERO)


@inlined
def largest(x: np.ndarray) -> int:
    """The index of the largest value, the first of equal ones."""
    best = 0
    for i in range(1, len(x)):
        if x[i] > x[best]:
            best = i
    return best


@inlined
def add_product(y: np.ndarray, x: np.ndarray, weight: np.ndarray) -> None:
    """Do y (n, C') += x (n, C) @ weight (C, C') by rows of the weight, each read once for all n.

    Every sum goes through the C in order, so that a row of y does not depend on the others.
    """
    inputs, outputs = weight.shape
    whole = inputs // 4 * 4
    for i in range(0, whole, 4):
        w0, w1, w2, w3 = weight[i], weight[i + 1], weight[i + 2], weight[i + 3]
        for g in range(y.shape[0]):
            x0, x1, x2, x3 = x[g, i], x[g, i + 1], x[g, i + 2], x[g, i + 3]
            row = y[g]
            for o in range(outputs):
                row[o] = row[o] + w0[o] * x0 + w1[o] * x1 + w2[o] * x2 + w3[o] * x3
    for i in range(whole, inputs):
        w0 = weight[i]
        for g in range(y.shape[0]):
            x0, row = x[g, i], y[g]
            for o in range(outputs):
                row[o] = row[o] + w0[o] * x0
