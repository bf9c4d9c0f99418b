"""How a discrete sample enters a network."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MU = 255.0
"""Curve of the companded and expanded values; 255 is that of 8-bit mu-law."""


class LevelEntry(nn.Module):
    """Levels on a line as vectors: a linear map of their values and, where there are few, a learned row for each.

    A level's value in [-1, 1] is given as it is, companded and expanded, so that loudness is seen on both scales
    whether levels are companded (mu-law) or linear.
    """

    def __init__(self, levels: int, channels: int, *, rows: bool, start: bool = True) -> None:
        """`rows` gives each level a learned vector; without, neighbouring levels always look alike.

        `start` is whether there may be anything before the first.
        """
        super().__init__()
        self.levels = levels
        self.linear = nn.Linear(3, channels)
        self.rows = nn.Parameter(0.1 * torch.randn(levels, channels)) if rows else None
        self.start = nn.Parameter(torch.randn(channels)) if start else None

    def forward(self, x: Tensor) -> Tensor:
        """Levels (...) int64, `levels` standing for "before the first" -> (..., channels)."""
        inside = x.clamp(max=self.levels - 1)
        value = inside.float() * (2 / (self.levels - 1)) - 1
        companded = value.sign() * torch.log1p(MU * value.abs()) / math.log1p(MU)
        expanded = value.sign() * torch.expm1(value.abs() * math.log1p(MU)) / MU
        y = self.linear(torch.stack([value, companded, expanded], dim=-1))
        if self.rows is not None:
            y = y + F.embedding(inside, self.rows)
        if self.start is None:
            return y
        return torch.where((x == self.levels)[..., None], self.start.to(y.dtype), y)
