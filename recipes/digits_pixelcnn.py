"""Gated PixelCNN on the small digits that come with scikit-learn: nothing to download, minutes to train.

python recipes/digits_pixelcnn.py --folder runs/digits
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from synthgen.data.digits import Digits
from synthgen.evaluation.pixel_report import held_out_bits_per_dim, write_class_sheet
from synthgen.models import GatedPixelCNN
from synthgen.representations import Pixels
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

MODEL = GatedPixelCNN.Config(channels=32, layers=4, first_kernel=5, dropout=0.3, labels=("digit",))
OFTEN = {"validate_every": 100, "validation_examples": 180, "sample_every": 0}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: Digits.Config = field(default_factory=Digits.Config)
    representation: Pixels = Pixels(height=8, width=8, levels=17)
    model: GatedPixelCNN.Config = MODEL
    train: Trainer.Config = field(
        default_factory=lambda: Trainer.Config(
            steps=900, batch_size=32, method="muon", lr=6e-3, warmup=50, ema=0.98, precision="bfloat16", **OFTEN
        )
    )
    folder: Path = Path("runs/digits_pixelcnn")
    """Where the checkpoint, the log and the pictures go."""
    limit: int | None = None
    """Held-out pictures to predict at the end; None predicts all."""
    per_class: int = 12
    """Pictures of each class on the sheet."""
    seed: int = 0
    """Seed of the first weights."""


TINY = Recipe(
    model=GatedPixelCNN.Config(channels=4, skip_channels=4, layers=2, dim=4, labels=("digit",)),
    train=Trainer.Config(steps=2, batch_size=2, validation_examples=2, device="cpu"),
    limit=2,
    per_class=1,
)


def main(recipe: Recipe) -> None:
    """Train, predict held-out pictures, and draw some of each class."""
    seed_everything(recipe.seed)
    data = Digits(recipe.data, recipe.representation)
    model = GatedPixelCNN(data.spec, recipe.model)
    trainer = Trainer(model, recipe.representation, recipe.train, recipe.folder)
    average, sheet = trainer.average.model, recipe.folder / "samples" / "classes.png"
    trainer.fit(data.train, data.valid)
    if trainer.group.rank == 0:
        bits = held_out_bits_per_dim(average, recipe.representation, data.test, train=data.train, limit=recipe.limit)
        write_class_sheet(sheet, average, recipe.representation, data.test, per_class=recipe.per_class)
        print(f"{bits.table()}\n\npictures: {sheet}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
