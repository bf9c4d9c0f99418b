"""DDSP: instrument, pitch and velocity in, harmonic oscillators and filtered noise out.

python recipes/notes_ddsp.py --data.root ~/notes --train.minutes 60 --folder runs/ddsp
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from synthgen import checkpoint
from synthgen.data.augmentation import Retune
from synthgen.data.nsynth import NSynth
from synthgen.evaluation.report import evaluate
from synthgen.evaluation.samples import write_samples
from synthgen.losses.spectral import MultiResolution
from synthgen.models import DDSP
from synthgen.representations import Waveform
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

MODEL = DDSP.Config(crop=250)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: NSynth.Config = field(default_factory=NSynth.Config)
    representation: Waveform = field(default_factory=Waveform)
    loss: MultiResolution = field(default_factory=MultiResolution)
    model: DDSP.Config = MODEL
    augment: Retune = field(default_factory=Retune)
    train: Trainer.Config = field(
        default_factory=lambda: Trainer.Config(minutes=60, batch_size=16, method="muon", lr=3e-3)
    )
    start: Path | None = None
    """Checkpoint whose weights to begin with."""
    folder: Path = Path("runs/notes_ddsp")
    """Where the checkpoint, the log and the notes go."""
    limit: int | None = 200
    """Held-out notes to judge at the end; None judges all."""
    seed: int = 0
    """Seed of the first weights."""


TINY = Recipe(
    model=DDSP.Config(
        dim=16, channels=(8, 8), strides=(8,), seed_channels=4, partials=16, bands=9, hop_length=256, crop=60
    ),
    train=Trainer.Config(steps=2, batch_size=2, validation_examples=2, device="cpu"),
    limit=3,
)


def main(recipe: Recipe) -> None:
    """Train, and judge the held-out notes."""
    seed_everything(recipe.seed)
    data = NSynth(recipe.data, recipe.representation)
    model = DDSP(data.spec, recipe.model, recipe.loss)
    start = checkpoint.load_into(model, recipe.start)
    trainer = Trainer(model, recipe.representation, recipe.train, recipe.folder)
    sample = partial(write_samples, trainer.average.model, recipe.representation, data.valid, recipe.folder)
    options = {"augment": recipe.augment, "provenance": start}
    trainer.fit(data.train, data.valid, on_sample=lambda t: sample(step=t.step), **options)
    if trainer.group.rank == 0:
        report = evaluate(trainer.average.model, recipe.representation, data, limit=recipe.limit, seed=recipe.seed)
        print(f"{report.table()}\n\nnotes and pictures: {recipe.folder / 'samples'}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
