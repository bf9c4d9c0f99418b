"""PCA, autoencoder, VAE and GANs side by side on the same faces: what each keeps, what each draws, and a page of both.

python recipes/celeba_classifier.py --data.root ~/celeba --folder runs/faces
python recipes/celeba_compare.py --data.root ~/celeba --extractor runs/faces --runs runs/celeba_vae runs/celeba_gan
python recipes/celeba_compare.py --data.root ~/celeba --extractor runs/faces  # trains three, 5 minutes each
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from synthgen.commands.comparing import Sets, compare, trained
from synthgen.data.celeba import CelebA
from synthgen.evaluation.machine import machine
from synthgen.models import GAN, VAE, ConvAutoencoder, Decoder
from synthgen.representations import Pixels
from synthgen.script import run
from synthgen.training import Trainer

SMOOTH = Trainer.Config(minutes=5, method="muon", lr=2e-3, precision="bfloat16", sample_every=0)
ADVERSARIAL = replace(SMOOTH, method="adamw", lr=5e-4, betas=(0.0, 0.99), weight_decay=0.0, grad_clip=10.0, ema=0.995)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: CelebA.Config = field(default_factory=CelebA.Config)
    representation: Pixels = Pixels(height=32, width=32, channels=3, levels=None)
    extractor: Path = Path("runs/faces")
    """Run of `celeba_classifier.py`, in whose features distances are taken."""
    runs: tuple[Path, ...] = ()
    """Runs to compare, of any size; if none, the three models below are trained."""
    autoencoder: ConvAutoencoder.Config = ConvAutoencoder.Config()
    vae: VAE.Config = VAE.Config(latents=64, channels=(32, 64, 128), strides=((2, 2),) * 3)
    gan: GAN.Config = field(default_factory=GAN.Config)
    smooth: Trainer.Config = SMOOTH
    """How autoencoder and VAE learn."""
    adversarial: Trainer.Config = ADVERSARIAL
    """How the GAN learns."""
    axes: tuple[int, ...] = (8, 16, 32, 64, 128)
    """Of PCA, whose PSNR is shown."""
    limit: int = 2000
    """Pictures to draw from each, and to compare with."""
    remarks: str = ""
    """Text for the end of the page: what was seen in the pictures."""
    folder: Path = Path("runs/celeba_compare")
    """Where the page, its sheet and what is trained go."""
    seed: int = 0
    """Seed of first weights, fits and draws."""


TINY = Recipe(
    representation=Pixels(height=8, width=8, channels=3, levels=None),
    **{name: Trainer.Config(steps=1, batch_size=2, device="cpu") for name in ("smooth", "adversarial")},
    autoencoder=ConvAutoencoder.Config(latents=2, channels=(4,), strides=((2, 2),), seed_channels=2, dim=4),
    vae=VAE.Config(latents=2, channels=(4,), strides=((2, 2),), seed_channels=2, dim=4),
    gan=GAN.Config(generator=Decoder.Config(labels=(), dim=4, channels=(4,), strides=(), patch=(2, 2))),
    axes=(1, 3),
)


def main(recipe: Recipe) -> None:
    """Train what is not given, measure, and write the page."""
    sets, pixels = Sets(partial(CelebA, recipe.data)), recipe.representation
    train = partial(trained, data=sets, representation=pixels, seed=recipe.seed)
    runs = recipe.runs or (
        train(recipe.folder / "autoencoder", partial(ConvAutoencoder, config=recipe.autoencoder), config=recipe.smooth),
        train(recipe.folder / "vae", partial(VAE, config=recipe.vae), config=recipe.smooth),
        train(recipe.folder / "gan", partial(GAN, config=recipe.gan), config=recipe.adversarial),
    )
    found = compare(sets, recipe.extractor, runs, pixels=pixels, axes=recipe.axes, limit=recipe.limit, seed=recipe.seed)
    page = found.write(recipe.folder, remarks=recipe.remarks, seed=recipe.seed)
    print(f"{machine()}; {recipe.data.root}; seed {recipe.seed}\n\n{found}\n\n{page}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
