"""Many notes of a model, one after the other, and what an instrument of it is like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from synthgen.rendering.note import Note
from synthgen.rendering.request import Request
from synthgen.rendering.sampler.sample import Character, listen
from synthgen.rendering.synthesizer import Synthesizer

if TYPE_CHECKING:
    from synthgen.heads import Sampling

PROBES = (0.2, 0.5, 0.8)
PROBE_VELOCITY = 100


def make(synthesizer: Synthesizer, requests: Sequence[Request], sampling: Sampling | None) -> Iterator[Note]:
    """The notes, no more of them in memory than the model makes at a time, and a progress bar for a terminal."""
    from tqdm import tqdm

    with tqdm(total=len(requests), unit="note", disable=None, leave=False) as bar:
        for start in range(0, len(requests), synthesizer.together):
            for note in synthesizer.notes(requests[start : start + synthesizer.together], sampling=sampling):
                yield note
                bar.update()


def probe(synthesizer: Synthesizer, request: Request, *, sampling: Sampling | None = None) -> Character:
    """The character of an instrument, from three notes across the model's pitches.

    Args:
        synthesizer: What makes the notes.
        request: Any note of the instrument.
        sampling: See `Synthesizer.note`.
    """
    low, high = synthesizer.pitches
    asked = [replace(request, pitch=low + share * (high - low), velocity=PROBE_VELOCITY) for share in PROBES]
    return listen(synthesizer.notes(asked, sampling=sampling))
