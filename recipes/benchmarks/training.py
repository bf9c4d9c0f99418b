"""Notes per second of a training step, with and without the allocator keeping its memory.

python recipes/benchmarks/training.py --steps 8
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from dataclasses import dataclass

import torch

from synthgen.evaluation.machine import machine
from synthgen.models import Decoder
from synthgen.records import Field
from synthgen.representations import Spectrogram
from synthgen.script import run
from synthgen.training.allocation import keep_freed_memory


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is measured."""

    steps: int = 8
    """Timed steps of forward and backward, after two untimed ones."""
    batch_size: int = 16
    """Notes per step."""
    seed: int = 0
    """Seed of the weights."""


def measure(benchmark: Benchmark, keep: bool) -> float:
    """Median notes per second of a spectrogram decoder in bfloat16; for a process of its own."""
    if keep:
        keep_freed_memory()
    torch.manual_seed(benchmark.seed)
    pitches = Field(name="pitch", kind="ordinal", size=61, values=tuple(range(36, 97)))
    config = Decoder.Config(labels=("pitch",), periodic="pitch")
    model = Decoder(Spectrogram(phase="griffin_lim").spec((pitches,)), config)
    labels, n = {"pitch": torch.linspace(36, 96, benchmark.batch_size)}, benchmark.batch_size
    seconds = []
    for _ in range(benchmark.steps + 2):
        started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16):
            x = model(labels, n)
        x.float().square().mean().backward()
        seconds.append(time.perf_counter() - started)
    return n / statistics.median(seconds[2:])


def main(benchmark: Benchmark) -> None:
    """Measure both in fresh processes and print the ratio."""
    rates = []
    for keep in (False, True):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            rates.append(pool.apply(measure, (benchmark, keep)))
    print(f"{machine('cpu')}, seed {benchmark.seed}, batch {benchmark.batch_size}, random weights")
    print(f"returning memory {rates[0]:.1f} notes/s, keeping it {rates[1]:.1f} notes/s: {rates[1] / rates[0]:.2f}x")


if __name__ == "__main__":
    run(main, Benchmark(), description=__doc__)
