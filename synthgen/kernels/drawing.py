"""Draws from the distributions of `synthgen.heads`, equal to theirs, one element at a time."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .arithmetic import largest
from .compiling import inlined


class Drawing(NamedTuple):
    """A head and how to sample from it, in numbers.

    Attributes:
        levels: Number of values of an element.
        components: Logistics of a mixture; 0 for a categorical head.
        least_log_scale: See `LogisticMixture`.
        temperature: See `Sampling`.
        top_k: See `Sampling`; 0 for none.
        top_p: See `Sampling`; 2 for none.
    """

    levels: int
    components: int
    least_log_scale: float
    temperature: float
    top_k: int
    top_p: float


@inlined
def draw(parameters: np.ndarray, value: float, uniforms: np.ndarray, drawing: Drawing, room: np.ndarray) -> int:
    """A level.

    Args:
        parameters: (channels,).
        value: What their locations are relative to.
        uniforms: (draws,).
        drawing: How to draw.
        room: To compute in, float64 (2, channels).
    """
    count = drawing.components
    if not count:
        return choose(parameters, uniforms[0], drawing, room)
    k = choose(parameters[:count], uniforms[0], drawing, room)
    place = np.float64(parameters[count + k] + value)
    if drawing.temperature > 0:
        log_scale = max(np.float64(parameters[2 * count + k]), drawing.least_log_scale)
        u = min(max(np.float64(uniforms[1]), 1e-12), 1 - 1e-12)
        place += drawing.temperature * math.exp(log_scale) * math.log(u / (1 - u))
    middle = (drawing.levels - 1) / 2
    return int(min(max(math.floor(place * middle + middle + 0.5), 0.0), drawing.levels - 1.0))


@inlined
def choose(logits: np.ndarray, uniform: float, drawing: Drawing, room: np.ndarray) -> int:
    """The first index whose cumulated probability exceeds the uniform; `heads.categorical.choose`."""
    size, best = len(logits), largest(logits)
    if drawing.temperature == 0 or drawing.top_k == 1:
        return best
    p, top, total = room[0], logits[best] / drawing.temperature, 0.0
    for i in range(size):
        p[i] = math.exp(logits[i] / drawing.temperature - top)
        total += p[i]
    if drawing.top_k or drawing.top_p <= 1:
        total = _cut(p[:size], room[1, :size], total, drawing)
    threshold, reached, last = uniform * total, 0.0, best
    for i in range(size):
        reached += p[i]
        if p[i] > 0:
            last = i
        if reached > threshold:
            return i
    return last


@inlined
def _cut(p: np.ndarray, ranked: np.ndarray, total: float, drawing: Drawing) -> float:
    """Zero what `top_k` and `top_p` leave out of p (K,), in place, with room (K,); returns the new sum."""
    limit, size = len(p), len(p)
    if 0 < drawing.top_k < size:
        limit = drawing.top_k
    if limit < size:
        total = _take(p, ranked, limit, math.inf)
    return _take(p, ranked, limit, drawing.top_p * total) if drawing.top_p <= 1 else total


@inlined
def _take(p: np.ndarray, ranked: np.ndarray, limit: int, mass: float) -> float:
    """Keep the largest of `p`, the first of equal ones, until there are `limit` or they hold `mass`; returns theirs."""
    for i in range(len(p)):
        ranked[i], p[i] = p[i], 0.0
    taken = 0.0
    for _ in range(limit):
        if taken >= mass:
            break
        best = largest(ranked)
        p[best] = ranked[best]
        taken += ranked[best]
        ranked[best] = -1
    return taken
