"""Variational autoencoder of small sprites with 10 latents: two are varied on a sheet, eight stay fixed.

python recipes/pokemon_vae.py --data.root ~/pokemon --train.minutes 3 --folder runs/pokemon_vae
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from synthgen.data.augmentation import Mirror
from synthgen.data.pokemon import SIDE, Pokemon
from synthgen.evaluation.reconstruction import held_out_nats, mean_psnr
from synthgen.latent.sheets import write_vae
from synthgen.models import VAE
from synthgen.representations import Pixels
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

OFTEN = {"validate_every": 200, "save_every": 500, "sample_every": 0}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: Pokemon.Config = field(default_factory=Pokemon.Config)
    representation: Pixels = field(default_factory=lambda: Pixels(height=SIDE, width=SIDE, channels=3, levels=None))
    model: VAE.Config = field(default_factory=lambda: VAE.Config(dropout=0.1))
    train: Trainer.Config = field(
        default_factory=lambda: Trainer.Config(
            minutes=3, batch_size=32, method="muon", lr=5e-3, ema=0.998, precision="bfloat16", **OFTEN
        )
    )
    folder: Path = Path("runs/pokemon_vae")
    """Where the checkpoint, the log and the pictures go."""
    seed: int = 0
    """Seed of the first weights and of what is drawn."""


TINY = Recipe(
    model=VAE.Config(latents=3, channels=(4, 8), seed_channels=4, dim=8),
    train=Trainer.Config(steps=2, batch_size=4, validation_examples=4, device="cpu"),
)


def main(recipe: Recipe) -> None:
    """Train, judge the held-out sprites, and draw; `sweep.png` varies two latents."""
    seed_everything(recipe.seed)
    pixels = recipe.representation
    data = Pokemon(recipe.data, pixels)
    trainer = Trainer(VAE(data.spec, recipe.model), pixels, recipe.train, recipe.folder)
    trainer.fit(data.train, data.valid, augment=Mirror())
    if trainer.group.rank == 0:
        model, samples = trainer.average.model, recipe.folder / "samples"
        write_vae(samples, model, pixels, data.test, seed=recipe.seed)
        db = mean_psnr(lambda x: model.decode(model.encode(x)), pixels, data.test)
        print(f"{held_out_nats(model, pixels, data.test).table()}\n| PSNR | {db:.2f} dB |\n\npictures: {samples}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
