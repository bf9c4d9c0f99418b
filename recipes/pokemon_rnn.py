"""PixelRNN on small sprites with a palette: draws new ones, and completes those whose lower part is covered.

python recipes/pokemon_rnn.py --data.root ~/pokemon --folder runs/pokemon
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from synthgen.data.augmentation import Mirror
from synthgen.data.pokemon import Pokemon
from synthgen.evaluation.completion import write_completions
from synthgen.evaluation.neighbours import COVERED, predict_pixels
from synthgen.evaluation.pixel_report import write_class_sheet
from synthgen.models import PixelRNN
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

OFTEN = {"validate_every": 100, "save_every": 100, "sample_every": 0}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: Pokemon.Config = field(default_factory=Pokemon.Config)
    model: PixelRNN.Config = field(default_factory=lambda: PixelRNN.Config(hidden=192))
    train: Trainer.Config = field(
        default_factory=lambda: Trainer.Config(steps=1200, batch_size=16, lr=4e-3, warmup=50, ema=0.99, **OFTEN)
    )
    mirror: Mirror = field(default_factory=lambda: Mirror(share=0))
    """How many sprites are mirrored in training; these are shaded from one side, so that it does not help."""
    folder: Path = Path("runs/pokemon_rnn")
    """Where the checkpoint, the log and the pictures go."""
    drawn: int = 48
    """Sprites to draw from scratch at the end."""
    completed: int = 16
    """Held-out sprites to complete at the end."""
    seed: int = 0
    """Seed of the first weights."""


TINY = Recipe(
    model=PixelRNN.Config(entry=4, hidden=8, pointer=4),
    train=Trainer.Config(steps=2, batch_size=2, validation_examples=2, device="cpu"),
    drawn=2,
    completed=2,
)


def main(recipe: Recipe) -> None:
    """Train, predict the held-out sprites, draw some and complete some."""
    seed_everything(recipe.seed)
    data = Pokemon(recipe.data)
    model = PixelRNN(data.spec, replace(recipe.model, colours=data.palette.colours))
    trainer = Trainer(model, data.palette, recipe.train, recipe.folder)
    average, samples = trainer.average.model, recipe.folder / "samples"
    trainer.fit(data.train, data.valid, augment=recipe.mirror)
    if trainer.group.rank == 0:
        print(predict_pixels(average, data.palette, train=data.train, held_out=data.test).table())
        write_class_sheet(samples / "drawn.png", average, data.palette, data.test, per_class=recipe.drawn)
        for covered in COVERED:
            path = samples / f"covered_{100 * covered:.0f}.png"
            write_completions(path, average, data.palette, data.test, covered=covered, count=recipe.completed)
        print(f"\npictures: {samples}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
