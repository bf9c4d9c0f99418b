"""Autoencoder: strided convolutions down to a few numbers, and an upsampling CNN back, by least squares.

Hinton and Salakhutdinov (2006, doi:10.1126/science.1127647) with convolutions; the linear case is PCA. The parts here
are also those of `vae.VAE`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks
from synthgen.records import Batch, DataSpec, Labels, Loss

from .base import Latent
from .decoder import Criterion, Decoder, Upsampler
from .vqvae import mean_squared_error, strided_encoder

FIRST_GAIN = 0.1
"""First size of what a network adds to a linear autoencoder, as a share of its usual one."""


@dataclass(frozen=True, kw_only=True)
class StridedConfig:
    """Size and shape of an encoder, and of the decoder that mirrors it."""

    latents: int = 64
    """Numbers that an example becomes."""
    channels: tuple[int, ...] = (32, 64, 128, 256)
    """Width at each depth, fine to coarse."""
    strides: tuple[tuple[int, ...], ...] = ((2, 2), (2, 2), (2, 2), (2, 2))
    """Downsampling to each depth along each axis."""
    blocks: int = 1
    """Residual blocks of each depth in the encoder; the decoder has one."""
    seed_channels: int = 32
    """Channels of the coarsest grid on both sides of the dense layers."""
    dim: int = 256
    """Width of the dense layers."""
    dropout: float = 0.0
    """Share of the dense layers' values that is left out in training."""


class ConvAutoencoder(Latent):
    """Examples to points and back; it cannot be sampled from, but `latent.LatentSpace` can be fitted to its points.

    Attributes:
        latents: Numbers of a point.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(StridedConfig):
        """Size and shape of the network."""

        channels: tuple[int, ...] = (16, 32, 64, 128)
        """Width at each depth, fine to coarse."""
        linear: bool = False
        """Learn what a fixed linear autoencoder beside the network leaves; `start_at` gives it, e.g. that of PCA."""

    config: Config

    def __init__(self, spec: DataSpec, config: Config, criterion: Criterion = mean_squared_error) -> None:
        super().__init__(spec, config)
        check_strided(spec, config)
        if spec.levels is not None:
            raise checks.UserError(f"levels={spec.levels} of the examples must be none; take e.g. Pixels(levels=None)")
        self.latents, self.criterion = config.latents, criterion
        self.down = StridedDown(spec, config, outputs=config.latents)
        self.up = StridedUp(spec, config, inputs=config.latents)
        size = math.prod(spec.shape)
        if config.linear:
            self.register_buffer("middle", torch.zeros(size))
            self.register_buffer("directions", torch.zeros(config.latents, size))
            self.register_buffer("deviations", torch.ones(config.latents))

    @torch.no_grad()
    def start_at(self, middle: Tensor, directions: Tensor, deviations: Tensor) -> None:
        """Set the linear autoencoder, and make the network beside it small, so that training begins near it.

        Args:
            middle: (D,) of a flattened example.
            directions: Orthonormal rows (latents, D).
            deviations: (latents,), by which points are divided.
        """
        if not self.config.linear:
            raise checks.UserError("linear=False has no linear part to start at; make the model with linear=True")
        for name, value in (("middle", middle), ("directions", directions), ("deviations", deviations)):
            checks.shape(name, value, tuple(getattr(self, name).shape))
            getattr(self, name).copy_(value)
        for last in (self.down.dense[-1], self.up.body.head[1]):
            last.weight.mul_(FIRST_GAIN)
            last.bias.zero_()

    def encode(self, x: Tensor) -> Tensor:
        """Examples (B, *spec.shape) -> points (B, latents)."""
        checks.shape("example", x, (None, *self.spec.shape))
        z = self.down(x).float()
        if self.config.linear:
            with torch.autocast(x.device.type, enabled=False):
                z = z + (x.float().flatten(1) - self.middle) @ self.directions.T / self.deviations
        return z

    def decode(self, z: Tensor, labels: Labels | None = None) -> Tensor:
        """Points (B, latents) -> examples (B, *spec.shape); labels are ignored."""
        checks.shape("point", z, (None, self.latents))
        x = self.up(z).float()
        if self.config.linear:
            with torch.autocast(z.device.type, enabled=False):
                x = x + ((z.float() * self.deviations) @ self.directions + self.middle).view(x.shape)
        return x

    def loss(self, batch: Batch) -> Loss:
        return self.criterion(self.decode(self.encode(batch.x)), batch)


class StridedDown(nn.Module):
    """Example and, where there are labels, their vector -> a few numbers."""

    def __init__(self, spec: DataSpec, config: StridedConfig, *, outputs: int, extra: int = 0) -> None:
        """`extra` is the size of the label vector, which enters behind the convolutions."""
        super().__init__()
        self.factors = tuple(math.prod(steps) for steps in zip(*config.strides, strict=True))
        grid = (math.ceil(s / f) for s, f in zip(spec.shape[1:], self.factors, strict=True))
        self.convolutions = strided_encoder(spec, config, config.seed_channels)
        self.dense = nn.Sequential(
            nn.Linear(config.seed_channels * math.prod(grid) + extra, config.dim),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.dim, outputs),
        )

    def forward(self, x: Tensor, vector: Tensor | None = None) -> Tensor:
        """(B, C, *S), made longer by its last entries where that is needed, and (B, extra) -> (B, outputs)."""
        more = [-size % factor for size, factor in zip(x.shape[2:], self.factors, strict=True)]
        x = F.pad(x, [n for m in reversed(more) for n in (0, m)], mode="replicate")
        features = self.convolutions(x).flatten(1)
        return self.dense(features if vector is None else torch.cat([features, vector.to(features.dtype)], dim=1))


class StridedUp(nn.Module):
    """A few numbers -> example, by the CNN of a `Decoder`, which they modulate at every level."""

    def __init__(self, spec: DataSpec, config: StridedConfig, *, inputs: int) -> None:
        super().__init__()
        self.dense = nn.Sequential(
            nn.Linear(inputs, config.dim),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.dim, config.dim),
            nn.SiLU(),
        )
        patch, *strides = config.strides
        shape = Decoder.Config(
            labels=(),
            dim=config.dim,
            channels=config.channels[::-1],
            strides=tuple(strides[::-1]),
            patch=patch,
            seed_channels=config.seed_channels,
        )
        self.body = Upsampler(spec, shape)

    def forward(self, z: Tensor) -> Tensor:
        """(B, inputs) -> (B, *spec.shape)."""
        return self.body(self.dense(z), {})


def check_strided(spec: DataSpec, config: StridedConfig) -> None:
    """Raise UserError unless such a network can be built for the data."""
    checks.between("latents", config.latents, 1, 8192)
    checks.between("number of channels", len(config.channels), 1, 16)
    checks.equal("number of strides", len(config.strides), "number of channels", len(config.channels))
    for width in (*config.channels, config.seed_channels, config.dim):
        checks.between("channels, seed_channels or dim", width, 1, 8192)
    for steps in config.strides:
        checks.equal("length of a stride", len(steps), "number of axes", spec.ndim)
        for step in steps:
            checks.between("stride", step, 1, 64)
    checks.between("blocks", config.blocks, 0, 64)
    checks.between("dropout", config.dropout, 0, 0.99)
