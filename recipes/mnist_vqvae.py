"""VQ-VAE of handwritten digits: a picture as 7 x 7 codes, and a Gated PixelCNN that draws codes from a digit.

python recipes/mnist_vqvae.py --data.root ~/mnist --coding.minutes 10 --train.minutes 6 --folder runs/mnist_vqvae
synthgen sample --model runs/mnist_vqvae --label 7 --out sevens.png
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from synthgen.data.mnist import MNIST
from synthgen.evaluation.classifier import judge_classes
from synthgen.evaluation.picture_coding import evaluate_picture_coding, write_coded_sheet
from synthgen.evaluation.pixel_report import held_out_bits_per_dim
from synthgen.models import VQVAE, GatedPixelCNN, PictureCodes
from synthgen.representations import Pixels
from synthgen.script import run
from synthgen.training import Trainer, coded_parts, seed_everything

AUTOENCODER = VQVAE.Config(channels=(48, 96), strides=((2, 2), (2, 2)), blocks=1, codes=256)
PRIOR = GatedPixelCNN.Config(channels=48, skip_channels=128, layers=8, first_kernel=5, labels=("digit",), dropout=0.2)
MUON = {"method": "muon", "warmup": 50, "precision": "bfloat16", "sample_every": 0}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: MNIST.Config = field(default_factory=MNIST.Config)
    representation: Pixels = field(default_factory=lambda: Pixels(levels=None))
    autoencoder: VQVAE.Config = AUTOENCODER
    coding: Trainer.Config = Trainer.Config(minutes=10, batch_size=64, lr=5e-3, **MUON)
    prior: GatedPixelCNN.Config = PRIOR
    train: Trainer.Config = Trainer.Config(minutes=6, batch_size=16, lr=5e-3, ema=0.998, validate_every=200, **MUON)
    folder: Path = Path("runs/mnist_vqvae")
    """Where the checkpoint of both, the log and the pictures go; the autoencoder has a folder of its own inside."""
    per_class: int = 100
    """Pictures to generate of each class for the classifier."""
    seed: int = 0
    """Seed of the first weights."""


TINY = Recipe(
    autoencoder=VQVAE.Config(channels=(8, 8), strides=((4, 4), (2, 2)), blocks=1, codes=16, dim=4),
    coding=Trainer.Config(steps=2, batch_size=2, validation_examples=2, device="cpu"),
    prior=GatedPixelCNN.Config(channels=4, skip_channels=4, layers=2, dim=4, labels=("digit",)),
    train=Trainer.Config(steps=2, batch_size=2, validation_examples=2, device="cpu"),
    per_class=1,
)


def main(recipe: Recipe) -> None:
    """Train the autoencoder, then the prior on its codes, and judge both on held-out pictures."""
    seed_everything(recipe.seed)
    data = MNIST(recipe.data, recipe.representation)
    model = VQVAE(data.spec, recipe.autoencoder)
    coder = Trainer(model, recipe.representation, recipe.coding, recipe.folder / "autoencoder")
    coder.fit(data.train, data.valid)
    codes = PictureCodes(coder.average.model, recipe.representation)
    train, valid, test = coded_parts(data, codes, recipe.folder / "codes", device=str(coder.group.device))
    trainer = Trainer(GatedPixelCNN(train.spec, recipe.prior), codes, recipe.train, recipe.folder)
    trainer.fit(train, valid)
    prior, sheet = trainer.average.model, recipe.folder / "samples" / "classes.png"
    if trainer.group.rank == 0:
        print(evaluate_picture_coding(codes, data.test).table(), end="\n\n")
        print(held_out_bits_per_dim(prior, codes, test, train=train).table(element="code"), end="\n\n")
        write_coded_sheet(sheet, prior, codes, data.test)
        print(judge_classes(prior, codes, data, seen=recipe.representation, per_class=recipe.per_class).line())
        print(f"\npictures: {sheet}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
