"""How restless notes are between their partials, real ones and those of models.

python recipes/benchmarks/texture.py --data.root ~/notes --checkpoints spectrogram runs/notes_gan --limit 200
"""

from __future__ import annotations

from dataclasses import dataclass, field

from synthgen import checkpoint
from synthgen.data.nsynth import NSynth, as_in_training
from synthgen.evaluation.machine import machine
from synthgen.evaluation.texture import judge_part
from synthgen.rendering.library import find
from synthgen.script import run


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is measured."""

    checkpoints: tuple[str, ...] = ("spectrogram",)
    """Names of bundled models, or paths of checkpoints or of training runs' folders."""
    data: NSynth.Config = field(default_factory=NSynth.Config)
    """Notes that hold those which the models were trained on; each is judged on its own filters and split."""
    limit: int | None = 200
    """Judge so many test notes; None judges all."""
    seed: int = 0
    """Seed of the generated notes, and of the choice."""


def main(benchmark: Benchmark) -> None:
    """Measure and print."""
    print(f"{machine('cpu')}\n{benchmark.data.root}, seed {benchmark.seed}")
    for name in benchmark.checkpoints:
        path = find(name)
        loaded = checkpoint.load(path)
        data = NSynth(as_in_training(benchmark.data, loaded.provenance), loaded.representation)
        options = {"limit": benchmark.limit, "seed": benchmark.seed}
        texture = judge_part(loaded.model, loaded.representation, data.test, **options)
        print(f"{path}, split {data.split_hash[:12]}\n  {texture}")


if __name__ == "__main__":
    run(main, Benchmark, description=__doc__)
