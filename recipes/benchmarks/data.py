"""Notes a second from a warm cache, and memory as the set grows: `python recipes/benchmarks/data.py [--root DIR]`."""

import os
import platform
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import numpy as np
import torch

from synthgen.data.layout import Entry, write_audio, write_examples
from synthgen.data.loading import batches
from synthgen.data.nsynth import NSynth
from synthgen.representations import Waveform
from synthgen.script import run


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is measured."""

    root: Path | None = None
    """A set to read; random notes of 4 s if none."""
    notes: int = 500
    """Notes in the smaller of the two random sets."""
    batch_size: int = 64
    """Notes a batch."""
    seconds: float = 5.0
    """Time of reading."""
    seed: int = 0
    """Seed of the random notes and of their order."""


def write_random(root: Path, notes: int, seed: int) -> Path:
    """A set of noise notes; a reader's work does not depend on the sound."""
    rng = np.random.default_rng(seed)
    labels = {"instrument": 0, "velocity": 100, "instrument_family": 0, "instrument_source": 2}
    names = [(n, f"noise-{n:06d}", f"{n // 50}", n % 50) for n in range(notes)]
    entries = [Entry(note=n, note_str=s, instrument_str=i, pitch=p, **labels) for n, s, i, p in names]
    for entry in entries:
        audio = rng.uniform(-0.5, 0.5, 64_000).astype(np.float32)
        write_audio(root / "audio" / f"{entry.note_str}.wav", audio, sample_rate=16_000)
    write_examples(root / "examples.json", entries)
    return root


def read(root: Path, cache: Path, options: Benchmark) -> str:
    """Read batches for a while, after one pass that fills the caches; in a process of its own for its peak memory."""
    notes = NSynth(NSynth.Config(root=root, cache=cache), Waveform()).train
    opened = getrusage(RUSAGE_SELF).ru_maxrss
    stream = batches(notes, batch_size=options.batch_size, seed=options.seed)
    for _ in range(-(-len(notes) // options.batch_size)):
        next(stream)
    start, count = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < options.seconds:
        count += len(next(stream))
    growth = (getrusage(RUSAGE_SELF).ru_maxrss - opened) / 1024
    size = f"{len(notes)} notes ({len(notes) * 64_000 * 2 / 1e6:.0f} MB as 16 bit)"
    return f"{root.name}: {size}: {count / elapsed:.0f} notes/s in {elapsed:.1f} s, peak memory +{growth:.0f} MB"


def main(options: Benchmark) -> None:
    """Print the machine and one line a set."""
    print(f"{platform.platform()}, {os.cpu_count()} cores, torch {torch.__version__}, seed {options.seed}")
    with tempfile.TemporaryDirectory() as folder:
        sizes = {"random": options.notes, "random-4x": 4 * options.notes}
        random = (write_random(Path(folder, name), size, options.seed) for name, size in sizes.items())
        for root in [options.root] if options.root else random:
            NSynth(NSynth.Config(root=root, cache=Path(folder, "cache")), Waveform())
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                print(pool.submit(read, root, Path(folder, "cache"), options).result())


if __name__ == "__main__":
    run(main, Benchmark, description=__doc__)
