"""Functions of how far a run has come."""

from __future__ import annotations

import math


def progress(step: int, seconds: float, *, steps: int | None, minutes: float | None) -> float:
    """Fraction of the budget that is used, 0 to 1: of the steps or of the time, whichever is further.

    >>> progress(25, 90.0, steps=100, minutes=2.0)
    0.75
    """
    by_steps = step / steps if steps else 0.0
    by_time = seconds / (60 * minutes) if minutes else 0.0
    return min(1.0, max(by_steps, by_time))


def warmup_cosine(step: int, fraction: float, *, warmup: int, final: float) -> float:
    """Factor of the learning rate: a linear rise over `warmup` steps, times half a cosine from 1 down to `final`.

    The cosine is that of SGDR without restarts (Loshchilov and Hutter, 2017, arXiv:1608.03983, equation 5); it follows
    the budget's fraction instead of the step, so that it ends where a budget in minutes does.

    Args:
        step: Steps taken so far.
        fraction: See `progress`.
        warmup: Steps until the full rate.
        final: Factor at the end.

    >>> [round(warmup_cosine(s, s / 100, warmup=4, final=0.1), 3) for s in (0, 50, 100)]
    [0.25, 0.55, 0.1]
    """
    rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
    return rise * (final + (1 - final) * (1 + math.cos(math.pi * fraction)) / 2)
