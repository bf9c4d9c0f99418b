"""One table of all decoders of notes: size, training, speed, distance and pitch on held-out notes, beside baselines.

python recipes/benchmarks/decoders.py --data.root ~/notes --limit 200
python recipes/benchmarks/decoders.py --models spectrogram runs/waveform/model.safetensors --json decoders.json
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import torch

from synthgen import Synthesizer, checkpoint, files
from synthgen.checks import UserError
from synthgen.data.nsynth import NSynth, as_in_training
from synthgen.evaluation.machine import machine
from synthgen.evaluation.pictures import spectrogram_comparison
from synthgen.evaluation.player import Player, relabel
from synthgen.evaluation.report import Report, evaluate
from synthgen.evaluation.samples import spread
from synthgen.rendering.library import bundled, find
from synthgen.script import run

BASELINES = ("nearest", "mean", "silence")
COLUMNS = (
    *("model", "class", "parameters, M", "MB", "training minutes", "x real time", "first note, s", "notes"),
    *("distance, dB", *BASELINES, "within 50 cents", "real within", "kept"),
)


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is measured."""

    models: tuple[str, ...] = ()
    """Names of bundled models, or paths of checkpoints or of training runs' folders; all bundled ones if empty."""
    data: NSynth.Config = field(default_factory=NSynth.Config)
    """Notes that hold those which the models were trained on; each is judged on its own filters and split."""
    part: Literal["test", "valid"] = "test"
    """Which held-out notes."""
    limit: int | None = 200
    """Judge about so many notes of each model's instruments, whole pairs of instrument and pitch; None judges all."""
    seed: int = 0
    """Seed of the generated notes, and of the choice."""
    workers: int = 1
    """Threads that judge side by side, one core each."""
    json: Path | None = None
    """File to write all figures to, those of each note too."""
    picture: Path | None = None
    """PNG file to write: notes that all models held out, real and as each makes them."""
    shown: int = 6
    """Notes in the picture."""


def first_note(name: str) -> float:
    """Seconds of the first note after a model has been loaded."""
    synthesizer = Synthesizer.load(name)
    started = time.perf_counter()
    synthesizer.note(synthesizer.instruments[0], pitch=round(fmean(synthesizer.pitches)))
    return time.perf_counter() - started


def first_note_apart(name: str) -> float:
    """The same in a process of its own, where nothing is warm."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(first_note, (name,))


def measure(benchmark: Benchmark, name: str) -> tuple[dict[str, Any], Report]:
    """What there is to say of a model, and its judgements of held-out notes."""
    b, path = benchmark, find(name)
    seconds = first_note_apart(name)
    loaded = checkpoint.load(path)
    data = NSynth(as_in_training(b.data, loaded.provenance), loaded.representation)
    if loaded.provenance.get("data", {}).get("split_hash") != data.split_hash:
        print(f"{name}: ANOTHER SPLIT than in training: the model may have learned from these very notes")
    report = evaluate(
        loaded.model, loaded.representation, data, part=b.part, limit=b.limit, seed=b.seed, workers=b.workers
    )
    facts = {
        "model": name,
        "class": type(loaded.model).__name__,
        "parameters": sum(p.numel() for p in loaded.model.parameters()),
        "bytes": path.stat().st_size,
        "training_minutes": training_minutes(loaded.provenance),
        "first_note_seconds": seconds,
    }
    return facts, report


def draw(benchmark: Benchmark, names: Sequence[str], path: Path) -> None:
    """Write a picture of notes that no model was trained on."""
    b = benchmark
    models = [checkpoint.load(find(name)) for name in names]
    sets = [NSynth(as_in_training(b.data, m.provenance), m.representation) for m in models]
    parts = [getattr(data, b.part) for data in sets]
    places = [{entry.note_str: i for i, entry in enumerate(part.entries)} for part in parts]
    common = [entry for entry in parts[0].entries if all(entry.note_str in place for place in places)]
    if not common:
        raise UserError(f"picture={path}: no note of {b.data.root} was held out by all of these models; name fewer")
    notes = []
    for index in spread(common, b.shown, seed=b.seed):
        entry, made = common[index], []
        for model, part, place in zip(models, parts, places, strict=True):
            note = part.batch(torch.tensor([place[entry.note_str]]))
            labels = relabel(note.labels, given=part.spec.fields, known=model.model.spec.fields)
            player = Player(model=model.model, representation=model.representation, seed=b.seed)
            made.append(player.play(labels).numpy())
        notes.append((entry, [note.x[0, 0].numpy(), *made]))
    spectrogram_comparison(path, notes, names=names, sample_rate=models[0].representation.sample_rate)


def training_minutes(provenance: dict[str, Any]) -> float | None:
    """Of a run and of those whose weights it began with; None where one does not say."""
    minutes, before = provenance.get("minutes"), provenance.get("start")
    earlier = training_minutes(before) if before else 0.0
    return None if minutes is None or earlier is None else minutes + earlier


def row(facts: dict[str, Any], report: Report) -> str:
    """A line of the table."""
    minutes, kept, speed = facts["training_minutes"], report.pitch_kept(), report.times_real_time
    cells = [
        *(facts["model"], facts["class"], f"{facts['parameters'] / 1e6:.1f}", f"{facts['bytes'] / 1e6:.1f}"),
        *("-" if minutes is None else f"{minutes:.0f}", f"{speed:.0f}" if speed > 10 else f"{speed:.2f}"),
        *(f"{facts['first_note_seconds']:.2f}", str(len(report.notes))),
        *(f"{report.distance(compared):.2f}" for compared in ("generated", *BASELINES)),
        *(f"{100 * report.pitch(which).within:.1f} %" for which in ("generated", "real")),
        "-" if kept is None else f"{100 * kept:.1f} %",
    ]
    return f"| {' | '.join(cells)} |"


def main(benchmark: Benchmark) -> None:
    """Measure the models one after another, and print the table line by line."""
    b = benchmark
    print(f"{machine()}; {b.part} notes of {b.data.root}, limit {b.limit}, seed {b.seed}; speed on one thread")
    print("distances: multi-resolution log-spectral, mean over notes; kept: within 50 cents where the real note is\n")
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    figures = []
    names = b.models or tuple(bundled())
    for name in names:
        facts, report = measure(b, name)
        print(row(facts, report), flush=True)
        figures.append({**facts, **report.to_json()})
    if b.json:
        files.write_bytes(b.json, json.dumps(figures, indent=1).encode())
    if b.picture:
        draw(b, names, b.picture)


if __name__ == "__main__":
    run(main, Benchmark(), description=__doc__)
