"""Where shards are made: by processes of this machine, or by Ray. What they write is the same."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from synthgen import checkpoint, checks
from synthgen.rendering.bulk.job import Job, Shard
from synthgen.rendering.bulk.making import Made, Maker
from synthgen.rendering.bulk.pool import cores, notes_of
from synthgen.rendering.bulk.shard_files import Totals, write_shard

MAX_WORKERS = 1024
WORTHWHILE = 16
"""Notes that a process must have to make before it is started unasked."""
LOCKSTEP, FEW = 16, 4
SAMPLE_BY_SAMPLE = {"wavenet", "recurrent"}
Tell = Callable[[Totals], None]


class Engine(Protocol):
    """Makes shards."""

    def run(self, job: Job, shards: Sequence[Shard], tell: Tell) -> None:
        """Make `shards`, calling `tell` of notes as they are done.

        Raises:
            UserError: it cannot be done; finished shards stay.
        """
        ...


def chunk(job: Job) -> int:
    """Notes to make at once: in lockstep where that is faster, else few, for those in hand are lost with a process."""
    kinds = {checkpoint.describe(info.path)["model"]["name"] for info in job.plan.models}
    return LOCKSTEP if kinds & SAMPLE_BY_SAMPLE else FEW


def maker(job: Job) -> Maker:
    """What makes a job's notes."""
    return Maker(job.plan.models, audio=job.kind, sampling=job.sampling, device=job.device)


@dataclass(frozen=True)
class Local:
    """Processes of this machine; this one writes while they compute.

    Attributes:
        workers: How many, of one thread each; None for one a core. A single one is this process.
    """

    workers: int | None = None

    def __post_init__(self) -> None:
        if self.workers is not None:
            checks.between("workers", self.workers, 1, MAX_WORKERS)

    def run(self, job: Job, shards: Sequence[Shard], tell: Tell) -> None:
        """See `Engine.run`."""
        rows = (job.plan.row(index) for shard in shards for index in range(shard.start, shard.stop))
        count = sum(map(len, shards))
        workers = self.workers or min(cores(), -(-count // WORTHWHILE))
        with notes_of(maker(job), rows, count=count, workers=workers, chunk=chunk(job)) as notes:
            for shard in shards:
                write_shard(job, shard, _told(itertools.islice(notes, len(shard)), tell))


def _told(notes: Iterator[Made], tell: Tell) -> Iterator[Made]:
    for made in notes:
        totals = Totals()
        totals.add(made.record)
        tell(totals)
        yield made
