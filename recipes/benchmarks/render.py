"""Rendering data sets: speed beside the model's own, several processes, memory, kills, a full disk.

python recipes/benchmarks/render.py --parts rates processes dry memory kills ray disk
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median

import torch

from synthgen import checkpoint
from synthgen.evaluation.machine import machine
from synthgen.models import Decoder
from synthgen.records import Field
from synthgen.rendering.bulk.drawn import random
from synthgen.rendering.bulk.engines import Local, maker
from synthgen.rendering.bulk.job import Job
from synthgen.rendering.bulk.shard_files import write_shard
from synthgen.rendering.library import inspect
from synthgen.rendering.synthesizer import Synthesizer
from synthgen.representations import Spectrogram
from synthgen.script import run
from synthgen.threads import one_thread

SHARD = 20
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is measured."""

    parts: tuple[str, ...] = ("rates", "processes", "dry", "memory", "kills", "ray", "disk")
    """Which of these, in their order."""
    model: str = "spectrogram"
    """Model of the rates; all else is done with a toy that makes half a second of noise in a few milliseconds."""
    notes: int = 60
    """Notes of a round of the rates."""
    rounds: int = 3
    """Rounds, of which the median counts: other work on the machine disturbs some."""
    memory_notes: int = 20_000
    """Notes to watch the memory over."""
    kill_notes: int = 2000
    """Notes of the jobs that are killed."""
    kills: int = 50
    """How often they are."""
    seed: int = 0
    """Of the plans, and of when and what is killed."""


def main(benchmark: Benchmark) -> None:
    """Measure and print."""
    print(f"{machine()}, load {os.getloadavg()[0]:.1f}; seed {benchmark.seed}")
    with tempfile.TemporaryDirectory() as folder:
        for part in benchmark.parts:
            started = time.perf_counter()
            for line in PARTS[part](benchmark, Path(folder)):
                print(f"{part}: {line}", flush=True)
            print(f"{part}: took {time.perf_counter() - started:.0f} s", flush=True)


def rates(benchmark: Benchmark, folder: Path) -> Iterator[str]:
    """End to end against the model alone, turn by turn in this process."""
    info, synthesizer = inspect(benchmark.model), Synthesizer.load(benchmark.model)
    plan = random(info, benchmark.notes, seed=benchmark.seed)
    rows = [plan.row(index) for index in range(len(plan))]

    def alone() -> None:
        with one_thread():
            for row in rows:
                synthesizer.notes([row.request])

    alone()
    for layout in ("nsynth", "webdataset", "parquet"):
        pure, whole = [], []
        job = Job(plan=plan, folder=folder / f"rates-{layout}", layout=layout, shard_size=len(plan))
        made = maker(job)
        list(made.make(rows[:1]))  # loads the model
        for _ in range(benchmark.rounds):
            pure.append(_timed(alone))
            whole.append(_timed(lambda: write_shard(job, job.shards[0], made.make_each(rows, 4))))  # noqa: B023
        (wall, cpu), (wall_pure, cpu_pure) = (map(median, zip(*times, strict=True)) for times in (whole, pure))
        speeds = f"{len(plan) / wall:.1f} notes/s end to end, {len(plan) / wall_pure:.1f} by the model alone"
        yield f"{layout} ({job.kind}): {speeds}: {wall_pure / wall:.1%}; of CPU time {cpu_pure / cpu:.1%}"


def processes(benchmark: Benchmark, folder: Path) -> Iterator[str]:
    """Two processes against one, from the tenth note to the last."""
    plan = random(inspect(benchmark.model), 3 * benchmark.notes, seed=benchmark.seed)
    speeds: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(benchmark.rounds):
        for workers in speeds:
            stamps: list[float] = []
            job = Job(plan=plan, folder=folder / f"processes-{workers}-{turn}", layout="webdataset")
            job.own()
            Local(workers).run(job, job.shards, lambda _: stamps.append(time.perf_counter()))  # noqa: B023
            speeds[workers].append((len(stamps) - 10) / (stamps[-1] - stamps[9]))
    one, two = (median(speeds[workers]) for workers in speeds)
    yield f"{one:.1f} notes/s with one, {two:.1f} with two: {two / one:.2f} x (load {os.getloadavg()[0]:.1f})"


