"""Autoencoder of faces, which learns what PCA leaves; new ones from a Gaussian, and from a mixture, of its latents.

python recipes/celeba_autoencoder.py --data.root ~/celeba --train.minutes 10 --folder runs/celeba_autoencoder
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from synthgen.data.augmentation import Mirror
from synthgen.data.celeba import CelebA
from synthgen.evaluation.reconstruction import psnr_of_each, psnr_table
from synthgen.latent import LatentSpace
from synthgen.latent.points import fit_examples, latent_points
from synthgen.latent.sheets import COLUMNS, gallery_of
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
    model: ConvAutoencoder.Config = field(default_factory=lambda: ConvAutoencoder.Config(latents=32, linear=True))
    train: Trainer.Config = field(
        default_factory=lambda: Trainer.Config(minutes=10, batch_size=32, method="muon", lr=2e-3, precision="bfloat16")
    )
    members: int = 10
    """Gaussians of the mixture."""
    folder: Path = Path("runs/celeba_autoencoder")
    """Where the checkpoint, the spaces, the log and the pictures go."""
    seed: int = 0
    """Seed of the first weights and of what is drawn."""


TINY = Recipe(
    representation=Pixels(height=16, width=16, channels=3, levels=None),
    model=ConvAutoencoder.Config(
        latents=4, channels=(8, 8), strides=((2, 2), (2, 2)), seed_channels=4, dim=8, linear=True
    ),
    train=Trainer.Config(steps=2, batch_size=4, validation_examples=4, device="cpu"),
    members=2,
)


def main(recipe: Recipe) -> None:
    """Train, compare with PCA on held-out faces, fit both densities, and draw."""
    seed_everything(recipe.seed)
    pixels, rng = recipe.representation, torch.Generator().manual_seed(recipe.seed)
    data = CelebA(recipe.data, pixels)
    pca = fit_examples(data.train, pixels, axes=recipe.model.latents, rng=rng)
    start = ConvAutoencoder(data.spec, recipe.model)
    start.start_at(pca.axes.middle, pca.axes.directions, pca.axes.deviations)
    trainer = Trainer(start, pixels, recipe.train, recipe.folder)
    trainer.fit(data.train, data.valid, augment=Mirror())
    model, samples = trainer.average.model, recipe.folder / "samples"
    points = latent_points(model, pixels, data.train)
    space = LatentSpace.fit(points, rng=rng)
    mixture = space.with_mixture(points, recipe.members, rng=rng)
    space.save(recipe.folder / "gaussian.safetensors")
    mixture.save(recipe.folder / "mixture.safetensors")
    gallery = gallery_of(model, pixels, data.test, space, seed=recipe.seed)
    by_pca = pixels.decode(pca.reconstruct(pixels.encode(gallery.real)))
    drawn = gallery.drawer(mixture.sample(2 * COLUMNS, rng=rng))
    gallery.write(samples, more={"rebuilt by PCA": by_pca, "drawn from the mixture": drawn})
    ways = {"PCA": pca.reconstruct, "autoencoder": lambda x: model.decode(model.encode(x))}
    print(f"{recipe.model.latents} numbers a picture; {samples}")
    print(psnr_table(psnr_of_each(ways, pixels, data.test), pictures=len(data.test)))


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
