"""Autoencoder of faces beside PCA with as many numbers; new faces from a Gaussian, and from a mixture, of its latents.

python recipes/celeba_autoencoder.py --data.root ~/celeba --train.minutes 8 --folder runs/celeba_autoencoder
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from synthgen.data.augmentation import Mirror
from synthgen.data.celeba import CelebA
from synthgen.evaluation.reconstruction import psnr_of_each, psnr_table
from synthgen.latent import LatentSpace
from synthgen.latent.drawing import FromLatents
from synthgen.latent.points import example_points, latent_points
from synthgen.latent.sheets import COLUMNS, Gallery
from synthgen.models import ConvAutoencoder
from synthgen.representations import Pixels
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: CelebA.Config = field(default_factory=CelebA.Config)
    representation: Pixels = field(default_factory=lambda: Pixels(height=64, width=64, channels=3, levels=None))
    model: ConvAutoencoder.Config = field(default_factory=ConvAutoencoder.Config)
    train: Trainer.Config = field(
        default_factory=lambda: Trainer.Config(minutes=8, batch_size=32, method="muon", lr=5e-3, precision="bfloat16")
    )
    members: int = 10
    """Gaussians of the mixture."""
    folder: Path = Path("runs/celeba_autoencoder")
    """Where the checkpoint, the spaces, the log and the pictures go."""
    seed: int = 0
    """Seed of the first weights and of what is drawn."""


TINY = Recipe(
    representation=Pixels(height=16, width=16, channels=3, levels=None),
    model=ConvAutoencoder.Config(latents=4, channels=(8, 8), strides=((2, 2), (2, 2)), seed_channels=4, dim=8),
    train=Trainer.Config(steps=2, batch_size=4, validation_examples=4, device="cpu"),
    members=2,
)


def main(recipe: Recipe) -> None:
    """Train, compare with PCA on held-out faces, fit both densities, and draw."""
    seed_everything(recipe.seed)
    pixels, rng = recipe.representation, torch.Generator().manual_seed(recipe.seed)
    data = CelebA(recipe.data, pixels)
    trainer = Trainer(ConvAutoencoder(data.spec, recipe.model), pixels, recipe.train, recipe.folder)
    trainer.fit(data.train, data.valid, augment=Mirror())
    model, k = trainer.average.model, recipe.model.latents
    pca = LatentSpace.fit(example_points(data.train, pixels), axes=k, rng=rng)
    ways = {f"PCA of {k}": pca.reconstruct, f"autoencoder of {k}": lambda x: model.decode(model.encode(x))}
    points = latent_points(model, pixels, data.train)
    space = LatentSpace.fit(points, rng=rng)
    mixture = space.with_mixture(points, recipe.members, rng=rng)
    space.save(recipe.folder / "gaussian.safetensors")
    mixture.save(recipe.folder / "mixture.safetensors")
    drawer = FromLatents(model=model, representation=pixels)
    real = data.test.batch(torch.arange(min(COLUMNS, len(data.test)))).x
    gallery = Gallery(
        space=space, drawer=drawer, real=real, points=latent_points(model, pixels, data.test, limit=len(real))
    )
    more = {
        "rebuilt by PCA": pixels.decode(pca.reconstruct(pixels.encode(real))),
        "drawn from the mixture": drawer(mixture.sample(2 * COLUMNS, rng=rng)),
    }
    sheet = gallery.write(recipe.folder / "samples", more=more)
    print(f"{psnr_table(psnr_of_each(ways, pixels, data.test), pictures=len(data.test))}\n\npictures: {sheet}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
