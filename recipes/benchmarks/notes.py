"""How good a model's notes are on held-out notes, beside baselines.

python recipes/benchmarks/notes.py --checkpoint spectrogram --data.root ~/nsynth/nsynth-train --limit 500
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from synthgen import checkpoint, checks, files
from synthgen.data.nsynth import NSynth, as_in_training
from synthgen.evaluation.machine import machine
from synthgen.evaluation.pictures import spectrogram_pairs
from synthgen.evaluation.player import Player
from synthgen.evaluation.report import evaluate
from synthgen.evaluation.samples import held_out_pairs
from synthgen.models import Autoregressive
from synthgen.rendering.library import find
from synthgen.script import run


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is measured."""

    checkpoint: str = "spectrogram"
    """Name of a bundled model, or path of a checkpoint or of a training run's folder."""
    data: NSynth.Config = field(default_factory=NSynth.Config)
    """Notes that hold those which the model was trained on; it is judged on its own filters and split."""
    part: Literal["test", "valid"] = "test"
    """Which held-out notes."""
    limit: int | None = None
    """Judge about so many notes, whole pairs of instrument and pitch; None judges all."""
    seed: int = 0
    """Seed of the generated notes, and of the choice."""
    temperature: float | None = None
    """What a model draws at that makes one sample after the other; None is its own."""
    workers: int = 1
    """Threads that judge side by side, one core each."""
    device: str = "cpu"
    """Where the model computes: cpu or cuda."""
    instruments: bool = False
    """Print a table of the instruments too."""
    json: Path | None = None
    """File to write all figures to, those of each note too."""
    picture: Path | None = None
    """PNG file to write: ten held-out notes, generated beside real."""


def main(benchmark: Benchmark) -> None:
    """Measure and print."""
    started, path, b = time.perf_counter(), find(benchmark.checkpoint), benchmark
    loaded = checkpoint.load(path, device=b.device)
    data = NSynth(as_in_training(b.data, loaded.provenance), loaded.representation)
    if b.temperature is not None:
        if not isinstance(loaded.model, Autoregressive):
            raise checks.UserError(f"temperature={b.temperature:g}: {b.checkpoint} draws nothing; leave it out")
        loaded.model.temperature = b.temperature
    print(f"{path}\n{machine(b.device)}\n{b.part} notes of {b.data.root}, seed {b.seed}, split {data.split_hash}")
    if loaded.provenance.get("data", {}).get("split_hash") != data.split_hash:
        print("ANOTHER SPLIT than in training: the model may have learned from these very notes")
    options = {"part": b.part, "limit": b.limit, "seed": b.seed, "workers": b.workers}
    report = evaluate(loaded.model, loaded.representation, data, **options)
    print("", report.table(), *([report.instrument_table()] if b.instruments else []), "", sep="\n\n")
    if b.json:
        files.write_bytes(b.json, json.dumps(report.to_json(), indent=1).encode())
    if b.picture:
        player = Player(model=loaded.model, representation=loaded.representation, seed=b.seed)
        pairs = held_out_pairs(player, getattr(data, b.part), count=10, seed=b.seed)
        heading = "held-out notes: real, and generated from instrument, pitch and velocity"
        spectrogram_pairs(b.picture, pairs, sample_rate=loaded.representation.sample_rate, heading=heading)
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    run(main, Benchmark, description=__doc__)
