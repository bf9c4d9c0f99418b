"""Vector-quantised autoencoder (VQ-VAE; van den Oord et al., 2017, arXiv:1711.00937)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks
from synthgen.nn.conv import Patches, ResidualBlock, Upsample, conv, downsample
from synthgen.nn.finite_scalar import FiniteScalarQuantizer
from synthgen.nn.grouped import GroupedQuantizer
from synthgen.nn.quantize import Quantizer, VectorQuantizer
from synthgen.nn.residual import ResidualQuantizer
from synthgen.records import Batch, DataSpec, Loss

from .base import Autoencoder
from .decoder import Criterion


def mean_squared_error(estimate: Tensor, batch: Batch) -> Loss:
    """The loss of an autoencoder that is given no other."""
    error = F.mse_loss(estimate, batch.x)
    return Loss(error, {"error": error})


class VQVAE(Autoencoder):
    """Convolutions down to a small grid, one or several codes at each of its positions, and convolutions up again.

    Deviations from the paper: depths have residual blocks of their own, and what is used for each of the paper's
    transposed convolutions does not overlap.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Size and shape of the network, and how it quantizes."""

        channels: tuple[int, ...] = (64, 128)
        """Width at each depth, fine to coarse."""
        strides: tuple[tuple[int, ...], ...] = ((2, 2), (2, 2))
        """Downsampling to each depth along each axis; a position of the code grid stands for their products."""
        blocks: int = 2
        """Residual blocks of each depth, in the encoder and in the decoder."""
        codes: int = 512
        """Size of a codebook."""
        dim: int = 64
        """Length of a code vector."""
        stages: int = 1
        """Codebooks one after another (residual quantization), each a channel of the codes."""
        levels: tuple[int, ...] = ()
        """Levels of each entry of a code, e.g. (8, 8, 8), for finite scalar quantization; empty for codebooks."""
        distance: Literal["euclidean", "cosine"] = "euclidean"
        """See `nn.quantize.VectorQuantizer`, and so for the following."""
        update: Literal["ema", "gradient"] = "ema"
        """What moves the codes."""
        start: Literal["random", "data"] = "data"
        """First codes."""
        restart: float = 0.2
        """Replace codes that are taken less than this, relative to even use; 0 never does."""
        decay: float = 0.99
        """Decay of the codes' averages per step."""
        commitment: float = 0.25
        """Weight of the latents' squared error, beta in the paper."""
        groups: int = 0
        """Codes of a frame, as channels, where the entries of the first axis enter as channels and convolutions run
        along the last axis alone (`strides` name that one); 0 keeps all axes, and a code stands for a place."""
        crop: int = 0
        """Entries along the last axis, at a random place of each example, that a training step sees; 0 sees all."""

    config: Config

    def __init__(self, spec: DataSpec, config: Config, criterion: Criterion = mean_squared_error) -> None:
        super().__init__(spec, config)
        check_config(spec, config)
        self.criterion = criterion
        self.factors = tuple(math.prod(steps) for steps in zip(*config.strides, strict=True))
        self.quantizer = quantizer(config)
        inner = _folded(spec) if config.groups else spec
        self.encoder = strided_encoder(inner, config, self.quantizer.dim)
        self.decoder = _decoder(inner, config, self.quantizer.dim)
        axes = tuple(replace(a, step=a.step * f) for a, f in zip(inner.axes, self.factors, strict=False))
        self.code_spec = DataSpec(
            shape=(self.quantizer.channels, *self.grid(spec.shape[1:])),
            levels=self.quantizer.levels,
            fields=spec.fields,
            axes=axes,
        )

    def grid(self, size: tuple[int, ...]) -> tuple[int, ...]:
        size = size[-1:] if self.config.groups else size
        return tuple(math.ceil(s / f) for s, f in zip(size, self.factors, strict=True))

    def health(self, codes: Tensor) -> dict[str, Tensor]:
        return self.quantizer.health(codes)

    def loss(self, batch: Batch) -> Loss:
        if self.training and 0 < self.config.crop < batch.x.shape[-1]:
            batch = Batch(_excerpts(batch.x, self.config.crop), batch.labels)
        found = self.quantizer(self._latents(batch.x))
        error = self.criterion(self._examples(found.z, tuple(batch.x.shape[2:])).float(), batch)
        total = error.total + self.config.commitment * found.commitment + found.codebook
        return Loss(total, {**error.parts, "commitment": found.commitment, **found.parts})

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        checks.shape("example", x, (None, self.spec.shape[0], *[None] * self.spec.ndim))
        return self.quantizer.encode(self._latents(x))

    def decode(self, codes: Tensor, *, size: tuple[int, ...] | None = None) -> Tensor:
        return self.decode_embedded(self.embed(codes), size=size)

    @torch.no_grad()
    def embed(self, codes: Tensor) -> Tensor:
        checks.shape("codes", codes, (None, self.quantizer.channels, *[None] * self.code_spec.ndim))
        return self.quantizer.decode(codes)

    @torch.no_grad()
    def decode_embedded(self, z: Tensor, *, size: tuple[int, ...] | None = None) -> Tensor:
        size = self.spec.shape[1:] if size is None else size
        checks.shape("codes", z, (None, self.quantizer.dim, *self.grid(size)))
        return self._examples(z, size).float()

    def _latents(self, x: Tensor) -> Tensor:
        """Examples (B, C, *S), made longer by their last entries where that is needed -> (B, D, *grid)."""
        if self.config.groups:
            checks.equal("entries of the first axis", x.shape[2], "those that groups have learned", self.spec.shape[1])
            x = x.flatten(1, 2)
        more = [-size % factor for size, factor in zip(x.shape[2:], self.factors, strict=True)]
        return self.encoder(F.pad(x, [n for m in reversed(more) for n in (0, m)], mode="replicate"))

    def _examples(self, z: Tensor, size: tuple[int, ...]) -> Tensor:
        x = self.decoder(z)
        x = x.unflatten(1, (self.spec.shape[0], -1)) if self.config.groups else x
        return x[(..., *(slice(s) for s in size))]


