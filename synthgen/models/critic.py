"""A network that tells real examples from generated ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from synthgen import checks
from synthgen.nn.condition import LabelEncoder
from synthgen.nn.conv import ResidualBlock, conv, downsample
from synthgen.records import DataSpec, Labels

LEAK = 0.2


def leaky(x: Tensor) -> Tensor:
    """An activation that is nowhere flat: a generator that the critic despises is still told which way to go."""
    return nn.functional.leaky_relu(x, LEAK)


class Critic(nn.Module):
    """Convolutions down to a small grid, and one score of all, or one at each place of the grid.

    Labels are compared with what was seen by an inner product (projection; Miyato and Koyama, 2018, arXiv:1802.05637,
    section 3). Nothing is normalised, so that no example's slope depends on the others' and penalties mean what they
    say.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Size and shape of the network."""

        channels: tuple[int, ...] = (32, 64, 128)
        """Width at each depth, fine to coarse."""
        strides: tuple[tuple[int, ...], ...] = ((2, 2), (2, 2), (2, 2))
        """Downsampling to each depth along each axis."""
        blocks: int = 1
        """Residual blocks of each depth."""
        scores: Literal["whole", "places"] = "whole"
        """One score of the example, or one at each position of the last grid (Isola et al., 2017, section 3.2.2)."""

    def __init__(self, spec: DataSpec, config: Config, labels: tuple[str, ...] = ()) -> None:
        super().__init__()
        check_config(spec, config)
        self.body = trunk(spec, config)
        factors = [math.prod(s) for s in zip(*config.strides, strict=True)]
        grid = [math.ceil(size / f) for size, f in zip(spec.shape[1:], factors, strict=True)]
        self.factors = tuple(factors)
        self.judge = Judge(spec, config.channels[-1], tuple(grid), labels, scores=config.scores)

    def forward(self, x: Tensor, labels: Labels) -> Tensor:
        """Examples (B, C, *S) and their labels -> scores (B,), or (B, places)."""
        more = [-size % factor for size, factor in zip(x.shape[2:], self.factors, strict=True)]
        if any(more):
            x = nn.functional.pad(x, [n for m in reversed(more) for n in (0, m)], mode="replicate")
        return self.judge(self.body(x), labels)


class Judge(nn.Module):
    """The end of a critic: features (B, C, *grid) and labels to scores."""

    def __init__(
        self,
        spec: DataSpec,
        channels: int,
        grid: tuple[int, ...],
        labels: tuple[str, ...],
        *,
        scores: Literal["whole", "places"] = "whole",
    ) -> None:
        super().__init__()
        self.last = nn.Sequential(Spread(), conv(spec.ndim, channels + 1, channels), nn.LeakyReLU(LEAK))
        self.whole = scores == "whole"
        self.gather = nn.Linear(channels * math.prod(grid), channels) if self.whole else None
        self.score = nn.Linear(channels, 1)
        fields = tuple(spec.field(name) for name in labels)
        self.encoder = LabelEncoder(fields, channels) if fields else None

    def forward(self, x: Tensor, labels: Labels) -> Tensor:
        """Features (B, C, *grid) -> scores (B,), or (B, places)."""
        x = self.last(x).flatten(2)
        seen = leaky(self.gather(x.flatten(1)))[:, None] if self.whole else x.transpose(1, 2)
        scores = self.score(seen)[..., 0]
        if self.encoder:
            wanted = self.encoder(labels, len(x))
            scores = scores + (seen * wanted[:, None]).sum(2) / math.sqrt(seen.shape[2])
        return scores[:, 0] if self.whole else scores


class Spread(nn.Module):
    """Adds a channel that tells how much examples differ (Karras et al., 2018, arXiv:1710.10196, section 3).

    It is the standard deviation over `GROUP` examples that follow one another in the batch, averaged over all entries:
    a generator that makes the same again and again gives itself away.
    """

    GROUP = 4

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *S) -> (B, C + 1, *S)."""
        count = len(x)
        size = next(g for g in range(min(self.GROUP, count), 0, -1) if count % g == 0)
        groups = x.float().reshape(count // size, size, -1)
        spread = (groups.var(1, unbiased=False) + 1e-8).sqrt().mean(1)
        channel = spread.repeat_interleave(size).view(count, *[1] * (x.ndim - 1)).expand(-1, 1, *x.shape[2:])
        return torch.cat([x, channel.to(x)], dim=1)


def trunk(spec: DataSpec, config: Critic.Config) -> nn.Sequential:
    """(B, C, *S) -> (B, channels[-1], *grid), without activation at its end but with one before each descent."""
    layers: list[nn.Module] = []
    inputs = spec.shape[0]
    for width, stride in zip(config.channels, config.strides, strict=True):
        layers += [nn.LeakyReLU(LEAK)] if layers else []
        layers.append(downsample(spec.ndim, inputs, width, stride=stride))
        layers += [ResidualBlock(spec.ndim, width, dim=None, activation=leaky) for _ in range(config.blocks)]
        inputs = width
    return nn.Sequential(*layers, nn.LeakyReLU(LEAK))


def check_config(spec: DataSpec, config: Critic.Config) -> None:
    """Raise UserError unless such a critic can be built for the data."""
    checks.between("number of the critic's channels", len(config.channels), 1, 16)
    checks.equal("number of the critic's strides", len(config.strides), "number of channels", len(config.channels))
    checks.between("critic's blocks", config.blocks, 0, 64)
    for width in config.channels:
        checks.between("critic's channels", width, 1, 8192)
    for steps in config.strides:
        checks.equal("length of a critic's stride", len(steps), "number of axes", spec.ndim)
        for step in steps:
            checks.between("critic's stride", step, 1, 64)
