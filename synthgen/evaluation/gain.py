"""How far one mean lies below another, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

RESAMPLED = 10_000
SURE = 0.95


@dataclass(frozen=True)
class Gain:
    """A share by which a mean is lower than another, negative where it is higher.

    Attributes:
        share: That of the notes at hand.
        low: Lower end of the interval that holds the share of all such notes with 95 % confidence.
        high: Upper end.
    """

    share: float
    low: float
    high: float

    @classmethod
    def of(cls, ours: Sequence[float], theirs: Sequence[float], groups: Sequence[Hashable]) -> Gain | None:
        """Gain of `ours` over `theirs`, value by value of the same things; None if theirs are all zero.

        The interval is a percentile bootstrap (Efron, 1979) that draws whole groups, because values of one group stand
        or fall together; of one group alone it is unbounded.

        >>> Gain.of([1.0, 1.0, 3.0], [2.0, 2.0, 4.0], ["flute", "flute", "oboe"])
        Gain(share=0.375, low=0.25, high=0.5)
        """
        names = {group: number for number, group in enumerate(dict.fromkeys(groups))}
        index = [names[group] for group in groups]
        sums = np.stack([np.bincount(index, weights=values) for values in (ours, theirs)])
        if not sums[1].any():
            return None
        low, high = _interval(sums) if len(names) > 1 else (-np.inf, np.inf)
        return cls(float(_gain(*sums)), float(low), float(high))

    def to_json(self) -> dict[str, float | None]:
        """All values; an end without a bound is None."""
        return {name: value if math.isfinite(value) else None for name, value in asdict(self).items()}

    def __str__(self) -> str:
        """In percent, with the interval in brackets."""
        return f"{100 * self.share:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f})"


def _gain(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    return 1 - ours.sum(-1) / theirs.sum(-1)


def _interval(sums: np.ndarray) -> np.ndarray:
    groups = sums.shape[1]
    drawn = np.random.default_rng(0).integers(groups, size=(RESAMPLED, groups))
    return np.quantile(_gain(*sums[:, drawn]), [(1 - SURE) / 2, (1 + SURE) / 2])
