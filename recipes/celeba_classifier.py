"""A small classifier of CelebA's attributes, whose features are what Frechet distances of faces are taken in.

python recipes/celeba_classifier.py --data.root ~/celeba --folder runs/faces
python recipes/celeba_compare.py --data.root ~/celeba --extractor runs/faces --runs runs/celeba_gan

Distances compare only where they are of the same extractor, which they name with the hash of its weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from synthgen.data.celeba import CelebA
from synthgen.evaluation.classifier import flags_told
from synthgen.evaluation.frechet import Extractor, FrechetJudge, batches_of
from synthgen.models import Classifier
from synthgen.representations import Pixels
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: CelebA.Config = field(default_factory=CelebA.Config)
    representation: Pixels = Pixels(height=32, width=32, channels=3, levels=None)
    model: Classifier.Config = Classifier.Config(label="attributes", widths=(32, 64, 128))
    train: Trainer.Config = field(
        default_factory=lambda: Trainer.Config(steps=1500, batch_size=64, lr=2e-3, ema=0.995, validate_every=500)
    )
    folder: Path = Path("runs/faces")
    """Where the checkpoint and the log go; its name becomes the extractor's."""
    seed: int = 0
    """Seed of the first weights."""


TINY = Recipe(
    representation=Pixels(height=8, width=8, channels=3, levels=None),
    model=Classifier.Config(label="attributes", widths=(4, 8)),
    train=Trainer.Config(steps=2, batch_size=4, validation_examples=4, device="cpu"),
)


def main(recipe: Recipe) -> None:
    """Train, and say how much it tells and how far real pictures lie from other real ones."""
    seed_everything(recipe.seed)
    data = CelebA(recipe.data, recipe.representation)
    trainer = Trainer(Classifier(data.spec, recipe.model), recipe.representation, recipe.train, recipe.folder)
    trainer.fit(data.train, data.valid)
    if trainer.group.rank == 0:
        print(flags_told(trainer.average.model, data.test, recipe.representation, train=data.train))
        judge = FrechetJudge(Extractor.load(recipe.folder), data.train)
        print(judge.judge(batches_of(data.test)))


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
