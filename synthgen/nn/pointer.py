"""Attention that hands on the levels of earlier places."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEAST = 1e-20
"""Probability of copying a level that no earlier place has; its logarithm is finite."""


@dataclass
class PointerCache:
    """What a `Pointer` knows of n pictures in lockstep.

    Attributes:
        keys: Of the places so far, (n, H W, size).
        levels: Of the places so far, (n, H W).
        bias: See `Pointer.bias`.
        position: Places so far.
    """

    keys: Tensor
    levels: Tensor
    bias: Tensor
    position: int = 0


class Pointer(nn.Module):
    """A softmax over levels, mixed with copies of earlier places (Merity et al., 2017, arXiv:1609.07843, section 2).

    A place attends to those before it in raster order, and to a sentinel that stands for the softmax. What is compared
    are states from before a level is known, so that a level is copied from where the circumstances were alike (as in
    the cache of Grave et al., 2017, arXiv:1612.04426); a learned number is added for each offset in rows and columns.
    """

    def __init__(self, hidden: int, size: int, *, height: int, width: int) -> None:
        """`size` is that of queries and keys, `hidden` that of the states."""
        super().__init__()
        self.query, self.key = nn.Linear(hidden, size), nn.Linear(hidden, size)
        self.sentinel = nn.Linear(hidden, 1)
        self.offsets = nn.Parameter(torch.zeros(height, 2 * width - 1))

    def forward(self, h: Tensor, x: Tensor, logits: Tensor) -> Tensor:
        """States (B, H W, hidden), levels (B, H W) and the softmax's logits (B, H W, levels) -> logits of the mixture.

        The level of a place does not enter its own logits.
        """
        return self._mixed(h, logits, keys=self.key(h), levels=x, bias=self.bias())

    def init_cache(self, n: int) -> PointerCache:
        """The cache before the first place of n pictures."""
        bias, size = self.bias(), self.key.out_features
        levels = torch.zeros(n, len(bias), dtype=torch.int64, device=bias.device)
        return PointerCache(keys=bias.new_zeros(n, len(bias), size), levels=levels, bias=bias)

    def step(self, h: Tensor, previous: Tensor | None, logits: Tensor, cache: PointerCache) -> Tensor:
        """The next state (n, hidden), the level before it (n,) and the softmax's logits -> those of the mixture."""
        now = cache.position
        if previous is not None:
            cache.levels[:, now - 1] = previous
        keys, levels, bias = cache.keys[:, :now], cache.levels[:, :now], cache.bias[now : now + 1, :now]
        mixed = self._mixed(h[:, None], logits[:, None], keys=keys, levels=levels, bias=bias)
        cache.keys[:, now] = self.key(h)
        cache.position += 1
        return mixed[:, 0]

    def bias(self) -> Tensor:
        """What is added for each place (rows) and each that it may attend to, (H W, H W); minus infinity for none."""
        height, width = len(self.offsets), (self.offsets.shape[1] + 1) // 2
        row, column = (torch.arange(size, device=self.offsets.device) for size in (height, width))
        up, aside = (row[:, None] - row).clamp(min=0), column[:, None] - column + width - 1
        bias = self.offsets[up[:, None, :, None], aside[None, :, None, :]].reshape(height * width, height * width)
        return bias.masked_fill(torch.ones_like(bias, dtype=torch.bool).triu(), -math.inf)

    def _mixed(self, h: Tensor, logits: Tensor, *, keys: Tensor, levels: Tensor, bias: Tensor) -> Tensor:
        """States (B, Q, hidden) and logits (B, Q, levels) with keys and levels of J places: logits (B, Q, levels)."""
        scores = self.query(h) @ keys.transpose(1, 2) / math.sqrt(keys.shape[-1]) + bias
        shares = torch.cat([scores, self.sentinel(h)], dim=-1).float().log_softmax(-1)
        copied = shares[..., :-1].exp() @ F.one_hot(levels, logits.shape[-1]).float()
        return torch.logaddexp(logits.float().log_softmax(-1) + shares[..., -1:], copied.clamp(min=LEAST).log())
