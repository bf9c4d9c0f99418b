"""Variational autoencoder of faces, and what "Smiling" and other attributes are worth among its latents.

python recipes/celeba_vae.py --data.root ~/celeba --train.minutes 8 --folder runs/celeba_vae
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from synthgen.data.augmentation import Mirror
from synthgen.data.celeba import CelebA
from synthgen.evaluation.reconstruction import held_out_nats, mean_psnr
from synthgen.latent.attributes import write_attributes
from synthgen.latent.sheets import write_vae
from synthgen.models import VAE
from synthgen.representations import Pixels
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

MODEL = VAE.Config(latents=64, channels=(16, 32, 64, 128), strides=((2, 2), (2, 2), (2, 2), (2, 2)))


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: CelebA.Config = field(default_factory=CelebA.Config)
    representation: Pixels = field(default_factory=lambda: Pixels(height=64, width=64, channels=3, levels=None))
    model: VAE.Config = MODEL
    attributes: tuple[str, ...] = ("Smiling", "Male", "Eyeglasses", "Blond_Hair", "Young")
    """Flags whose direction is added to held-out faces that lack them."""
    train: Trainer.Config = field(
        default_factory=lambda: Trainer.Config(minutes=8, batch_size=32, method="muon", lr=5e-3, precision="bfloat16")
    )
    folder: Path = Path("runs/celeba_vae")
    """Where the checkpoint, the log and the pictures go."""
    seed: int = 0
    """Seed of the first weights and of what is drawn."""


TINY = Recipe(
    representation=Pixels(height=16, width=16, channels=3, levels=None),
    model=VAE.Config(latents=4, channels=(8, 8), seed_channels=4, dim=8),
    train=Trainer.Config(steps=2, batch_size=4, validation_examples=4, device="cpu"),
    attributes=("Smiling",),
)


def main(recipe: Recipe) -> None:
    """Train, judge the held-out faces, and draw, with attributes added to some."""
    seed_everything(recipe.seed)
    pixels = recipe.representation
    data = CelebA(recipe.data, pixels)
    trainer = Trainer(VAE(data.spec, recipe.model), pixels, recipe.train, recipe.folder)
    trainer.fit(data.train, data.valid, augment=Mirror())
    if trainer.group.rank == 0:
        model, samples = trainer.average.model, recipe.folder / "samples"
        write_vae(samples, model, pixels, data.test, seed=recipe.seed)
        write_attributes(samples / "attributes.png", model, pixels, data, names=recipe.attributes)
        db = mean_psnr(lambda x: model.decode(model.encode(x)), pixels, data.test)
        print(f"{held_out_nats(model, pixels, data.test).table()}\n| PSNR | {db:.2f} dB |\n\npictures: {samples}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
