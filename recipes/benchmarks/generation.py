"""How fast a model makes notes: times real time on one thread, time to the first note, the command's peak memory.

python recipes/benchmarks/generation.py --model spectrogram
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from synthgen import Synthesizer
from synthgen.script import run


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is measured."""

    model: str = "spectrogram"
    """Name of a bundled model, or path of a checkpoint."""
    notes: int = 40
    """Notes to time, each alone (batch 1), spread over instruments and pitches."""
    seed: int = 0
    """Seed of the notes."""


def main(benchmark: Benchmark) -> None:
    """Measure and print."""
    started = time.perf_counter()
    synthesizer = Synthesizer.load(benchmark.model)
    loaded = time.perf_counter() - started
    low, high = synthesizer.pitches
    print(f"{_machine()}; model {synthesizer.info}; seed {benchmark.seed}")
    times = []
    for index in range(benchmark.notes):
        name = synthesizer.instruments[index % len(synthesizer.instruments)]
        started = time.perf_counter()
        note = synthesizer.note(name, pitch=low + 7 * index % (high - low), seed=benchmark.seed)
        times.append(time.perf_counter() - started)
    typical = statistics.median(times[1:])
    print(f"load {loaded:.2f} s, first note after it {times[0] * 1000:.0f} ms")
    print(f"median note {typical * 1000:.0f} ms for {note.seconds:g} s: {note.seconds / typical:.0f}x real time")
    print(f"slowest later note {max(times[1:]) * 1000:.0f} ms")
    print(f"peak memory of `synthgen note`: {_peak_of_command(benchmark, synthesizer):.2f} GB")


def _peak_of_command(benchmark: Benchmark, synthesizer: Synthesizer) -> float:
    with tempfile.TemporaryDirectory() as folder:
        words = ["note", "--model", benchmark.model, "--instrument", synthesizer.instruments[0]]
        words += ["--pitch", f"{synthesizer.pitches[0]:g}", "--out", str(Path(folder) / "note.wav")]
        subprocess.run([sys.executable, "-m", "synthgen", *words], check=True, stdout=subprocess.DEVNULL)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9


def _machine() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    cpu = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())
    return f"{cpu}, {os.cpu_count()} cores, Python {platform.python_version()}"


if __name__ == "__main__":
    run(main, Benchmark, description=__doc__)
