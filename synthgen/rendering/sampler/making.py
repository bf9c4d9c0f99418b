"""Many samples of a model, in one process or several, and what an instrument of it is like."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from synthgen import checks
from synthgen.data.processes import in_processes
from synthgen.models.precision import Precision, precision_of
from synthgen.rendering.request import Request
from synthgen.rendering.sampler.sample import Character, Sample, listen, to_sample
from synthgen.rendering.synthesizer import Synthesizer

if TYPE_CHECKING:
    from synthgen.heads import Sampling

PROBES = (0.2, 0.5, 0.8)
PROBE_VELOCITY = 100
UNIT = 8
"""Samples that a process makes before it hands them over."""
WORTH_A_PROCESS = 32
"""Samples that pay for the start of one more process, where it was not said how many there shall be."""
MOST_WORKERS = 256


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A sample to make.

    Attributes:
        request: The note, in the model's own names.
        character: That of its instrument.
        key: The MIDI key that it is meant to sound at.
        sample_rate: That of the sample; the model's own if None.
    """

    request: Request
    character: Character
    key: int
    sample_rate: int | None = None


def make(
    synthesizer: Synthesizer, wanted: Sequence[Wanted], *, sampling: Sampling | None = None, workers: int = 1
) -> Iterator[Sample]:
    """The samples in their order, the same bit for bit whatever the number of processes; a bar on a terminal.

    Args:
        synthesizer: What makes the notes.
        wanted: What to make.
        sampling: See `Synthesizer.note`.
        workers: Processes; 1 works here, 0 takes one a core where there is enough to do.

    Raises:
        UserError: a process was killed, or there cannot be so many.
    """
    from tqdm import tqdm

    checks.between("workers", workers, 0, MOST_WORKERS)
    size = max(synthesizer.together, UNIT)
    units = [wanted[start : start + size] for start in range(0, len(wanted), size)]
    workers = workers or min(os.cpu_count() or 1, len(wanted) // WORTH_A_PROCESS)
    with tqdm(total=len(wanted), unit="note", disable=None, leave=False) as bar:
        for samples in _units(synthesizer, units, sampling, workers):
            yield from samples
            bar.update(len(samples))


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


@dataclass(frozen=True, kw_only=True)
class _Unit:
    """What a process is told."""

    index: int
    path: Path
    device: str
    precision: Precision
    wanted: Sequence[Wanted]
    sampling: Sampling | None


def _units(
    synthesizer: Synthesizer, units: Sequence[Sequence[Wanted]], sampling: Sampling | None, workers: int
) -> Iterator[list[Sample]]:
    if min(workers, len(units)) <= 1:
        yield from (_samples(synthesizer, wanted, sampling) for wanted in units)
        return
    precision = precision_of(synthesizer.model)
    model = {"path": synthesizer.info.path, "device": str(synthesizer.device), "precision": precision}
    jobs = [_Unit(index=i, wanted=wanted, sampling=sampling, **model) for i, wanted in enumerate(units)]
    waiting: dict[int, list[Sample]] = {}
    turn = 0
    for index, samples in in_processes(_work, jobs, workers=workers):
        waiting[index] = samples
        while turn in waiting:
            yield waiting.pop(turn)
            turn += 1


def _work(unit: _Unit) -> tuple[int, list[Sample]]:
    return unit.index, _samples(_loaded(unit.path, unit.device, unit.precision), unit.wanted, unit.sampling)


@lru_cache(maxsize=1)
def _loaded(path: Path, device: str, precision: Precision) -> Synthesizer:
    """The model, once in each process."""
    return Synthesizer.load(path, device=device, precision=precision)


def _samples(synthesizer: Synthesizer, wanted: Sequence[Wanted], sampling: Sampling | None) -> list[Sample]:
    notes = synthesizer.notes([one.request for one in wanted], sampling=sampling)
    return [
        to_sample(note, one.character, key=one.key, sample_rate=one.sample_rate)
        for note, one in zip(notes, wanted, strict=True)
    ]
