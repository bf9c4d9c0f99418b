"""Convolutions along time that see only the present and the past, as a whole pass or step by step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks


@dataclass
class ConvCache:
    """The inputs that a `CausalConv1d` still needs.

    Attributes:
        ring: Inputs of the last `span` steps, (span, n, C); step t lies at t % span.
        weight: (C', kernel * C), laid out for one product a step.
        position: Steps taken.
    """

    ring: Tensor
    weight: Tensor
    position: int = 0


class CausalConv1d(nn.Module):
    """A dilated convolution; what lies before the first input is zero (arXiv:1609.03499, section 2.1).

    Attributes:
        weight: (C', C, kernel), the oldest tap first.
        bias: (C',).
        span: Number of past steps that an output depends on.
    """

    def __init__(self, in_channels: int, out_channels: int, *, kernel: int = 2, dilation: int = 1) -> None:
        super().__init__()
        checks.between("kernel", kernel, 1, 1024)
        checks.between("dilation", dilation, 1, 2**20)
        like = nn.Conv1d(in_channels, out_channels, kernel)
        self.weight, self.bias = like.weight, like.bias
        self.dilation, self.span = dilation, (kernel - 1) * dilation

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C', T)."""
        return F.conv1d(F.pad(x, (self.span, 0)), self.weight, self.bias, dilation=self.dilation)

    def init_cache(self, n: int) -> ConvCache:
        """The cache before the first step of n sequences."""
        ring = self.weight.new_zeros(self.span, n, self.weight.shape[1])
        return ConvCache(ring, self.weight.transpose(1, 2).flatten(1))

    def step(self, x: Tensor, cache: ConvCache) -> Tensor:
        """The next input (n, C) -> the next output (n, C'); the cache moves on."""
        past = [cache.ring[(cache.position - back) % self.span] for back in range(self.span, 0, -self.dilation)]
        y = F.linear(torch.cat([*past, x], dim=1), cache.weight, self.bias)
        if self.span:
            cache.ring[cache.position % self.span] = x
        cache.position += 1
        return y
