"""Render a plan into a folder, again and again until it is whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from synthgen import checks
from synthgen.rendering.bulk.engines import Engine, Local
from synthgen.rendering.bulk.job import Job
from synthgen.rendering.bulk.joining import join
from synthgen.rendering.bulk.plan import Skipped
from synthgen.rendering.bulk.shard_files import Totals, clean, finished, forget, recorded

MAX_WORLD = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a render did.

    Attributes:
        folder: Where the notes are.
        made: Notes that were rendered now.
        kept: Notes that were there already.
        missing: Notes of other ranks, if these have not all rendered theirs yet.
        totals: Of the notes that are there by this and earlier starts: of all, or of this rank's share.
        skipped: Bad rows of the plan.
        checked: Whether to say what was found amiss.
    """

    folder: Path
    made: int
    kept: int
    missing: int
    totals: Totals
    skipped: Skipped = Skipped()
    checked: bool = False

    def __str__(self) -> str:
        """A few lines for the terminal."""
        parts = [f"{self.made} notes rendered"]
        parts += [f"{self.kept} already there"] if self.kept else []
        parts += [f"{self.totals.clipped} clipped"] if self.totals.clipped and not self.checked else []
        lines = [f"{self.folder}: {', '.join(parts)}"]
        if self.missing:
            lines.append(f"other ranks render {self.missing} more notes; the last of them writes the manifest")
        if self.checked:
            found = self.totals
            lines.append(
                f"of {found.notes} notes {found.silent} are silent, {found.clipped} clipped, {found.off_pitch} more "
                f"than 50 cents off, {found.unmeasured} without a clear pitch"
            )
        if self.skipped.count:
            lines.append(f"skipped {self.skipped.count} bad rows, the first: {self.skipped.first}")
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class Share:
    """A part of a job's shards, for one of several commands that some scheduler starts.

    Attributes:
        rank: Which, from 0.
        world: How many there are.
    """

    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        checks.between("world", self.world, 1, MAX_WORLD)
        checks.between("rank", self.rank, 0, self.world - 1)

    def holds(self, number: int) -> bool:
        """Whether a shard is in it."""
        return number % self.world == self.rank


def render(
    job: Job,
    engine: Engine | None = None,
    *,
    share: Share | None = None,
    fresh: bool = False,
    checked: bool = False,
) -> Report:
    """Make the shards that are missing and, when none is, write `manifest.json` (and `examples.json`).

    The folder says which models, plan and settings it holds, so that a render that was killed goes on where it was:
    shards appear whole or not at all, and each follows from the models and its rows alone. The result is the same byte
    for byte however often it was interrupted, whoever rendered it, and in how many processes.

    Args:
        job: What to render, and where.
        engine: What renders; None for this machine's processes, one a core.
        share: The part of the shards to make.
        fresh: Make all of them anew, even those that are finished.
        checked: Whether the report says what was found amiss.

    Raises:
        UserError: the folder holds something else, a file cannot be written, or the engine failed.
    """
    share = share or Share()
    job.own()
    own = [shard.number for shard in job.shards if share.holds(shard.number)]
    _tidy(job, share, own)
    if fresh:
        forget(job, own)
    there = finished(job, own)
    shards = [job.shards[number] for number in own if number not in there]
    kept = sum(len(job.shards[number]) for number in own) - sum(map(len, shards))
    try:
        if shards:
            bar = _Bar(kept + sum(map(len, shards)), kept, checked=checked)
            with bar:
                (engine or Local()).run(job, shards, bar.tell)
    finally:
        _tidy(job, share, own)
    whole = recorded(job) == len(job.shards)
    there = finished(job, range(len(job.shards)) if whole else own)
    missing = len(job.plan) - sum(len(job.shards[number]) for number in there)
    totals = Totals()
    for one in there.values():
        totals.join(one)
    if not missing:
        join(job, there)
        job.vacate()
    made = sum(map(len, shards))
    about = {"totals": totals, "skipped": job.plan.skipped, "checked": checked}
    return Report(folder=job.folder, made=made, kept=kept, missing=missing, **about)


def _tidy(job: Job, share: Share, own: list[int]) -> None:
    """Remove what killed processes left, but not what other ranks are writing."""
    clean(job, None if share.world == 1 else own)


@dataclass
class _Bar:
    """Progress, note by note or shard by shard."""

    total: int
    initial: int
    checked: bool
    found: Totals = field(default_factory=Totals)

    def __enter__(self) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=self.total, initial=self.initial, unit="note", disable=None)

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def tell(self, totals: Totals) -> None:
        """Count notes that are done."""
        self.found.join(totals)
        if self.checked:
            amiss = {"silent": self.found.silent, "clipped": self.found.clipped, "off": self.found.off_pitch}
            self._bar.set_postfix(amiss, refresh=False)
        self._bar.update(totals.notes)
