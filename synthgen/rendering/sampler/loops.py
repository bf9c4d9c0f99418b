"""Where a sustained sound may be repeated without end, and the cross-fade that hides the seam."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

GUARD = 64
"""Samples that a looped recording goes on behind its loop, since samplers interpolate across its end."""
AS_GOOD = 0.04
"""A longer loop, which is heard less, is preferred to one that is more alike by no more than this."""
ENDS = 11
SILENT = 1e-9


@dataclass(frozen=True, kw_only=True)
class Loop:
    """A part of a recording that is repeated.

    Attributes:
        start: Its first sample.
        end: The first sample behind it.
        likeness: How alike are what precedes its end and what precedes its start, 1 being the same: twice their product
            over the sum of their energies, so that another level counts as well as another waveform.
        similarity: Their correlation coefficient, which another level leaves as it is.
    """

    start: int
    end: int
    likeness: float
    similarity: float


def with_loop(audio: np.ndarray, *, held: int) -> tuple[np.ndarray, Loop | None]:
    """The recording up to the end of its best loop, a cross-fade baked in, and the loop; none in silence.

    The last samples of the loop fade into those before its start, so that the seam is one piece. The fade keeps the
    power that two signals of that correlation have on average (after Fink, Holters & Zölzer 2016, "Signal-matched
    power-complementary cross-fading and dry-wet mixing", here with raised cosines).

    Args:
        audio: Samples (T,).
        held: Samples until the note is released, no more than T.

    Returns:
        What a sampler plays, (end + GUARD,), the guard being the beginning of the loop again; and the loop.
    """
    fade = held // 20
    loop = _best(audio, held, fade)
    if loop is None:
        return audio, None
    toward = 0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 1) / fade)
    away = 1 - toward
    power = toward**2 + away**2 + 2 * max(loop.similarity, 0) * toward * away
    mixed = away * audio[loop.end - fade : loop.end] + toward * audio[loop.start - fade : loop.start]
    parts = [audio[: loop.end - fade], mixed / np.sqrt(power), audio[loop.start : loop.start + GUARD]]
    return np.concatenate(parts).astype(np.float32), loop


def _best(audio: np.ndarray, held: int, fade: int) -> Loop | None:
    """The longest loop of those that are nearly as good as the best.

    Of a note that is held for 3 s it begins after 0.75 s, lasts at least 0.5 s, and ends 0.1 to 0.6 s before the
    release; 0.15 s are compared and cross-faded.
    """
    first, shortest = held // 5 + fade, max(held // 6, GUARD)
    ends = np.linspace(held - held // 30, held - held // 5, ENDS).astype(int).tolist()
    sound = audio[first - fade : ends[0]].astype(np.float64)
    size = 1 << len(sound).bit_length()
    spectrum, sums = np.fft.rfft(sound, size), np.concatenate([[0.0], np.cumsum(sound**2)])
    energies = sums[fade:] - sums[:-fade]
    found: list[Loop] = []
    for end in ends:
        before_end = audio[end - fade : end].astype(np.float64)
        products = np.fft.irfft(spectrum * np.fft.rfft(before_end, size).conj(), size)
        count, energy = end - shortest - first, float(before_end @ before_end)
        if energy > SILENT:
            found += _tops(first, end, products[:count], energies[:count], energy)
    if not found:
        return None
    best = max(loop.likeness for loop in found)
    return max((loop for loop in found if loop.likeness >= best - AS_GOOD), key=lambda loop: loop.end - loop.start)


def _tops(first: int, end: int, products: np.ndarray, energies: np.ndarray, energy: float) -> Iterator[Loop]:
    """Loops to an end from where the samples before the start are more alike than around it.

    Args:
        first: The first start.
        end: The end.
        products: Of what precedes the end and what precedes each start, (S,).
        energies: Of what precedes each start, (S,).
        energy: Of what precedes the end.
    """
    likeness = 2 * products / (energies + energy)
    tops = np.flatnonzero((likeness[1:-1] >= likeness[:-2]) & (likeness[1:-1] > likeness[2:])) + 1
    for top in tops[likeness[tops] > max(likeness[tops].max(initial=0) - AS_GOOD, 0)].tolist():
        similarity = float(products[top] / np.sqrt(max(energies[top], SILENT) * energy))
        yield Loop(start=first + top, end=end, likeness=float(likeness[top]), similarity=similarity)
