"""MNIST: handwritten digits of 28 x 28 pixels (LeCun, Cortes & Burges 1998), and sets in the same files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from synthgen import checks
from synthgen.checks import UserError
from synthgen.data.idx import read_idx
from synthgen.data.images import ImageSet, Pictures, category, find_folder, remedy, with_valid
from synthgen.representations.base import ImageRepresentation

NAMES = {
    "digits": tuple("0123456789"),
    "fashion": (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
}
LABEL = {"digits": "digit", "fashion": "class"}
PUBLISHED = {
    "digits": "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "fashion": "https://github.com/zalandoresearch/fashion-mnist",
}


class MNIST(ImageSet):
    """70,000 digits with the label `digit`, or pieces of clothing (Xiao et al. 2017) with the label `class`.

    The published test pictures are `test`; `valid` is held out of the training pictures.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Which pictures, and how they are split."""

        root: Path = Path("data/mnist")
        """Folder with `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the same of `t10k`, or these `.gz`."""
        names: Literal["digits", "fashion"] = "digits"
        """What the ten classes are called."""
        train: str = "train"
        """What the names of the two files to train on begin with, before `-images`; or the only beginning like it."""
        test: str = "t10k"
        """The same of the files to test on."""
        seed: int = 0
        """Seed of which training pictures are held out."""

    def __init__(self, config: MNIST.Config, representation: ImageRepresentation) -> None:
        """Read the four files.

        Raises:
            UserError: a missing or bad file, or pictures of another size than the representation's.
        """
        checks.one_of("data.names", config.names, NAMES)
        self.config = config
        parts = with_valid(_read(config, "train"), _read(config, "test"), seed=config.seed)
        fields = (category(LABEL[config.names], NAMES[config.names]),)
        super().__init__(f"MNIST of {config.names}", parts, representation, fields=fields, config=config)


def _read(config: MNIST.Config, part: Literal["train", "test"]) -> Pictures:
    published, names = PUBLISHED[config.names], NAMES[config.names]
    root = find_folder(config.root, published=published)
    stem = _stem(root, part, getattr(config, part))
    images, at = (_find(root, stem, kind, published) for kind in ("images-idx3", "labels-idx1"))
    x, labels = read_idx(images, ndim=3), read_idx(at, ndim=1)
    if len(labels) != len(x):
        raise UserError(f"{at}: {len(labels)} labels for {len(x)} pictures; take both files from one set")
    for row in np.flatnonzero(labels >= len(names))[:1]:
        raise UserError(f"{at}: label {row} is {labels[row]}, must be between 0 and {len(names) - 1}; check the file")
    return Pictures(x=x[:, None], labels={LABEL[config.names]: torch.from_numpy(labels.astype(np.int64))})


def _stem(root: Path, part: str, wanted: str) -> str:
    """What stands before `-images` in the name of the file that begins with `wanted`."""
    matches = (re.fullmatch(r"(.+)-images[-.]idx3-ubyte(\.gz)?", path.name) for path in root.iterdir())
    stems = sorted({match[1] for match in matches if match and match[1].startswith(wanted)})
    if wanted in stems or not stems:
        return wanted
    if len(stems) > 1:
        raise UserError(f"{root}: holds several sets ({', '.join(stems)}); name one with --data.{part}")
    return stems[0]


def _find(root: Path, stem: str, kind: str, published: str) -> Path:
    names = [f"{stem}-{k}-ubyte{z}" for z in ("", ".gz") for k in (kind, kind.replace("-", "."))]
    for name in names:
        if (root / name).is_file():
            return root / name
    raise UserError(f"{root / names[0]}: no such file, nor with .gz; {remedy(published)}")
