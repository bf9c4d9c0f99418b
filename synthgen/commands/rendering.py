"""The command that renders data sets of notes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from synthgen import checks

from .drawing import Draw

if TYPE_CHECKING:
    from synthgen.rendering.bulk.engines import Engine
    from synthgen.rendering.bulk.estimate import Rate
    from synthgen.rendering.bulk.job import Job
    from synthgen.rendering.bulk.plan import Plan
    from synthgen.rendering.bulk.rendering import Share
    from synthgen.rendering.library import ModelInfo


@dataclass(frozen=True, kw_only=True)
class Render:
    """Render a plan, a grid or random notes as a data set.

    A render that was stopped or killed goes on where it was when the same command is given again.
    """

    plan: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[PLAN]")] = None
    """CSV, .jsonl, .parquet or an NSynth examples.json with columns instrument,pitch,velocity[,seed,duration,model,id]:
    instrument may be a blend, pitch lie between keys, duration (s) cuts a note, with a short fade, or adds silence."""
    out: Path
    """Folder to write."""
    model: str = "spectrogram"
    """Name of a bundled model, or path of a checkpoint or of a training run's folder."""
    grid: bool = False
    """Instead of a PLAN, every combination of --instruments, --pitches and --velocities."""
    random: int | None = None
    """Instead of a PLAN, so many notes drawn from these combinations, each with a seed of its own."""
    instruments: str | None = None
    """Comma-separated names of the grid: flute,violin. None: all."""
    pitches: str | None = None
    """Pitches of the grid, values or ranges LOW:HIGH[:STEP]: 48:72:12,A4. None: all."""
    velocities: str | None = None
    """Velocities of the grid: 25,100. None: all that the model has learned."""
    seed: int = 0
    """Seed of every note of the grid; with --random, another seed draws other notes."""
    format: Literal["nsynth", "webdataset", "parquet"] = "nsynth"
    """A file a note and examples.json, tar shards, or Parquet (pip install 'synthgen[parquet]')."""
    audio: Literal["wav", "flac"] | None = None
    """16-bit audio. None: wav for nsynth, flac for the others."""
    shard_size: int | None = None
    """Notes that are made as a whole: at most so many are lost when a process is killed. None: 100 for nsynth, 1000."""
    workers: int | None = None
    """Processes, of one thread each; the result does not depend on it. None: one a core."""
    rank: int | None = None
    """Of --world commands that render one plan into one folder, this one; from 0. None: what torchrun says, else 0."""
    world: int | None = None
    """How many commands share the work (a Slurm array, torchrun); the last to finish joins it."""
    engine: Literal["local", "ray"] = "local"
    """Processes of this machine, or Ray (pip install 'synthgen[ray]')."""
    address: str | None = None
    """Of a Ray cluster: auto, HOST:PORT or ray://HOST:PORT. None: this machine."""
    device: str = "cpu"
    """Where the models compute: cpu, cuda, cuda:1. Another kind of device rounds other bits."""
    check: bool = False
    """Count notes that are silent, clipped, or off their pitch."""
    skip_bad: bool = False
    """Leave bad rows of the PLAN out and count them, instead of stopping at the first."""
    resume: bool = False
    """Keep the finished shards of an earlier start: this is the default."""
    fresh: bool = False
    """Make all shards anew."""
    dry_run: bool = False
    """Say how many notes there would be, their size on disk and the time, and write nothing."""
    rate: float | None = None
    """Of the dry run: notes a second that a process makes."""
    measure: int | None = None
    """Of the dry run: find that out by making so many notes."""
    draw: tyro.conf.OmitArgPrefixes[Draw] = Draw()
    """Models that draw one sample after the other."""

    def run(self) -> None:
        from synthgen.rendering.bulk.job import Job
        from synthgen.rendering.bulk.rendering import render
        from synthgen.rendering.library import inspect

        if self.resume and self.fresh:
            raise checks.UserError("give either --resume, the default, or --fresh")
        engine, share = self._engine(), self._share()
        job = Job(
            plan=self._plan(inspect(self.model)),
            folder=self.out,
            layout=self.format,
            audio=self.audio,
            shard_size=self.shard_size,
            sampling=self.draw.sampling(),
            device=self.device,
        )
        if self.dry_run:
            print(self._estimate(job, share))
        else:
            print(render(job, engine, share=share, fresh=self.fresh, checked=self.check))

    def _engine(self) -> Engine:
        if self.engine == "ray":
            from synthgen.rendering.bulk.ray_engine import Ray

            return Ray(address=self.address, workers=self.workers)
        from synthgen.rendering.bulk.engines import Local
        from synthgen.rendering.bulk.making import check_device

        check_device(self.device)  # before the folder becomes that of a render on this device
        if self.address is not None:
            raise checks.UserError("--address must come with --engine ray")
        return Local(self.workers)

    def _plan(self, model: ModelInfo) -> Plan:
        from synthgen.rendering.bulk import drawn

        axes = {"instruments": self.instruments, "pitches": self.pitches, "velocities": self.velocities}
        if (self.plan is not None) + self.grid + (self.random is not None) != 1:
            raise checks.UserError("give one of a PLAN, a CSV file or the like, --grid, and --random N")
        if self.grid:
            return drawn.grid(model, **axes, seed=self.seed)
        if self.random is not None:
            return drawn.random(model, self.random, **axes, seed=self.seed)
        stray = [f"--{name}" for name, value in axes.items() if value is not None]
        if stray:
            raise checks.UserError(f"{', '.join(stray)} must come with --grid or --random; the PLAN names its own")
        from synthgen.rendering.bulk.reading import read

        return read(self.plan, model, skip_bad=self.skip_bad)

    def _share(self) -> Share:
        from synthgen.rendering.bulk.rendering import Share

        launched = os.environ if "TORCHELASTIC_RUN_ID" in os.environ and self.rank is self.world is None else {}
        rank, world = (int(launched.get(name, other)) for name, other in (("RANK", 0), ("WORLD_SIZE", 1)))
        return Share(rank=rank if self.rank is None else self.rank, world=world if self.world is None else self.world)

    def _estimate(self, job: Job, share: Share) -> object:
        from synthgen.rendering.bulk.estimate import Estimate
        from synthgen.rendering.bulk.pool import cores

        return Estimate(job=job, rate=self._rate(job), workers=(self.workers or cores()) * share.world)

    def _rate(self, job: Job) -> Rate:
        from synthgen.rendering.bulk import estimate

        if self.rate is not None:
            return estimate.given(job, self.rate)
        return estimate.remembered(job) if self.measure is None else estimate.measure(job, self.measure)
