"""Many notes as one recording that does not clip."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

PEAK = 10 ** (-1 / 20)
"""Peak of a mix that is as loud as it may be: 1 dB below full scale."""


def mix(notes: Iterable[tuple[float, np.ndarray]], *, seconds: float, sample_rate: int) -> np.ndarray:
    """The sum of notes, float32 (T,), silence at its end left out.

    Args:
        notes: Where each begins, in seconds, and its samples (T,); what lies beyond the end is left out.
        seconds: Length of the mix at most.
        sample_rate: Samples per second.

    >>> mix([(0.0, np.ones(2)), (0.5, np.ones(2))], seconds=4, sample_rate=2).tolist()
    [1.0, 2.0, 1.0]
    """
    total = np.zeros(math.ceil(seconds * sample_rate) + 1, dtype=np.float32)
    for begin, audio in notes:
        first = round(begin * sample_rate)
        total[first : first + len(audio)] += audio[: len(total) - first]
    return np.trim_zeros(total, "b")


def normalised(audio: np.ndarray) -> tuple[np.ndarray, float]:
    """The same with its peak 1 dB below full scale, and by how many dB it was turned up; silence stays silence."""
    peak = float(np.abs(audio).max(initial=0))
    if not peak:
        return audio, 0.0
    return audio * np.float32(PEAK / peak), 20 * math.log10(PEAK / peak)
