"""Handwritten digits of 8 x 8 pixels that come with scikit-learn (Alpaydin & Kaynak 1998)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from synthgen.data.images import ImageSet, Pictures, category, divided
from synthgen.representations.base import ImageRepresentation

DARKEST = 16


class Digits(ImageSet):
    """1,797 digits with the label `digit`, split 80/10/10: nothing to download, minutes to train on."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """How the pictures are split."""

        seed: int = 0
        """Seed of the split."""

    def __init__(self, config: Digits.Config, representation: ImageRepresentation) -> None:
        """Read the pictures.

        Raises:
            UserError: the representation does not take 8 x 8 grey pixels.
        """
        from sklearn.datasets import load_digits

        self.config = config
        digits = load_digits()
        x = np.rint(digits.images * (255 / DARKEST)).astype(np.uint8)[:, None]
        pictures = Pictures(x=x, labels={"digit": torch.from_numpy(digits.target.astype(np.int64))})
        fields = (category("digit", "0123456789"),)
        parts = divided(pictures, seed=config.seed)
        super().__init__("digits", parts, representation, fields=fields, config=config)
