"""Batches of waveforms a second from a warm cache, and memory as the data set grows.

python recipes/benchmarks/data.py                        # sets of random notes, the second four times the first
python recipes/benchmarks/data.py --root ~/nsynth/nsynth-test
"""

from __future__ import annotations

import os
import platform
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
import tyro

from synthgen.data.layout import Entry, write_audio, write_examples
from synthgen.data.loading import batches
from synthgen.data.nsynth import NSynth
from synthgen.representations import Waveform


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


def write_random(folder: Path, notes: int, seed: int) -> Path:
    """A set of noise notes; a reader's work does not depend on the sound."""
    rng = np.random.default_rng(seed)
    names = [(f"noise_{n // 250:03d}", 30 + n // 5 % 50, (25, 50, 75, 100, 127)[n % 5]) for n in range(notes)]
    entries = [
        Entry(
            **{
                "note_str": f"{name}-{pitch:03d}-{velocity:03d}",
                "note": n,
                "instrument": n // 250,
                "instrument_str": name,
            },
            **{"pitch": pitch, "velocity": velocity, "instrument_family": 0, "instrument_source": 2},
        )
        for n, (name, pitch, velocity) in enumerate(names)
    ]
    for entry in entries:
        audio = rng.uniform(-0.5, 0.5, 64_000).astype(np.float32)
        write_audio(folder / "audio" / f"{entry.note_str}.wav", audio, sample_rate=16_000)
    write_examples(folder / "examples.json", entries)
    return folder


def read(root: Path, options: Benchmark) -> str:
    """Read batches for a while in this fresh process, after one pass that fills the page cache."""
    dataset = NSynth(NSynth.Config(root=root), Waveform())
    opened = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stream = batches(dataset.train, batch_size=options.batch_size, seed=options.seed)
    for _ in range(-(-len(dataset.train) // options.batch_size)):
        next(stream)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < options.seconds:
        count += len(next(stream))
    rate = count / (time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    megabytes = len(dataset.train) * 64_000 * 2 / 1e6
    growth = (peak - opened) / 1024
    return (
        f"{len(dataset.train)} notes ({megabytes:.0f} MB): {rate:.0f} notes/s, peak memory +{growth:.0f} MB by reading"
    )


def main(options: Benchmark) -> None:
    """Print the machine and one line a set."""
    print(f"{platform.platform()}, {os.cpu_count()} cores, torch {torch.__version__}, seed {options.seed}")
    with tempfile.TemporaryDirectory() as folder:
        sizes = (options.notes, 4 * options.notes)
        roots = [options.root] if options.root else [write_random(Path(folder, str(n)), n, options.seed) for n in sizes]
        for root in roots:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                start = time.perf_counter()
                pool.submit(NSynth, NSynth.Config(root=root), Waveform()).exception()
                print(f"{root.name}: opened in {time.perf_counter() - start:.1f} s (imports and cache)")
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                print(pool.submit(read, root, options).result())


if __name__ == "__main__":
    main(tyro.cli(Benchmark))
