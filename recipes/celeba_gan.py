"""GAN on faces: noise in, a picture out.

python recipes/celeba_gan.py --data.root ~/celeba --extractor runs/faces --train.minutes 40 --folder runs/celeba_gan
python recipes/celeba_gan.py --data.root ~/celeba --kind wgan_gp --folder runs/celeba_wgan
python recipes/celeba_gan.py --data.root ~/celeba --kind dcgan --train.betas 0.5 0.99 --folder runs/celeba_dcgan
python recipes/celeba_gan.py --data.root ~/celeba --model.generator.labels attributes --folder runs/celeba_cgan
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from synthgen.data.augmentation import Mirror
from synthgen.data.celeba import CelebA
from synthgen.evaluation.frechet import judged
from synthgen.latent.noise_sheet import write_noise_sheet
from synthgen.models import GAN, Decoder
from synthgen.models.adversarial import Rules
from synthgen.models.critic import Critic
from synthgen.models.gan import KINDS
from synthgen.nn.disturbance import Disturbance
from synthgen.representations import Pixels
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

RULES = Rules(disturbance=Disturbance(translation=0.1))
ADAM = {"lr": 5e-4, "betas": (0.0, 0.99), "weight_decay": 0.0, "grad_clip": 10.0, "ema": 0.995}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: CelebA.Config = field(default_factory=CelebA.Config)
    representation: Pixels = Pixels(height=32, width=32, channels=3, levels=None)
    model: GAN.Config = field(default_factory=lambda: GAN.Config(rules=RULES))
    kind: Literal["hinge_r1", "wgan_gp", "dcgan"] = "hinge_r1"
    """What both learn by: sets the game, the penalties and the normalisation of `model`."""
    augment: Mirror = field(default_factory=Mirror)
    train: Trainer.Config = Trainer.Config(minutes=40, batch_size=32, precision="bfloat16", **ADAM)
    extractor: Path | None = None
    """Run of `celeba_classifier.py`, to measure a Frechet distance in its features."""
    folder: Path = Path("runs/celeba_gan")
    """Where the checkpoint, the log and the pictures go."""
    seed: int = 0
    """Seed of the first weights, and of what is drawn."""


TINY = Recipe(
    representation=Pixels(height=16, width=16, channels=3, levels=None),
    model=GAN.Config(
        latents=4,
        generator=Decoder.Config(labels=("attributes",), dim=8, channels=(8, 4), strides=((2, 2),), patch=(2, 2)),
        critic=Critic.Config(channels=(4, 8), strides=((4, 4), (2, 2))),
        rules=RULES,
    ),
    train=Trainer.Config(steps=4, batch_size=4, device="cpu"),
)


def main(recipe: Recipe) -> None:
    """Train, and draw faces."""
    seed_everything(recipe.seed)
    data, pixels = CelebA(recipe.data, recipe.representation), recipe.representation
    trainer = Trainer(GAN(data.spec, KINDS[recipe.kind](recipe.model)), pixels, recipe.train, recipe.folder)
    model, sheet = trainer.average.model, recipe.folder / "samples" / "sheet.png"
    sample = partial(write_noise_sheet, sheet, model, pixels, data.test, seed=recipe.seed)
    trainer.fit(data.train, augment=recipe.augment, on_sample=lambda _: sample())
    if trainer.group.rank == 0:
        print(f"{judged(model, pixels, data.train, recipe.extractor, seed=recipe.seed)}\n\npictures: {sheet}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
