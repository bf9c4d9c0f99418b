"""SampleRNN: instrument, pitch and velocity in, one sample after the other out.

python recipes/notes_rnn.py --data.root ~/notes --train.minutes 60 --folder runs/rnn
python recipes/notes_rnn.py --data.root ~/notes --model.head logistic_mixture representation:pcm
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from synthgen import checkpoint
from synthgen.data.nsynth import NSynth
from synthgen.evaluation.bits import held_out_bits
from synthgen.evaluation.report import evaluate
from synthgen.evaluation.samples import write_samples
from synthgen.models import SampleRNN
from synthgen.representations import MuLaw, Pcm
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

MODEL = SampleRNN.Config(periodic="pitch", noise=0.12, faded=0.5)
OFTEN = {"validate_every": 1500, "validation_examples": 12, "sample_every": 0}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: NSynth.Config = field(default_factory=NSynth.Config)
    representation: MuLaw | Pcm = field(default_factory=MuLaw)
    model: SampleRNN.Config = MODEL
    train: Trainer.Config = field(
        default_factory=lambda: Trainer.Config(
            minutes=60, batch_size=8, method="muon", lr=5e-3, ema=0.997, precision="bfloat16", **OFTEN
        )
    )
    start: Path | None = None
    """Checkpoint whose weights to begin with."""
    folder: Path = Path("runs/notes_rnn")
    """Where the checkpoint, the log and the notes go."""
    limit: int | None = 20
    """Held-out notes to judge at the end, each of which is sampled; None judges all."""
    predicted: int | None = 100
    """Held-out notes whose samples to predict at the end; None predicts all."""
    seed: int = 0
    """Seed of the first weights."""


TINY = Recipe(
    model=SampleRNN.Config(dim=8, hidden=8, window=4, entry=4, channels=8, layers=1, crop=600, periodic="pitch"),
    train=Trainer.Config(steps=2, batch_size=2, validation_examples=2, device="cpu"),
    limit=1,
    predicted=2,
)


def main(recipe: Recipe) -> None:
    """Train, and judge the held-out notes."""
    seed_everything(recipe.seed)
    data = NSynth(recipe.data, recipe.representation)
    model = SampleRNN(data.spec, recipe.model)
    start = checkpoint.load_into(model, recipe.start)
    trainer = Trainer(model, recipe.representation, recipe.train, recipe.folder)
    average = trainer.average.model
    sample = partial(write_samples, average, recipe.representation, data.valid, recipe.folder)
    trainer.fit(data.train, data.valid, on_sample=lambda t: sample(step=t.step), provenance=start)
    if trainer.group.rank == 0:
        parts = {"train": data.train, "held_out": data.test}
        print(held_out_bits(average, recipe.representation, **parts, limit=recipe.predicted).table(), end="\n\n")
        report = evaluate(average, recipe.representation, data, limit=recipe.limit, seed=recipe.seed)
        print(f"{report.table()}\n\nnotes and pictures: {recipe.folder / 'samples'}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
