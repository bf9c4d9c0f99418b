"""Convolutions over pictures that see only the rows above and their own, as a whole pass or row by row."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks


@dataclass
class RowCache:
    """The rows that a `RowConv2d` still needs.

    Attributes:
        rows: Those above the next one, the highest first, (n, C, above, W).
    """

    rows: Tensor


class RowConv2d(nn.Module):
    """A convolution over a row and those above it; what lies outside the picture is zero.

    Attributes:
        weight: (C', C, above + 1, kernel), the highest row first.
        bias: (C',).
        above: Number of rows above its own that an output depends on.
        aside: Number of columns to either side.
    """

    def __init__(self, in_channels: int, out_channels: int, *, kernel: int = 3) -> None:
        """`kernel`, odd, is the width in pixels; the height is half of it, rounded up."""
        super().__init__()
        checks.between("kernel", kernel, 1, 63)
        checks.odd("kernel", kernel)
        self.above = self.aside = kernel // 2
        like = nn.Conv2d(in_channels, out_channels, (self.above + 1, kernel))
        self.weight, self.bias = like.weight, like.bias

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H, W)."""
        padded = F.pad(x, (0, 0, self.above, 0))
        return F.conv2d(padded, self.weight, self.bias, padding=(0, self.aside))

    def init_cache(self, n: int, width: int) -> RowCache:
        """The cache before the first row of n pictures."""
        return RowCache(self.weight.new_zeros(n, self.weight.shape[1], self.above, width))

    def step(self, row: Tensor, cache: RowCache) -> Tensor:
        """The next row (n, C, W) -> that of the output (n, C', W); the cache moves on."""
        rows = torch.cat([cache.rows, row[:, :, None]], dim=2)
        cache.rows = rows[:, :, 1:]
        return F.conv2d(rows, self.weight, self.bias, padding=(0, self.aside))[:, :, 0]
