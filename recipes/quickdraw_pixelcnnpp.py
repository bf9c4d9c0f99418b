"""PixelCNN++ on doodles: a class in, a drawing out, pixel by pixel.

python recipes/quickdraw_pixelcnnpp.py --data.root ~/quickdraw --train.minutes 30 --folder runs/quickdraw
python recipes/quickdraw_pixelcnnpp.py --data.root ~/quickdraw --representation.levels 256 --model.head logistic_mixture
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from synthgen.data.quickdraw import QuickDraw
from synthgen.evaluation.classifier import judge_classes
from synthgen.evaluation.pixel_report import held_out_bits_per_dim, write_class_sheet, write_surprise
from synthgen.models import PixelCNNpp
from synthgen.representations import Pixels
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

MODEL = PixelCNNpp.Config(num_resnet=1, num_filters=32, head="categorical", labels=("class",))
OFTEN = {"validate_every": 1000, "validation_examples": 128, "sample_every": 0}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: QuickDraw.Config = field(default_factory=QuickDraw.Config)
    representation: Pixels = Pixels(levels=2)
    model: PixelCNNpp.Config = MODEL
    train: Trainer.Config = field(
        default_factory=lambda: Trainer.Config(
            minutes=30, batch_size=16, method="muon", lr=4e-3, ema=0.998, precision="bfloat16", **OFTEN
        )
    )
    folder: Path = Path("runs/quickdraw_pixelcnnpp")
    """Where the checkpoint, the log and the pictures go."""
    limit: int | None = None
    """Held-out pictures to predict at the end; None predicts all."""
    per_class: int = 32
    """Pictures to generate of each class for the classifier."""
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
    data = QuickDraw(recipe.data, recipe.representation)
    model = PixelCNNpp(data.spec, recipe.model)
    trainer = Trainer(model, recipe.representation, recipe.train, recipe.folder)
    average, samples = trainer.average.model, recipe.folder / "samples"
    trainer.fit(data.train, data.valid)
    if trainer.group.rank == 0:
        bits = held_out_bits_per_dim(average, recipe.representation, data.test, train=data.train, limit=recipe.limit)
        print(bits.table(), end="\n\n")
        write_class_sheet(samples / "classes.png", average, recipe.representation, data.test)
        write_surprise(samples / "surprise.png", average, recipe.representation, data.test, count=16)
        print(judge_classes(average, recipe.representation, data, per_class=recipe.per_class).line())
        print(f"\npictures: {samples}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
