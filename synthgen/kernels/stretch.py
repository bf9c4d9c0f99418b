"""What every kernel is given beside its network."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Stretch(NamedTuple):
    """The elements of some examples that one call of a kernel makes.

    Attributes:
        start: Elements made before.
        known: How many of these elements are given; the others are drawn.
        uniforms: Random numbers in [0, 1), float32 (n, length, draws).
        x: Levels, int64 (n, length); the first `known` are read, the others written.
    """

    start: int
    known: int
    uniforms: np.ndarray
    x: np.ndarray
