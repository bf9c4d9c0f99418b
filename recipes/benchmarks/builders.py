"""Notes a second of the SoundFont builder: `python recipes/benchmarks/builders.py --soundfont FONT.sf3`."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from synthgen.data import soundfont
from synthgen.evaluation.machine import machine
from synthgen.script import run


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is measured: every eighth program of General MIDI over the whole keyboard, start of the workers included."""

    soundfont: Path
    """SoundFont file."""
    programs: str = "0,8,16,24,32,40,48,56,64,72,80,88,96,104,112"
    """General MIDI programs."""
    pitches: str = "21:108"
    """MIDI pitches."""
    velocities: str = "25,50,75,100,127"
    """MIDI velocities."""
    workers: int = 2
    """Processes."""


def main(options: Benchmark) -> None:
    """Print the machine, the data and the rate; the time of the processors too, since the machine may be shared."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "notes")
        names = ("soundfont", "programs", "pitches", "velocities", "workers")
        config = soundfont.Config(out=out, **{name: getattr(options, name) for name in names})
        before, start = os.times(), time.perf_counter()
        report = soundfont.build(config)
        seconds, after = time.perf_counter() - start, os.times()
    busy = sum(after[:4]) - sum(before[:4])
    notes = len(report.rows)
    print(f"{machine()}, load {os.getloadavg()[0]:.1f}; {options.soundfont.name}; there is no seed, nothing is drawn")
    print(f"kept {dict(report.kept)}, dropped {dict(report.dropped)}")
    rate = f"{notes / seconds:.0f} notes/s with {options.workers} workers"
    print(
        f"{notes} notes in {seconds:.1f} s: {rate}; {busy:.1f} s of processor time, {1e3 * busy / notes:.2f} ms a note"
    )


if __name__ == "__main__":
    run(main, Benchmark, description=__doc__)