def _folded(spec: DataSpec) -> DataSpec:
    """The same examples (C, S, T) with the entries of the first axis as channels: (C * S, T)."""
    return replace(spec, shape=(math.prod(spec.shape[:-1]), spec.shape[-1]), axes=spec.axes[1:])


def _excerpts(x: Tensor, length: int) -> Tensor:
    """`length` entries along the last axis, from a place of its own in each example."""
    first = torch.randint(x.shape[-1] - length + 1, (len(x),)).tolist()
    return torch.stack([e[..., start : start + length] for e, start in zip(x, first, strict=True)])


def quantizer(config: VQVAE.Config) -> Quantizer:
    """What `config` asks for."""
    one = FiniteScalarQuantizer(config.levels) if config.levels else _codebooks(config)
    return GroupedQuantizer(one, config.groups) if config.groups else one


def _codebooks(config: VQVAE.Config) -> Quantizer:
    options = {name: getattr(config, name) for name in ("distance", "update", "start", "restart", "decay")}
    stages = [VectorQuantizer(config.codes, config.dim, **options) for _ in range(config.stages)]
    return stages[0] if config.stages == 1 else ResidualQuantizer(stages)


class Shape(Protocol):
    """What a configuration says of a strided network; see `VQVAE.Config`."""

    channels: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    blocks: int


def strided_encoder(spec: DataSpec, config: Shape, dim: int) -> nn.Sequential:
    """Convolutions (B, C, *(grid * strides)) -> (B, dim, *grid)."""
    layers = []
    widths = (spec.shape[0], *config.channels)
    for (a, b), stride in zip(pairwise(widths), config.strides, strict=True):
        activation = [nn.SiLU()] if layers else []
        layers += [*activation, downsample(spec.ndim, a, b, stride=stride), *_blocks(spec.ndim, b, config.blocks)]
    return nn.Sequential(*layers, nn.SiLU(), conv(spec.ndim, widths[-1], dim, kernel=1))


def _decoder(spec: DataSpec, config: VQVAE.Config, dim: int) -> nn.Sequential:
    *strides, first = reversed(config.strides)
    widths = config.channels[::-1]
    layers = [conv(spec.ndim, dim, widths[0]), *_blocks(spec.ndim, widths[0], config.blocks)]
    for (a, b), stride in zip(pairwise(widths), strides, strict=True):
        layers += [Upsample(spec.ndim, a, b, stride=stride, transposed=True), *_blocks(spec.ndim, b, config.blocks)]
    last = conv(spec.ndim, widths[-1], spec.shape[0] * math.prod(first))
    return nn.Sequential(*layers, nn.SiLU(), last, Patches(first))


def _blocks(ndim: int, channels: int, count: int) -> list[nn.Module]:
    return [ResidualBlock(ndim, channels, dim=None) for _ in range(count)]


def check_config(spec: DataSpec, config: VQVAE.Config) -> None:
    """Raise UserError unless such a network can be built for the data."""
    if spec.levels is not None:
        raise checks.UserError(f"levels={spec.levels} of the examples must be none; take e.g. Pixels(levels=None)")
    checks.between("number of channels", len(config.channels), 1, 16)
    checks.equal("number of strides", len(config.strides), "number of channels", len(config.channels))
    for width in config.channels:
        checks.between("channels", width, 1, 8192)
    for steps in config.strides:
        checks.equal("length of a stride", len(steps), "number of axes", 1 if config.groups else spec.ndim)
        for step in steps:
            checks.between("stride", step, 1, 64)
    checks.between("blocks", config.blocks, 0, 64)
    checks.between("stages", config.stages, 1, 64)
    checks.between("commitment", config.commitment, 0, 1e6)
    checks.between("groups", config.groups, 0, 1024)
    if config.groups:
        checks.equal("number of axes", spec.ndim, "frequencies and time, which groups need", 2)
    checks.between("crop", config.crop, 0, 1_000_000)
