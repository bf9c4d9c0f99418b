"""Variational autoencoder of handwritten digits in black and white, without labels or with them; 10 latents.

python recipes/digits_vae.py --data.root ~/mnist --folder runs/digits_vae
python recipes/digits_vae.py --data.root ~/mnist --model.labels digit --folder runs/digits_cvae
python recipes/digits_vae.py --small --train.minutes 2 --folder runs/small_digits_vae
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from synthgen.data.augmentation import Wiggle
from synthgen.data.digits import Digits
from synthgen.data.mnist import MNIST
from synthgen.evaluation.reconstruction import held_out_nats
from synthgen.latent.sheets import write_vae
from synthgen.models import VAE
from synthgen.representations import Pixels
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

OFTEN = {"validate_every": 500, "validation_examples": 600, "save_every": 1000, "sample_every": 0}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: MNIST.Config = field(default_factory=MNIST.Config)
    representation: Pixels = field(default_factory=lambda: Pixels(levels=2))
    small: bool = False
    """Take scikit-learn's digits of 8 x 8 pixels instead: nothing to download."""
    model: VAE.Config = field(default_factory=lambda: VAE.Config(channels=(32, 64), seed_channels=32, dim=256))
    augment: Wiggle = field(default_factory=Wiggle)
    train: Trainer.Config = field(
        default_factory=lambda: Trainer.Config(
            minutes=10, batch_size=64, method="muon", lr=5e-3, ema=0.998, precision="bfloat16", **OFTEN
        )
    )
    folder: Path = Path("runs/digits_vae")
    """Where the checkpoint, the log and the pictures go."""
    limit: int | None = None
    """Held-out pictures to judge at the end; None judges all."""
    seed: int = 0
    """Seed of the first weights and of what is drawn."""


TINY = Recipe(
    model=VAE.Config(latents=3, channels=(4, 8), seed_channels=4, dim=8, labels=("digit",)),
    train=Trainer.Config(steps=2, batch_size=2, validation_examples=2, device="cpu"),
    limit=4,
)


def main(recipe: Recipe) -> None:
    """Train, bound the likelihood of the held-out pictures, and draw."""
    seed_everything(recipe.seed)
    pixels = replace(recipe.representation, height=8, width=8) if recipe.small else recipe.representation
    data = Digits(Digits.Config(seed=recipe.data.seed), pixels) if recipe.small else MNIST(recipe.data, pixels)
    trainer = Trainer(VAE(data.spec, recipe.model), pixels, recipe.train, recipe.folder)
    trainer.fit(data.train, data.valid, augment=recipe.augment)
    if trainer.group.rank == 0:
        model = trainer.average.model
        sheet = write_vae(recipe.folder / "samples", model, pixels, data.test, seed=recipe.seed)
        print(f"{held_out_nats(model, pixels, data.test, limit=recipe.limit).table()}\n\npictures: {sheet}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
