"""A GAN that learns small examples first and larger ones later (Karras et al., 2018, arXiv:1710.10196)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks
from synthgen.nn.condition import LabelEncoder
from synthgen.nn.conv import Patches, ResidualBlock, Upsample, conv, downsample
from synthgen.records import Batch, DataSpec, Labels
from synthgen.signal.normal_noise import normal_noise

from .adversarial import AdversarialModel, Rules
from .base import Latent
from .critic import LEAK, Judge, leaky
from .gan import mapping

PATCH = 2
"""Entries along each axis that a position of a level's grid holds."""


class ProgressiveGAN(AdversarialModel, Latent):
    """Noise, and labels where there are any, to an example, at a resolution that doubles along every axis in training.

    A new level fades in: its output, and what the critic sees of it, are blended with the older level's. Deviations
    from the paper: weights are not equalised and nothing is normalised; noise shapes every level, see `GAN`; a stage
    lasts for a share of the trainer's budget.

    Attributes:
        latents: Length of the noise vector.
        stage: Number of the resolution that is learned, from 0; moved by training, and kept in the checkpoint.
        blend: Share of the stage's own level in what is generated, 0 to 1; also kept.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Size and shape of both networks, and how they learn."""

        latents: int = 64
        """Length of the noise vector."""
        labels: tuple[str, ...] = ()
        """Labels that both networks are given; the others are ignored."""
        dim: int = 128
        """Size of the vector that noise and labels become."""
        channels: tuple[int, ...] = (256, 128, 64)
        """Width of each level, coarse to fine; examples of the last have the size of the data, of others half each."""
        blocks: int = 2
        """Residual blocks of each level in the generator; the critic has one less."""
        first: int = 1
        """Number of the level, from 0, whose examples are learned first; the last for training without growing."""
        shares: tuple[float, ...] = (0.4, 0.6)
        """Share of the budget for each stage: one a level from `first` on, in all 1."""
        fade: float = 0.4
        """Share of each stage but the first in which its level fades in."""
        rules: Rules = field(default_factory=Rules)
        """How both networks learn."""

    config: Config

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config, config.rules)
        check_config(spec, config)
        self.latents = config.latents
        self.generator = GrowingGenerator(spec, config)
        self.critic = GrowingCritic(spec, config)
        self.register_buffer("stage", torch.zeros((), dtype=torch.int64))
        self.register_buffer("blend", torch.ones(()))
        self.lay_out()

    @property
    def level(self) -> int:
        """Number of the level that is learned."""
        return self.config.first + int(self.stage)

    def advance(self, fraction: float) -> None:
        super().advance(fraction)
        stage, blend = place(fraction, self.config.shares, self.config.fade)
        self.stage.fill_(stage)
        self.blend.fill_(blend)

    def real(self, batch: Batch) -> Tensor:
        """Examples at the stage's resolution, and while it fades in as blurred as generated ones are."""
        x, blend = batch.x, float(self.blend)
        for _ in range(len(self.config.channels) - 1 - self.level):
            x = halved(x)
        return x if blend >= 1 else torch.lerp(doubled(halved(x)), x, blend)

    def fake(self, batch: Batch) -> Tensor:
        z = torch.randn(len(batch), self.latents, device=batch.x.device)
        return self.generator(z, batch.labels, level=self.level, blend=float(self.blend))

    def score(self, x: Tensor, labels: Labels) -> Tensor:
        return self.critic(x, labels, level=self.level, blend=float(self.blend))

    @torch.no_grad()
    def decode(self, z: Tensor, labels: Labels) -> Tensor:
        """Noise (n, latents) and labels -> examples (n, *spec.shape), repeated where the stage's are smaller."""
        checks.shape("noise", z, (None, self.latents))
        x = self.generator(z, labels, level=self.level, blend=float(self.blend)).float()
        return F.interpolate(x, self.spec.shape[1:])

    @torch.no_grad()
    def sample(self, n: int, labels: Labels, *, rng: torch.Generator) -> Tensor:
        return self.decode(normal_noise(n, (self.latents,), rng=rng), labels)


