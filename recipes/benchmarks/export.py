"""How true an exported instrument is to its model: `python recipes/benchmarks/export.py --instruments flute,violin`.

Needs FluidSynth (pip install 'synthgen[soundfont]'), which plays the SoundFont.
"""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from synthgen.data.fluid import Fluid
from synthgen.data.tuning import CLARITY, TOLERANCE_CENTS, measure
from synthgen.evaluation.machine import machine
from synthgen.rendering.sampler.exporting import Order, export
from synthgen.rendering.synthesizer import Synthesizer
from synthgen.script import run
from synthgen.signal.pitch import midi_to_hz

RATE = 16000
HEADING = "| instrument | samples | looped | s | processor s | MB | tuning, cents | level, dB | correlation |"


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is measured."""

    model: str = "spectrogram"
    """Name of a bundled model, or path of a checkpoint or of a training run's folder; 16 kHz."""
    instruments: str = "church organ,violin,flute,acoustic grand piano"
    """Comma-separated names."""
    keys: str = "21:108"
    """Keys to export."""
    step: int = 3
    """Semitones between samples."""
    velocities: int = 3
    """Velocity layers."""
    workers: int = 2
    """Processes that make samples; 0 for one a core."""


def main(options: Benchmark) -> None:
    """Export each instrument as a SoundFont, play every sample, and print the worst of each figure as a table.

    Tuning is what the played notes are off, where they have a pitch; level, how much the gain of the player differs
    over the velocities of a key; correlation, that with the model's note, tuned, up to the cross-fade of its loop.
    """
    synthesizer = Synthesizer.load(options.model)
    place = f"{machine()}, load {os.getloadavg()[0]:.1f}; {options.workers} processes"
    print(f"{place}; {options.model}, keys {options.keys}, every {options.step}., seed 0\n")
    print(HEADING, "|---" * HEADING.count(" | ") + "|---|", sep="\n")
    for name in options.instruments.split(","):
        order = Order(instrument=name, keys=options.keys, step=options.step, velocities=options.velocities)
        with tempfile.TemporaryDirectory() as folder:
            started, busy = time.perf_counter(), _processor_seconds()
            report = export(synthesizer, order, "sf2", Path(folder, "out"), workers=options.workers)
            seconds, busy = time.perf_counter() - started, _processor_seconds() - busy
            player, size = Fluid(report.path, gain=1.0), report.path.stat().st_size / 1e6
            samples = json.loads(Path(folder, "out", "export.json").read_text())["samples"]
            figures = [_compare(synthesizer, player, name, sample) for sample in samples]
        cents = [abs(cents) for cents, _, _ in figures if cents is not None]
        gains = np.array([gain for _, gain, _ in figures]).reshape(report.keys, report.layers)
        made = f"{len(samples)} | {report.looped} | {seconds:.0f} | {busy:.1f} | {size:.1f}"
        tuning = f"{max(cents):.1f} ({len(cents)})" if cents else "-"
        print(f"| {name} | {made} | {tuning} | {np.ptp(gains, axis=1).max():.3f} | {min(f[2] for f in figures):.5f} |")


def _processor_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _compare(synthesizer: Synthesizer, player: Fluid, name: str, sample: dict) -> tuple[float | None, float, float]:
    """Cents that a played note is off, its gain in dB, and its correlation with the model's note."""
    stretch = 2 ** ((sample["tune_cents"] or 0) / 1200)
    note = synthesizer.note(name, pitch=sample["root"], velocity=sample["velocity"]).audio
    played = player.note(0, sample["root"], sample["velocity"])
    tuning = measure(played, sample_rate=RATE, hz=midi_to_hz(float(sample["root"])))
    beside = tuning.cents - 1200 * round(tuning.cents / 1200)
    measured = tuning.clarity >= CLARITY and abs(beside) <= TOLERANCE_CENTS
    count = int((sample["loop"]["end"] / 44100 - 0.15 if sample["loop"] else 2.9) * RATE / stretch)
    one, other = (np.fft.rfft(x[:count].astype(np.float64)) for x in (played, soxr.resample(note, stretch, 1)))
    delays = np.exp(2j * np.pi * np.outer(np.arange(-1, 1, 0.02), np.arange(len(one)) / count))
    energies = [np.sum(np.abs(x) ** 2) for x in (one, other)]
    likeness = (delays @ (one * other.conj())).real.max() / np.sqrt(energies[0] * energies[1])
    return beside if measured else None, 10 * np.log10(energies[0] / energies[1]), likeness


if __name__ == "__main__":
    run(main, Benchmark, description=__doc__)
