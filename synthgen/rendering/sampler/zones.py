"""Which sample a key and a velocity play: every one of them exactly one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from synthgen import checks
from synthgen.checks import UserError
from synthgen.rendering.request import parse_pitch

KEYS, VELOCITIES = (0, 127), (1, 127)
WIDEST_STEP, MOST_LAYERS = 24, 16
PLAIN_VELOCITY = 100


@dataclass(frozen=True, kw_only=True)
class Zone:
    """Keys and velocities, both ends included, that play one sample.

    Attributes:
        root: Key at which the sample was made; others transpose it.
        velocity: Velocity at which it was made; others play it as loud.
    """

    root: int
    low_key: int
    high_key: int
    velocity: int
    low_velocity: int
    high_velocity: int

    def holds(self, key: int, velocity: int) -> bool:
        """Whether it is played by a key at a velocity."""
        return self.low_key <= key <= self.high_key and self.low_velocity <= velocity <= self.high_velocity


def cover(keys: Sequence[int], velocities: Sequence[int]) -> tuple[Zone, ...]:
    """The zones of samples at every one of `keys` and `velocities`, both ascending: each plays what lies nearest.

    >>> [(z.low_key, z.high_key, z.low_velocity, z.high_velocity) for z in cover([60, 63], [100])]
    [(0, 61, 1, 127), (62, 127, 1, 127)]
    """
    return tuple(
        Zone(root=root, low_key=low, high_key=high, velocity=velocity, low_velocity=soft, high_velocity=loud)
        for root, (low, high) in zip(keys, _nearest(keys, *KEYS), strict=True)
        for velocity, (soft, loud) in zip(velocities, _nearest(velocities, *VELOCITIES), strict=True)
    )


def sampled_keys(text: str, step: int, pitches: tuple[float, float]) -> range:
    """Keys to sample.

    Args:
        text: LOW:HIGH, as MIDI numbers or note names; what the model does not reach is left to the nearest sample.
        step: Semitones between them.
        pitches: Lowest and highest pitch of the model.

    Raises:
        UserError: no such range, a step out of range, or none of the keys is one of the model's.
    """
    checks.between("step", step, 1, WIDEST_STEP)
    ends = [parse_pitch(end.strip()) for end in text.split(":")]
    if len(ends) != 2 or any(end % 1 or not KEYS[0] <= end <= KEYS[1] for end in ends) or ends[0] > ends[1]:
        raise UserError(f"keys={text!r} must read LOW:HIGH with MIDI keys from 0 to 127, such as 21:108 or A0:C8")
    low, high = max(ends[0], math.ceil(pitches[0])), min(ends[1], math.floor(pitches[1]))
    if low > high:
        raise UserError(f"keys={text!r} must hold a key that the model plays: {pitches[0]:g} to {pitches[1]:g}")
    return range(int(low), int(high) + 1, step)


def sampled_velocities(count: int, learned: Sequence[float]) -> list[int]:
    """Velocities to sample: evenly from the softest to the loudest learned one, no more than can be told apart.

    Args:
        count: How many; a single one is the common 100, or what comes closest.
        learned: Velocities that the model has learned, ascending; it plays nothing softer or louder. Empty: none.

    Raises:
        UserError: a count out of range.

    >>> sampled_velocities(3, (25, 50, 75, 100, 127)), sampled_velocities(3, ())
    ([25, 76, 127], [100])
    """
    checks.between("velocities", count, 1, MOST_LAYERS)
    soft, loud = (learned[0], learned[-1]) if learned else (PLAIN_VELOCITY, PLAIN_VELOCITY)
    if count == 1:
        return [round(min(max(PLAIN_VELOCITY, soft), loud))]
    return sorted({round(soft + (loud - soft) * index / (count - 1)) for index in range(count)})


def _nearest(points: Sequence[int], low: int, high: int) -> list[tuple[int, int]]:
    """For each point the part of low ... high that is nearer to it than to others, or as near as to the next one."""
    ends = [(a + b) // 2 for a, b in pairwise(points)]
    return list(zip([low, *(end + 1 for end in ends)], [*ends, high], strict=True))
