"""A GAN on faces that grows: 16 pixels first, then 32, then 64.

python recipes/celeba_progressive_gan.py --data.root ~/celeba --extractor runs/faces --folder runs/celeba_growing
python recipes/celeba_progressive_gan.py --data.root ~/celeba --representation.height 32 --representation.width 32 \
    --model.channels 128 64 32 --model.shares 0.3 0.7 --train.minutes 29 --folder runs/celeba_growing_32
python recipes/celeba_progressive_gan.py --data.root ~/celeba --representation.height 32 --representation.width 32 \
    --model.channels 128 64 32 --model.first 2 --model.shares 1 --train.minutes 15 --folder runs/celeba_grown_32
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from synthgen.data.augmentation import Mirror
from synthgen.data.celeba import CelebA
from synthgen.evaluation.frechet import judged
from synthgen.latent.noise_sheet import write_noise_sheet
from synthgen.models import ProgressiveGAN
from synthgen.models.adversarial import Rules
from synthgen.nn.disturbance import Disturbance
from synthgen.representations import Pixels
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

RULES = Rules(disturbance=Disturbance(translation=0.1))
MODEL = ProgressiveGAN.Config(channels=(128, 64, 32, 16), shares=(0.3, 0.3, 0.4), rules=RULES)
ADAM = {"lr": 5e-4, "betas": (0.0, 0.99), "weight_decay": 0.0, "grad_clip": 10.0, "ema": 0.995}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: CelebA.Config = field(default_factory=CelebA.Config)
    representation: Pixels = Pixels(height=64, width=64, channels=3, levels=None)
    model: ProgressiveGAN.Config = MODEL
    augment: Mirror = field(default_factory=Mirror)
    train: Trainer.Config = Trainer.Config(minutes=60, batch_size=32, precision="bfloat16", **ADAM)
    extractor: Path | None = None
    """Run of `celeba_classifier.py`, to measure a Frechet distance in its features."""
    folder: Path = Path("runs/celeba_progressive_gan")
    """Where the checkpoint, the log and the pictures go."""
    seed: int = 0
    """Seed of the first weights, and of what is drawn."""


TINY = Recipe(
    representation=Pixels(height=16, width=16, channels=3, levels=None),
    model=ProgressiveGAN.Config(latents=4, dim=8, channels=(8, 4), blocks=1, first=0, shares=(0.5, 0.5), rules=RULES),
    train=Trainer.Config(steps=4, batch_size=4, device="cpu"),
)


def main(recipe: Recipe) -> None:
    """Train, and draw faces of each size on the way."""
    seed_everything(recipe.seed)
    data, pixels = CelebA(recipe.data, recipe.representation), recipe.representation
    trainer = Trainer(ProgressiveGAN(data.spec, recipe.model), pixels, recipe.train, recipe.folder)
    model, folder = trainer.average.model, recipe.folder / "samples"
    sample = partial(write_noise_sheet, model=model, representation=pixels, part=data.test, seed=recipe.seed)
    trainer.fit(data.train, augment=recipe.augment, on_sample=lambda _: sample(folder / f"level_{model.level}.png"))
    if trainer.group.rank == 0:
        print(f"{judged(model, pixels, data.train, recipe.extractor, seed=recipe.seed)}\n\npictures: {folder}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
