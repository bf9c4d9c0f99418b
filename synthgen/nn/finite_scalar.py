"""Codes without a codebook."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from synthgen import checks

from .quantize import MAX_LEVELS, Quantized, Quantizer, health

MARGIN = 0.01
"""How far beyond the outermost levels the bound lies, in levels, so that rounding reaches them."""


class FiniteScalarQuantizer(Quantizer):
    """Each entry of a latent, bounded by a tanh, rounded to one of few levels (Mentzer et al., 2023, arXiv:2309.15505).

    Levels lie evenly from -1 to 1, also where their number is even, for which the paper has none at 1 and shifts the
    tanh. A code is the number whose digits are the levels of the entries, the lowest first.
    """

    widths: Tensor

    def __init__(self, widths: tuple[int, ...]) -> None:
        """`widths` is the number of levels of each entry, e.g. (8, 8, 8) for 512 codes."""
        super().__init__()
        checks.between("number of entries of a code", len(widths), 1, 15)
        for width in widths:
            checks.between("levels of an entry", width, 2, MAX_LEVELS)
        checks.between("number of codes", math.prod(widths), 2, MAX_LEVELS)
        self.dim, self.levels = len(widths), math.prod(widths)
        self.register_buffer("widths", torch.tensor(widths), persistent=False)
        places = [math.prod(widths[:i]) for i in range(len(widths))]
        self.register_buffer("places", torch.tensor(places), persistent=False)

    def forward(self, z: Tensor) -> Quantized:
        digits = self._digits(z.float())
        rounded = digits.round()
        codes = self._number(rounded)
        parts = health(codes, self.levels)
        return Quantized(
            z=self._values(digits + (rounded - digits).detach()),
            codes=codes,
            commitment=digits.new_zeros(()),
            codebook=digits.new_zeros(()),
            parts={**parts, "dead": self.levels * (1 - parts["used"])},
        )

    def encode(self, z: Tensor) -> Tensor:
        return self._number(self._digits(z.float()).round())

    def decode(self, codes: Tensor) -> Tensor:
        digits = codes // _along(self.places, codes.ndim) % _along(self.widths, codes.ndim)
        return self._values(digits.float())

    def _digits(self, z: Tensor) -> Tensor:
        """Latents to numbers of levels before rounding, from 0 to the width - 1 and `MARGIN` beyond."""
        reach = _along(self.widths, z.ndim) - 1 + 2 * MARGIN
        return (z.tanh() + 1) / 2 * reach - MARGIN

    def _values(self, digits: Tensor) -> Tensor:
        return 2 * digits / (_along(self.widths, digits.ndim) - 1) - 1

    def _number(self, digits: Tensor) -> Tensor:
        return (digits.long() * _along(self.places, digits.ndim)).sum(1, keepdim=True)


def _along(values: Tensor, ndim: int) -> Tensor:
    """One value an entry, along the channels of a tensor of `ndim` axes."""
    return values.view(-1, *[1] * (ndim - 2))
