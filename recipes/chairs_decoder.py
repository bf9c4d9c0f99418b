"""Chairs from labels: which chair, its rotation and the elevation in, a picture out (Dosovitskiy et al., 2015).

synthgen data chairs --count 100 --size 64 --out ~/chairs
python recipes/chairs_decoder.py --data.root ~/chairs --train.minutes 25 --folder runs/chairs
python recipes/chairs_decoder.py --data.root ~/chairs --data.hold-out rotation --folder runs/chairs_turned
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from synthgen.data.chairs import Chairs
from synthgen.evaluation.view_pictures import write_views
from synthgen.evaluation.views import judge
from synthgen.losses.pictures import PictureError
from synthgen.models import Decoder
from synthgen.representations import Pixels
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

MODEL = Decoder.Config(
    labels=("chair", "rotation", "elevation"),
    channels=(256, 192, 128, 64),
    strides=((2, 2), (2, 2), (2, 2)),
    patch=(2, 2),
)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: Chairs.Config = field(default_factory=Chairs.Config)
    representation: Pixels = field(default_factory=lambda: Pixels(height=64, width=64, channels=3, levels=None))
    loss: PictureError = field(default_factory=PictureError)
    model: Decoder.Config = MODEL
    train: Trainer.Config = field(
        default_factory=lambda: Trainer.Config(minutes=25, batch_size=32, method="muon", lr=7e-3, precision="bfloat16")
    )
    folder: Path = Path("runs/chairs_decoder")
    """Where the checkpoint, the log and the pictures go."""
    seed: int = 0
    """Seed of the first weights, and of which chairs are shown."""


TINY = Recipe(
    representation=Pixels(height=16, width=16, channels=3, levels=None),
    model=Decoder.Config(labels=MODEL.labels, dim=16, channels=(16, 8), strides=((2, 2),), patch=(2, 2)),
    train=Trainer.Config(steps=2, batch_size=4, validation_examples=4, device="cpu"),
)


def main(recipe: Recipe) -> None:
    """Train, draw views that nobody showed, and judge them."""
    seed_everything(recipe.seed)
    data = Chairs(recipe.data, recipe.representation)
    model = Decoder(data.spec, recipe.model, recipe.loss)
    trainer = Trainer(model, recipe.representation, recipe.train, recipe.folder)
    sample = partial(write_views, trainer.average.model, recipe.representation, data, recipe.folder / "samples")
    trainer.fit(data.train, data.valid, on_sample=lambda t: sample(seed=recipe.seed))
    if trainer.group.rank == 0:
        print(f"{judge(trainer.average.model, recipe.representation, data)}\n\npictures: {recipe.folder / 'samples'}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