class GrowingGenerator(nn.Module):
    """Levels of residual blocks, of which each has an output of its own."""

    def __init__(self, spec: DataSpec, config: ProgressiveGAN.Config) -> None:
        super().__init__()
        ndim, widths = spec.ndim, config.channels
        fields = tuple(spec.field(name) for name in config.labels)
        self.mapping = mapping(config.latents, config.dim)
        self.encoder = LabelEncoder(fields, config.dim) if fields else None
        self.shape = (widths[0], *grid(spec, config))
        self.seed = nn.Linear(config.dim, math.prod(self.shape))
        self.levels = nn.ModuleList(
            nn.ModuleList(ResidualBlock(ndim, w, dim=config.dim) for _ in range(config.blocks)) for w in widths
        )
        self.up = nn.ModuleList(Upsample(ndim, a, b, stride=(2,) * ndim, transposed=True) for a, b in pairwise(widths))
        patch = (PATCH,) * ndim
        self.out = nn.ModuleList(
            nn.Sequential(nn.SiLU(), conv(ndim, w, spec.shape[0] * math.prod(patch)), Patches(patch)) for w in widths
        )

    def forward(self, z: Tensor, labels: Labels, *, level: int, blend: float) -> Tensor:
        """Noise (n, latents) and labels -> examples (n, C, *S) of the size of `level`."""
        vector = self.mapping(z)
        if self.encoder:
            vector = vector + self.encoder(labels, len(z))
        x = before = self.seed(vector).view(len(z), *self.shape)
        for number in range(level + 1):
            before = x
            if number:
                x = self.up[number - 1](x)
            for block in self.levels[number]:
                x = block(x, vector)
        y = self.out[level](x).tanh()
        return y if blend >= 1 else torch.lerp(doubled(self.out[level - 1](before).tanh()), y, blend)


class GrowingCritic(nn.Module):
    """The generator's mirror image."""

    def __init__(self, spec: DataSpec, config: ProgressiveGAN.Config) -> None:
        super().__init__()
        ndim, widths, stride = spec.ndim, config.channels, (2,) * spec.ndim
        self.into = nn.ModuleList(downsample(ndim, spec.shape[0], w, stride=(PATCH,) * ndim) for w in widths)
        blocks = max(1, config.blocks - 1)
        self.levels = nn.ModuleList(
            nn.Sequential(
                *(ResidualBlock(ndim, w, dim=None, activation=leaky) for _ in range(blocks)), nn.LeakyReLU(LEAK)
            )
            for w in widths
        )
        self.down = nn.ModuleList(downsample(ndim, b, a, stride=stride) for a, b in pairwise(widths))
        self.judge = Judge(spec, widths[0], grid(spec, config), config.labels)

    def forward(self, x: Tensor, labels: Labels, *, level: int, blend: float) -> Tensor:
        """Examples (B, C, *S) of the size of `level` and their labels -> scores (B,)."""
        y = self.levels[level](self.into[level](x))
        for number in range(level - 1, -1, -1):
            y = self.down[number](y)
            if number == level - 1 and blend < 1:
                y = torch.lerp(self.into[number](halved(x)).to(y), y, blend)
            y = self.levels[number](y)
        return self.judge(y, labels)


def place(fraction: float, shares: tuple[float, ...], fade: float) -> tuple[int, float]:
    """The stage, and how much its level counts, when a fraction of the budget is used.

    >>> [place(f, (0.5, 0.5), 0.5) for f in (0.0, 0.49, 0.5, 0.625, 0.8, 1.0)]
    [(0, 1.0), (0, 1.0), (1, 0.0), (1, 0.5), (1, 1.0), (1, 1.0)]
    """
    stage, start = 0, 0.0
    while stage < len(shares) - 1 and fraction >= start + shares[stage] - 1e-9:
        start += shares[stage]
        stage += 1
    length = fade * shares[stage]
    if not stage or length <= 0:
        return stage, 1.0
    return stage, min(1.0, max(0.0, (fraction - start) / length))


def halved(x: Tensor) -> Tensor:
    """(B, C, *S) -> (B, C, *(S / 2)), means of neighbours."""
    return F.interpolate(x, tuple(s // 2 for s in x.shape[2:]), mode="area")


def doubled(x: Tensor) -> Tensor:
    """(B, C, *S) -> (B, C, *(2 S)), by repetition."""
    return F.interpolate(x, tuple(2 * s for s in x.shape[2:]))


def grid(spec: DataSpec, config: ProgressiveGAN.Config) -> tuple[int, ...]:
    """Size of the coarsest level's grid."""
    factor = PATCH * 2 ** (len(config.channels) - 1)
    return tuple(size // factor for size in spec.shape[1:])


def check_config(spec: DataSpec, config: ProgressiveGAN.Config) -> None:
    """Raise UserError unless such networks can be built for the data."""
    checks.between("latents", config.latents, 1, 8192)
    checks.between("dim", config.dim, 1, 8192)
    checks.between("blocks", config.blocks, 1, 64)
    checks.between("number of channels", len(config.channels), 1, 12)
    for width in config.channels:
        checks.between("channels", width, 1, 8192)
    for size in spec.shape[1:]:
        checks.divisible("size of the data", size, "2 ** number of channels", 2 ** len(config.channels))
    checks.between("first", config.first, 0, len(config.channels) - 1)
    stages = len(config.channels) - config.first
    checks.equal("number of shares", len(config.shares), "number of levels from the first on", stages)
    for share in config.shares:
        checks.between("shares", share, 0, 1)
    checks.between("sum of shares", round(sum(config.shares), 6), 1, 1)
    checks.between("fade", config.fade, 0, 1)
