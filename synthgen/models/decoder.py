"""Labels to an example of any dimension by an upsampling CNN.

The idea of generating from labels alone is that of Dosovitskiy et al. (2015, arXiv:1411.5928) for chairs; the same
class draws spectrograms, waveforms and pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks
from synthgen.nn.condition import LabelEncoder
from synthgen.nn.conv import Patches, ResidualBlock, Upsample, channels_together, conv
from synthgen.nn.periodic import PeriodicFeatures
from synthgen.records import Batch, DataSpec, Labels, Loss
from synthgen.signal.pitch import midi_to_hz

from .base import GenerativeModel

Criterion = Callable[[Tensor, Batch], Loss]


def mean_absolute_error(estimate: Tensor, batch: Batch) -> Loss:
    """L1, the loss of a decoder that is given no other."""
    return Loss(F.l1_loss(estimate, batch.x))


class Decoder(GenerativeModel):
    """Label vector -> small grid -> upsampling levels -> example.

    A regression: the same labels give the same example, and `sample` draws nothing.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Size and shape of the network."""

        labels: tuple[str, ...] = ("instrument", "pitch", "velocity")
        """Labels that the model is given; the others are ignored."""
        encoding: Literal["embedding", "onehot"] = "embedding"
        """How a label becomes a vector."""
        dim: int = 256
        """Size of the label vector."""
        body: Literal["cnn", "mlp"] = "cnn"
        """An upsampling CNN, or dense layers of the widths `channels`."""
        channels: tuple[int, ...] = (384, 256, 160, 96, 64)
        """Width of each level, coarse to fine."""
        strides: tuple[tuple[int, ...], ...] = ((2, 2), (2, 2), (2, 2), (4, 1))
        """Upsampling between levels along each axis."""
        patch: tuple[int, ...] = (1, 8)
        """Entries along each axis that one position of the last level holds (sub-pixel output)."""
        seed_channels: int = 32
        """Width of the small grid that the label vector is laid out on."""
        upsampling: Literal["transposed", "repeat"] = "transposed"
        """Transposed convolution, or convolution and repetition."""
        periodic: str = ""
        """Label in MIDI pitches whose period shapes the last level along the first axis; empty for none."""
        label_dropout: float = 0.0
        """Probability that a label is withheld in training."""

    config: Config

    def __init__(self, spec: DataSpec, config: Config, criterion: Criterion = mean_absolute_error) -> None:
        super().__init__(spec, config)
        self.criterion = criterion
        check_config(spec, config)
        fields = tuple(spec.field(name) for name in config.labels)
        table = 64 if config.encoding == "embedding" else None
        self.encoder = LabelEncoder(fields, config.dim, table=table, dropout=config.label_dropout)
        self.body = Upsampler(spec, config) if config.body == "cnn" else Dense(spec, config)

    def forward(self, labels: Labels, n: int) -> Tensor:
        """Labels and the batch size -> examples (n, *spec.shape)."""
        return self.body(self.encoder(labels, n), labels)

    def loss(self, batch: Batch) -> Loss:
        return self.criterion(self(batch.labels, len(batch)).float(), batch)

    @torch.no_grad()
    def sample(self, n: int, labels: Labels, *, rng: torch.Generator) -> Tensor:
        return self(labels, n)


class Upsampler(nn.Module):
    """The CNN body of a `Decoder`."""

    def __init__(self, spec: DataSpec, config: Decoder.Config) -> None:
        super().__init__()
        ndim, widths = spec.ndim, config.channels
        factors = [math.prod(s[i] for s in config.strides) * config.patch[i] for i in range(ndim)]
        self.shape, self.periodic = spec.shape, config.periodic
        self.grid = tuple(math.ceil(size / f) for size, f in zip(spec.shape[1:], factors, strict=True))
        self.seed_channels = config.seed_channels
        self.seed = nn.Linear(config.dim, config.seed_channels * math.prod(self.grid))
        self.widen = conv(ndim, config.seed_channels, widths[0], kernel=1)
        self.blocks = nn.ModuleList(ResidualBlock(ndim, w, dim=config.dim) for w in widths)
        self.upsample = nn.ModuleList(
            Upsample(ndim, a, b, stride=s, transposed=config.upsampling == "transposed")
            for a, b, s in zip(widths, widths[1:], config.strides, strict=False)
        )
        if config.periodic:
            size = self.grid[0] * math.prod(s[0] for s in config.strides)
            self.features = PeriodicFeatures(spec.axes[0], size)
            self.shape_by_pitch = conv(1, PeriodicFeatures.channels, 2 * widths[-1], kernel=1)
        self.head = nn.Sequential(
            nn.SiLU(), conv(ndim, widths[-1], spec.shape[0] * math.prod(config.patch)), Patches(config.patch)
        )

    def forward(self, vector: Tensor, labels: Labels) -> Tensor:
        """Label vector (B, dim), and the labels for the pitch -> (B, *shape)."""
        x = self.widen(self.seed(vector).view(len(vector), self.seed_channels, *self.grid))
        if channels_together(self.blocks[0].conv.weight):
            x = x.contiguous(memory_format=torch.channels_last)
        for block, up in zip(self.blocks, self.upsample, strict=False):
            x = up(block(x, vector))
        if self.periodic:
            x = self._shape_by_pitch(x, labels.get(self.periodic))
        x = self.head(self.blocks[-1](x, vector))
        return x[(..., *(slice(size) for size in self.shape[1:]))]

    def _shape_by_pitch(self, x: Tensor, midi: Tensor | None) -> Tensor:
        """Scale and shift every channel along the first axis by the periodic features (cf. SPADE, arXiv:1903.07291)."""
        midi = x.new_full((len(x),), math.nan) if midi is None else midi
        features = self.shape_by_pitch(self.features(midi_to_hz(midi.double())))
        scale, shift = features[(...,) + (None,) * (x.ndim - 3)].chunk(2, dim=1)
        if channels_together(x):
            scale, shift = (y.contiguous(memory_format=torch.channels_last) for y in (scale, shift))
        return torch.addcmul(shift.to(x.dtype), x, 1 + scale.to(x.dtype))


class Dense(nn.Module):
    """The MLP body of a `Decoder`."""

    def __init__(self, spec: DataSpec, config: Decoder.Config) -> None:
        super().__init__()
        self.shape = spec.shape
        widths = (config.dim, *config.channels)
        layers = [m for a, b in pairwise(widths) for m in (nn.Linear(a, b), nn.SiLU())]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], math.prod(spec.shape)))

    def forward(self, vector: Tensor, labels: Labels) -> Tensor:
        """Label vector (B, dim) -> (B, *shape)."""
        return self.layers(vector).view(len(vector), *self.shape)


def check_config(spec: DataSpec, config: Decoder.Config) -> None:
    """Raise UserError unless a network of such a shape can be built for the data."""
    for name in (*config.labels, *filter(None, [config.periodic])):
        checks.one_of("label of the model", name, [f.name for f in spec.fields])
    checks.between("dim", config.dim, 1, 8192)
    checks.between("seed_channels", config.seed_channels, 1, 8192)
    checks.between("number of channels", len(config.channels), 1, 16)
    for width in config.channels:
        checks.between("channels", width, 1, 8192)
    if config.body == "mlp":
        return
    checks.equal("number of strides", len(config.strides), "number of channels - 1", len(config.channels) - 1)
    for steps in (config.patch, *config.strides):
        checks.equal("length of a stride or patch", len(steps), "number of axes", spec.ndim)
        for step in steps:
            checks.between("stride or patch", step, 1, 64)
    if config.periodic:
        checks.equal("patch along the periodic axis", config.patch[0], "whole entries", 1)