def dry(benchmark: Benchmark, folder: Path) -> Iterator[str]:
    """The command, from its start to its end."""
    plan = folder / "plan.csv"
    rows = random(inspect(benchmark.model), 100_000, pitches="36:96:0.25", velocities="1:127", seed=benchmark.seed)
    requests = [rows.row(index).request for index in range(len(rows))]
    lines = (f"{r.instrument},{r.pitch},{r.velocity},{r.seed}\n" for r in requests)
    plan.write_text("instrument,pitch,velocity,seed\n" + "".join(lines))
    for words in (["--random", "100000"], [str(plan)], ["--random", "100000000", "--format", "webdataset"]):
        command = [*_render(benchmark.model, folder / "dry"), *words, "--dry-run"]
        times = [_timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))[0] for _ in range(3)]  # noqa: B023
        yield f"{' '.join(words).replace(str(plan), 'a CSV of 100,000 rows')}: {median(times):.2f} s"


def memory(benchmark: Benchmark, folder: Path) -> Iterator[str]:
    """Of one process over a long job, and a look at its result with Hugging Face's loader."""
    plan, seen = random(inspect(_toy(folder)), benchmark.memory_notes, seed=benchmark.seed), []
    job = Job(plan=plan, folder=folder / "memory", layout="parquet")
    job.own()
    Local(1).run(job, job.shards, lambda _: seen.append(_resident()))
    first, last = (max(seen[share]) for share in (slice(1000, 3000), slice(-2000, None)))
    yield f"{first:.0f} MB after 3000 notes, {last:.0f} MB after {len(seen)}, {max(seen):.0f} MB at most"
    with suppress(ImportError):
        import datasets

        loaded = datasets.load_dataset(str(job.folder), cache_dir=str(folder / "cache"))["train"]
        yield f"Hugging Face datasets {datasets.__version__} loads {len(loaded)} notes: {loaded.features['audio']}"


def kills(benchmark: Benchmark, folder: Path, *, engine: str) -> Iterator[str]:
    """Kill processes of a job until it has lived through enough, and compare its files with those of another."""
    plan = ["--random", str(benchmark.kill_notes), "--format", "webdataset", "--shard-size", str(SHARD)]
    whole, killed = folder / f"{engine}-whole", folder / f"{engine}-killed"
    subprocess.run([*_render(_toy(folder), whole), *plan], check=True, stdout=subprocess.DEVNULL)
    command = [*_render(_toy(folder), killed), *plan, "--workers", "2", "--engine", engine]
    hunt = Hunt(command, killed, torch.Generator().manual_seed(benchmark.seed))
    for _ in range(benchmark.kills):
        hunt.kill()
    hunt.end()
    same = "the same" if _digests(whole) == _digests(killed) else "OTHER"
    hidden = [path.name for path in killed.rglob(".*")]
    yield f"killed {sum(hunt.victims.values())} times ({hunt.victims}), started {hunt.starts} times"
    yield f"{len(_digests(killed))} files, {same} SHA-256 as uninterrupted, {len(hidden)} temporary files left"
    yield f"{hunt.again} shards made twice, at most {hunt.lost} of a shard's {SHARD} notes lost"


