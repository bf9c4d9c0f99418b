"""Convolutions over pictures that see only earlier pixels, by a mask, as a whole pass or pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks

Mask = Literal["A", "B"]


@dataclass
class MaskedCache:
    """The inputs that a `MaskedConv2d` still needs.

    Attributes:
        rows: Those of the row at hand, last, and of the rows above it, (n, C, above + 1, above + W + above).
        weight: (C', C * (above + 1) * kernel), laid out for one product a pixel.
        column: That of the pixel at hand.
    """

    rows: Tensor
    weight: Tensor
    column: int = 0


class MaskedConv2d(nn.Conv2d):
    """A convolution whose weights for the pixels to come are zero (arXiv:1601.06759, section 3.4 and figure 2).

    Channels are in equal groups. Of a pixel's own channels they see the groups before theirs, with mask B also theirs.

    Attributes:
        mask: Which weights are not zero, of their shape.
        above: Number of rows above its own that an output depends on, and of columns to either side.
    """

    def __init__(self, in_channels: int, out_channels: int, *, kernel: int, mask: Mask, parts: int = 1) -> None:
        """`parts` is the number of groups."""
        checks.between("kernel", kernel, 1, 63)
        checks.odd("kernel", kernel)
        self.above, self.parts = kernel // 2, parts
        super().__init__(in_channels, out_channels, kernel, padding=kernel // 2)
        seen = torch.zeros(out_channels, in_channels, kernel, kernel, dtype=torch.bool)
        seen[:, :, : self.above] = True
        seen[:, :, self.above, : self.above] = True
        theirs, own = (torch.arange(channels) * parts // channels for channels in (in_channels, out_channels))
        before = theirs < own[:, None] if mask == "A" else theirs <= own[:, None]
        seen[:, :, self.above, self.above] = before
        self.register_buffer("mask", seen, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H, W)."""
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)

    def init_cache(self, n: int, width: int) -> MaskedCache:
        """The cache before the first pixel of n pictures, `width` pixels wide."""
        rows = self.weight.new_zeros(n, self.in_channels, self.above + 1, width + 2 * self.above)
        return MaskedCache(rows, (self.weight * self.mask)[:, :, : self.above + 1].flatten(1))

    def put(self, x: Tensor, cache: MaskedCache, part: int) -> None:
        """Inputs (n, C / parts) of one group at the pixel at hand."""
        size = self.in_channels // self.parts
        cache.rows[:, part * size : (part + 1) * size, -1, self.above + cache.column] = x

    def get(self, cache: MaskedCache, part: int) -> Tensor:
        """Outputs (n, C' / parts) of one group at the pixel at hand, all that it sees having been put."""
        size = self.out_channels // self.parts
        own = slice(part * size, (part + 1) * size)
        seen = cache.rows[..., cache.column : cache.column + 2 * self.above + 1].flatten(1)
        return F.linear(seen, cache.weight[own], self.bias[own])

    def move(self, cache: MaskedCache) -> None:
        """Go on to the next pixel."""
        cache.column += 1
        if cache.column + 2 * self.above == cache.rows.shape[3]:
            cache.rows = F.pad(cache.rows, (0, 0, 0, 1))[:, :, 1:]
            cache.column = 0
