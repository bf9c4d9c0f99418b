"""PixelCNN++ on small photographs: red, green and blue of a pixel from one mixture.

python recipes/cifar10_pixelcnnpp.py --data.root ~/cifar10 --train.minutes 60 --folder runs/cifar10
python recipes/cifar10_pixelcnnpp.py --data.root ~/cifar10 --model.no-shortcuts --folder runs/cifar10_no_shortcuts
python recipes/cifar10_pixelcnnpp.py --data.root ~/cifar10 --model.dropout-p 0.5 --folder runs/cifar10_dropout
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from synthgen.data.augmentation import Mirror
from synthgen.data.cifar10 import CIFAR10
from synthgen.evaluation.pixel_report import held_out_bits_per_dim, write_class_sheet, write_surprise
from synthgen.models import PixelCNNpp
from synthgen.representations import Pixels
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

MODEL = PixelCNNpp.Config(num_resnet=1, num_filters=48, labels=("class",))
OFTEN = {"validate_every": 1000, "validation_examples": 128, "sample_every": 0}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: CIFAR10.Config = field(default_factory=CIFAR10.Config)
    representation: Pixels = field(default_factory=lambda: Pixels(height=32, width=32, channels=3))
    model: PixelCNNpp.Config = MODEL
    train: Trainer.Config = field(
        default_factory=lambda: Trainer.Config(
            minutes=60, batch_size=16, method="muon", lr=4e-3, ema=0.998, precision="bfloat16", **OFTEN
        )
    )
    mirror: Mirror = field(default_factory=Mirror)
    folder: Path = Path("runs/cifar10_pixelcnnpp")
    """Where the checkpoint, the log and the pictures go."""
    limit: int | None = 1000
    """Held-out pictures to predict at the end; None predicts all."""
    per_class: int = 8
    """Pictures to generate of each class."""
    seed: int = 0
    """Seed of the first weights."""


TINY = Recipe(
    model=PixelCNNpp.Config(num_resnet=1, num_filters=4, num_logistic_mix=2, dim=4, labels=("class",)),
    train=Trainer.Config(steps=2, batch_size=2, validation_examples=2, device="cpu"),
    limit=2,
    per_class=1,
)


def main(recipe: Recipe) -> None:
    """Train, predict the held-out pictures, and draw some of each class."""
    seed_everything(recipe.seed)
    data = CIFAR10(recipe.data, recipe.representation)
    model = PixelCNNpp(data.spec, recipe.model)
    trainer = Trainer(model, recipe.representation, recipe.train, recipe.folder)
    average, samples = trainer.average.model, recipe.folder / "samples"
    trainer.fit(data.train, data.valid, augment=recipe.mirror)
    if trainer.group.rank == 0:
        bits = held_out_bits_per_dim(average, recipe.representation, data.test, train=data.train, limit=recipe.limit)
        print(bits.table(), end="\n\n")
        path, per_class = samples / "classes.png", recipe.per_class
        write_class_sheet(path, average, recipe.representation, data.test, per_class=per_class, seed=recipe.seed)
        write_surprise(samples / "surprise.png", average, recipe.representation, data.test, count=16)
        print(f"pictures: {samples}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