class Hunt:
    """A command whose processes are killed, and what became of its shards."""

    def __init__(self, command: list[str], folder: Path, rng: torch.Generator) -> None:
        self.command, self.folder, self.rng = command, folder, rng
        self.process: subprocess.Popen[bytes] | None = None
        self.stamps: dict[str, tuple[int, int]] = {}
        self.victims: dict[str, int] = {}
        self.starts = self.lost = self.again = 0

    def kill(self) -> None:
        """Kill one of its processes at some moment, after starting it where it does not run."""
        if self.process is None or self.process.poll() is not None:
            self.process, self.starts = subprocess.Popen(self.command, **QUIET), self.starts + 1
        wanted = len(self.stamps) + (self._draw(4) > 0)
        while self.process.poll() is None and len(list(self.folder.glob("shards/*"))) < wanted:
            time.sleep(0.01)
        time.sleep(self._draw(60) / 1000)
        family = [self.process.pid, *_workers(self.process.pid)]
        victim = family[self._draw(len(family))]
        kind = "command" if victim == self.process.pid else "worker"
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
            self.victims[kind] = self.victims.get(kind, 0) + 1
        self.lost = max([self.lost, *map(_members, self.folder.glob(".partial/.*.tar.*"))])
        if kind == "command" or "ray" not in self.command:
            self.process.wait()
        self._look()

    def end(self) -> None:
        """Let it end."""
        self.process.wait()
        subprocess.run(self.command, check=True, **QUIET)
        self._look()

    def _look(self) -> None:
        now = {path.name: path.stat() for path in self.folder.glob("shards/*")}
        found = {one: (stat.st_ino, stat.st_mtime_ns) for one, stat in now.items()}
        self.again += sum(found.get(one) != was for one, was in self.stamps.items())
        self.stamps = found

    def _draw(self, size: int) -> int:
        return int(torch.randint(size, (), generator=self.rng))


def disk(benchmark: Benchmark, folder: Path) -> Iterator[str]:
    """A small disk of memory that fills up; to mount it takes root."""
    (place := folder / "disk").mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], check=False).returncode:
        yield "not measured: a disk could not be mounted"
        return
    command = [*_render(_toy(folder), place / "notes"), "--random", "1000", "--workers", "2"]
    try:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while process.poll() is None and os.statvfs(place).f_bavail > 4:
            time.sleep(0.01)
        full, message = time.perf_counter(), process.communicate()[1].strip().splitlines()[-1]
        yield f"exit {process.returncode} {time.perf_counter() - full:.1f} s after it was full: {message}"
        subprocess.run(["mount", "-o", "remount,size=40m", str(place)], check=True)
        done = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        yield f"with more space: {done.replace(str(folder), '...')}"
    finally:
        subprocess.run(["umount", str(place)], check=False)


def _render(model: str | Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "synthgen", "render", "--model", str(model), "--out", str(out)]


def _toy(folder: Path) -> Path:
    """A random decoder of notes of half a second."""
    path = folder / "toy.safetensors"
    if not path.exists():
        torch.manual_seed(0)
        fields = (
            Field(name="instrument", kind="category", size=2, names=("flute", "violin")),
            Field(name="pitch", kind="ordinal", size=25, values=tuple(float(p) for p in range(48, 73))),
            Field(name="velocity", kind="ordinal", size=2, values=(25.0, 100.0)),
        )
        media = Spectrogram(samples=8000, n_fft=256, hop_length=64, iterations=2)
        config = Decoder.Config(channels=(16, 16, 8), strides=((4, 4), (4, 4)), patch=(1, 2), dim=16)
        checkpoint.save(path, Decoder(media.spec(fields), config), media, {})
    return path


def _timed(action: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - wall, time.process_time() - cpu


def _resident() -> float:
    """Memory of this process in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _workers(pid: int) -> list[int]:
    """Processes below one that make notes: forked from the server, or Ray's actors."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = entry.read_bytes().decode(errors="replace")
            line = _ancestors(int(entry.parent.name))
            pool = "forkserver" in words and line[0] != pid  # not the server itself, which is idle by now
            found += [int(entry.parent.name)] if (pool or words.startswith("ray::MapWorker")) and pid in line else []
    return found


def _ancestors(pid: int) -> list[int]:
    found = []
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        found.append(pid)
    return found


def _members(path: Path) -> int:
    """Notes in a tar file that was not finished."""
    with suppress(OSError, tarfile.TarError), tarfile.open(path) as archive:
        return sum(member.name.endswith(".json") for member in archive)
    return 0


def _digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


PARTS = {
    "rates": rates,
    "processes": processes,
    "dry": dry,
    "memory": memory,
    "kills": partial(kills, engine="local"),
    "ray": partial(kills, engine="ray"),
    "disk": disk,
}

if __name__ == "__main__":
    run(main, Benchmark, description=__doc__)
