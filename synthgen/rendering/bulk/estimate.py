"""What a render will cost, before it is started."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

from synthgen import checkpoint, checks
from synthgen.checks import UserError
from synthgen.rendering.bulk.job import Job
from synthgen.rendering.library import ModelInfo

FLAC_SHARE = 0.37
"""Of 16-bit samples that FLAC takes: the mean of notes of the bundled models; `measure` has the true one."""
HEADER, RECORD, BLOCK = 44, 420, 512
REAL_TIME = {"decoder": 44.0, "waveform_decoder": 82.0, "ddsp": 173.0, "wavenet": 2.27, "recurrent": 2.85}
"""Times real time that one core of README's machine makes, by kind of model (`recipes/benchmarks/decoders.py`)."""
MAX_RATE = 1e9


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How fast one process is.

    Attributes:
        notes: Notes a second, of each of a plan's models.
        source: Where the figures come from.
        share: Bytes of encoded audio over bytes of 16-bit samples.
    """

    notes: Mapping[int, float]
    source: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Count, size and time of a render."""

    job: Job
    rate: Rate
    workers: int

    @property
    def bytes(self) -> int:
        """Of all files."""
        tally = self.job.plan.tally()
        notes, samples = sum(one.notes for one in tally), sum(one.samples for one in tally)
        around = {"nsynth": 2 * RECORD, "webdataset": 2 * RECORD + 3 * BLOCK, "parquet": RECORD + 150}
        return int(2 * samples * self.rate.share + notes * (HEADER + around[self.job.layout]))

    @property
    def seconds(self) -> float:
        """With all workers."""
        tally = enumerate(self.job.plan.tally())
        return sum(one.notes / self.rate.notes[model] for model, one in tally if one.notes) / self.workers

    def __str__(self) -> str:
        """A few lines for the terminal."""
        job, plan = self.job, self.job.plan
        hours = sum(one.samples / info.sample_rate for one, info in zip(plan.tally(), plan.models, strict=True)) / 3600
        lines = [
            f"{len(plan)} notes, {hours:.3g} hours of sound, in {len(job.shards)} shards of {job.shards.size}",
            f"size on disk about {_amount(self.bytes)} ({job.layout}, {job.kind})",
            f"time about {_duration(self.seconds)} with {self.workers} processes, {self.rate.source}",
        ]
        if plan.skipped.count:
            lines.append(f"skipped {plan.skipped.count} bad rows, the first: {plan.skipped.first}")
        return "\n".join(lines)


def given(job: Job, notes: float) -> Rate:
    """What the caller says, in notes a second and process.

    Raises:
        UserError: no rate.
    """
    checks.between("rate", notes, 1 / MAX_RATE, MAX_RATE)
    models = dict.fromkeys(range(len(job.plan.models)), notes)
    return Rate(notes=models, source=f"at {notes:g} notes/s each, as given", share=_share(job))


def remembered(job: Job) -> Rate:
    """By the kind of model, from README's machine.

    Raises:
        UserError: a kind that no figure is known of.
    """
    models = {number: _remembered(info) for number, info in enumerate(job.plan.models)}
    source = f"at {_listed(models)} notes/s each, one core of README's machine; --measure N tries N notes here"
    return Rate(notes=models, source=source, share=_share(job))


def measure(job: Job, count: int) -> Rate:
    """By making `count` notes of the plan, evenly spread over it, and writing none.

    Raises:
        UserError: no count, or they cannot be made.
    """
    from synthgen.rendering.bulk.engines import maker

    checks.between("measure", count, 1, 10_000)
    made, step = maker(job), max(1, len(job.plan) // count)
    rows = [job.plan.row(index) for index in range(0, len(job.plan), step)][:count]
    models: dict[int, float] = {}
    encoded = samples = 0
    for number in {row.model for row in rows}:
        of_model = [row for row in rows if row.model == number]
        list(made.make(of_model[:1]))  # the first note loads and compiles
        started = time.perf_counter()
        notes = list(made.make(of_model))
        models[number] = len(notes) / (time.perf_counter() - started)
        encoded += sum(len(note.audio) for note in notes)
        samples += sum(
            round((row.seconds or 0) * info.sample_rate) or info.samples
            for row in of_model
            for info in [job.plan.models[number]]
        )
    slowest = min(models.values())
    models = {number: models.get(number, slowest) for number in range(len(job.plan.models))}
    source = f"at {_listed(models)} notes/s each, measured with {len(rows)} notes"
    return Rate(notes=models, source=source, share=encoded / (2 * samples))


def _share(job: Job) -> float:
    return FLAC_SHARE if job.kind == "flac" else 1.0


def _remembered(info: ModelInfo) -> float:
    kind = checkpoint.describe(info.path)["model"]["name"]
    if kind not in REAL_TIME:
        raise UserError(
            f"how fast a model of kind {kind} is nobody has said; give --rate in notes/s of a process, or --measure 20"
        )
    return REAL_TIME[kind] * info.sample_rate / info.samples


def _listed(models: Mapping[int, float]) -> str:
    return ", ".join(f"{rate:.3g}" for rate in models.values())


def _amount(size: float) -> str:
    place = min(4, int(math.log10(max(size, 1)) // 3))
    return f"{size / 1000**place:.3g} {('B', 'kB', 'MB', 'GB', 'TB')[place]}"


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"
