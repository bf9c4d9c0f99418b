"""GAN on faces: noise in, a picture out.

python recipes/celeba_gan.py --data.root ~/img_align_celeba --train.minutes 40 --folder runs/celeba_gan
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from synthgen.data.augmentation import Mirror
from synthgen.data.image_folder import ImageFolder
from synthgen.evaluation.gan_pictures import write_noise_sheet
from synthgen.models import GAN
from synthgen.models.adversarial import Rules
from synthgen.nn.disturbance import Disturbance
from synthgen.representations import Pixels
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: ImageFolder.Config = field(default_factory=ImageFolder.Config)
    representation: Pixels = field(default_factory=lambda: Pixels(height=32, width=32, channels=3, levels=None))
    model: GAN.Config = field(default_factory=lambda: GAN.Config(rules=Rules(disturbance=Disturbance(translation=0.1))))
    augment: Mirror = field(default_factory=Mirror)
    train: Trainer.Config = field(
        default_factory=lambda: Trainer.Config(
            minutes=40, batch_size=32, lr=1e-3, betas=(0.0, 0.99), weight_decay=0.0, grad_clip=1e3, precision="bfloat16"
        )
    )
    folder: Path = Path("runs/celeba_gan")
    """Where the checkpoint, the log and the pictures go."""
    seed: int = 0
    """Seed of the first weights."""


def main(recipe: Recipe) -> None:
    """Train, and draw faces."""
    seed_everything(recipe.seed)
    data = ImageFolder(recipe.data, recipe.representation)
    model = GAN(data.spec, recipe.model)
    trainer = Trainer(model, recipe.representation, recipe.train, recipe.folder)
    sample = partial(write_noise_sheet, model=trainer.average.model, representation=recipe.representation)
    trainer.fit(
        data.train,
        augment=recipe.augment,
        on_sample=lambda t: sample(recipe.folder / "samples" / f"{t.step:07d}.png", examples=data.test),
    )


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
