"""Gated PixelCNN (van den Oord et al., 2016, arXiv:1606.05328)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks
from synthgen.heads import Categorical, Head
from synthgen.nn.causal import ConvCache
from synthgen.nn.gated import GatedLayer, Pointwise
from synthgen.nn.levels import LevelEntry
from synthgen.nn.rows import RowCache, RowConv2d
from synthgen.records import DataSpec, Labels

from .autoregressive_picture import AutoregressivePicture
from .lockstep import Lockstep

MAP = "map"
"""Beside the labels: what is known of every pixel in advance, (B, `Config.map_channels`, H, W)."""
MAP_KERNEL = 5


class GatedPixelCNN(AutoregressivePicture):
    """A vertical stack that sees the rows above, and along each row a WaveNet that listens to it (section 2.2).

    Labels are added within every gate (section 2.3). Beyond the paper, the vertical stack has residual connections and
    the horizontal one skips, and the network may be told where a pixel lies, and a map of the whole picture.
    Both stacks run once a pixel: the channels of a pixel are told apart in what the head reads, where the levels of
    those before are added.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(AutoregressivePicture.Config):
        """Size and inputs of the network."""

        channels: int = 64
        """Width of both stacks and of the gates."""
        skip_channels: int = 64
        """Width of the skip path and of the layer before the head."""
        layers: int = 8
        """Gated layers of each stack."""
        kernel: int = 3
        """Width in pixels of what a layer sees of the rows above, odd; it is half as high, rounded up."""
        first_kernel: int = 7
        """The same of the first layer."""
        colour: Literal["channelwise", "independent"] = "channelwise"
        """Each channel of a pixel given those before it, or all of them given earlier pixels alone."""
        position: bool = True
        """Tell the network the row and the column."""
        map_channels: int = 0
        """Channels of the label ``map``, see `MAP`; 0 for none."""
        dropout: float = 0.0
        """Share of what leaves the gates that is left out in training."""

    config: Config

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        _check(config)
        width, (colours, height, columns) = config.channels, spec.shape
        rows = isinstance(self.head, Categorical)
        self.entries = nn.ModuleList(LevelEntry(self.head.levels, width, rows=rows) for _ in range(colours))
        self.rows = nn.Parameter(0.1 * torch.randn(2 * width, height)) if config.position else None
        self.columns = nn.Parameter(0.1 * torch.randn(2 * width, columns)) if config.position else None
        self.map = (
            nn.Conv2d(config.map_channels, 2 * width, MAP_KERNEL, padding=MAP_KERNEL // 2)
            if config.map_channels
            else None
        )
        self.gates = nn.Linear(config.dim, config.layers * 4 * width) if self.encoder else None
        kernels = [config.first_kernel] + [config.kernel] * (config.layers - 1)
        self.vertical = nn.ModuleList(VerticalLayer(width, kernel=kernel, dropout=config.dropout) for kernel in kernels)
        self.horizontal = nn.ModuleList(
            GatedLayer(
                width,
                config.skip_channels,
                kernel=kernel // 2 + 1,
                dilation=1,
                last=i == len(kernels) - 1,
                dropout=config.dropout,
            )
            for i, kernel in enumerate(kernels)
        )
        together = config.colour == "channelwise"
        self.readout = ColourReadout(self.head, config.skip_channels, channels=colours, together=together)

    def forward(self, x: Tensor, labels: Labels) -> Tensor:
        x = self.planes(x)
        n, _, height, _ = x.shape
        seen = self._enter(F.pad(x, (1, 0, 1, 0), value=self.head.levels))
        down, right = self.at_places(labels, n).chunk(2, dim=-1)
        down = (seen[:, :-1, 1:] + down).permute(0, 3, 1, 2).contiguous()
        right = (seen[:, 1:, :-1] + right).flatten(0, 1).transpose(1, 2).contiguous()
        skip: Tensor | float = 0.0
        for above, along, gate in zip(self.vertical, self.horizontal, self.at_gates(labels, n), strict=True):
            inner, outer = gate[..., None].chunk(2, dim=1)
            down, told = above(down, inner[..., None])
            condition = told.transpose(1, 2).flatten(0, 1) + outer.repeat_interleave(height, dim=0)
            right, skipped = along(right, condition)
            skip = skip + skipped
        skip = skip.unflatten(0, (n, height)).transpose(1, 2)
        read = [self.readout(skip.flatten(2), x.flatten(2)[:, :c], c) for c in range(x.shape[1])]
        parameters = torch.stack(read, dim=2).unflatten(3, x.shape[2:])
        return parameters[:, :, 0] if x.shape[1] == 1 else parameters

    def init_cache(self, labels: Labels, n: int) -> Cache:
        channels, height, width = self.spec.shape
        return Cache(
            known=torch.full((n, channels, height + 1, width + 1), self.head.levels, device=self.device),
            places=self.at_places(labels, n),
            gates=self.at_gates(labels, n),
            rows=[layer.conv.init_cache(n, width) for layer in self.vertical],
        )

    def step(self, cache: Cache, previous: Tensor | None) -> Tensor:
        channels, _, width = self.spec.shape
        if previous is not None:
            pixel, channel = divmod(cache.position - 1, channels)
            cache.known[:, channel, pixel // width + 1, pixel % width + 1] = previous
        pixel, channel = divmod(cache.position, channels)
        row, x = divmod(pixel, width)
        if channel == 0:
            if x == 0:
                self._step_row(cache, row)
            cache.skip = self._step_pixel(cache, row, x)
        cache.position += 1
        return self.readout(cache.skip, cache.known[:, :channel, row + 1, x + 1], channel)

    def compiled(self, labels: Labels, n: int) -> Lockstep:
        from .gated_pixelcnn_kernel import scanner

        return scanner(self, labels, n)

    def at_gates(self, labels: Labels, n: int) -> Tensor:
        """What labels add within the gates of both stacks, (layers, n, 4 * channels)."""
        shape = len(self.vertical), 4 * self.config.channels
        if self.gates is None:
            return self.entries[0].start.new_zeros(shape[0], n, shape[1])
        return self.gates(self.encoder(labels, n)).unflatten(1, shape).transpose(0, 1)

    def at_places(self, labels: Labels, n: int) -> Tensor:
        """What is added to the entries of both stacks at each pixel, (n, H, W, 2 * channels)."""
        _, height, width = self.spec.shape
        added = self.entries[0].start.new_zeros(n, 2 * self.config.channels, height, width)
        if self.rows is not None:
            added = added + self.rows[:, :, None] + self.columns[:, None]
        if self.map is not None and MAP in labels:
            checks.shape(f"label {MAP}", labels[MAP], (n, self.config.map_channels, height, width))
            added = added + self.map(labels[MAP])
        return added.permute(0, 2, 3, 1)

    def _enter(self, levels: Tensor) -> Tensor:
        """Levels (n, C, *S), `head.levels` standing for none -> what enters the stacks, (n, *S, channels)."""
        return sum(entry(level) for entry, level in zip(self.entries, levels.unbind(1), strict=True))

    def _step_row(self, cache: Cache, row: int) -> None:
        """The vertical stack at the next row, which begins."""
        width = self.config.channels
        down = self._enter(cache.known[:, :, row, 1:]) + cache.places[:, row, :, :width]
        down, cache.conditions = down.transpose(1, 2), []
        for layer, gate, rows in zip(self.vertical, cache.gates, cache.rows, strict=True):
            inner, outer = gate[..., None].chunk(2, dim=1)
            down, told = layer.step(down, inner, rows)
            cache.conditions.append(told + outer)
        cache.convs = [layer.conv.init_cache(len(down)) for layer in self.horizontal]

    def _step_pixel(self, cache: Cache, row: int, x: int) -> Tensor:
        """The horizontal stack at the next pixel: its skips (n, S)."""
        right = self._enter(cache.known[:, :, row + 1, x]) + cache.places[:, row, x, self.config.channels :]
        skip: Tensor | float = 0.0
        for layer, condition, conv in zip(self.horizontal, cache.conditions, cache.convs, strict=True):
            right, skipped = layer.step(right, condition[:, :, x], conv)
            skip = skip + skipped
        return skip


@dataclass
class Cache:
    """What `GatedPixelCNN.step` knows of n pictures in lockstep.

    Attributes:
        known: Levels with a row above and a column to the left, (n, C, H + 1, W + 1), `head.levels` where unknown.
        places: See `at_places`.
        gates: See `at_gates`.
        rows: Past rows of the vertical stack's layers.
        convs: Past pixels, in this row, of the horizontal stack's layers.
        conditions: Of each layer in this row, (n, 2 * channels, W).
        skip: Of this pixel, (n, S).
        position: Elements taken.
    """

    known: Tensor
    places: Tensor
    gates: Tensor
    rows: list[RowCache]
    convs: list[ConvCache] = field(default_factory=list)
    conditions: list[Tensor] = field(default_factory=list)
    skip: Tensor | None = None
    position: int = 0


class VerticalLayer(nn.Module):
    """A gated convolution over the rows above (the left half of figure 2), with a residual connection."""

    def __init__(self, channels: int, *, kernel: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.conv = RowConv2d(channels, 2 * channels, kernel=kernel)
        self.across = Pointwise(2 * channels, 2 * channels)

    def forward(self, x: Tensor, gate: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) and what is added within the gates -> the same and what the row is told, (B, 2 C, H, W)."""
        return self._gated(x, self.conv(x) + gate)

    def step(self, row: Tensor, gate: Tensor, cache: RowCache) -> tuple[Tensor, Tensor]:
        """The same for the next row, (n, C, W) -> (n, C, W) and (n, 2 C, W)."""
        return self._gated(row, self.conv.step(row, cache) + gate)

    def _gated(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        signal, gate = z.chunk(2, dim=1)
        told = self.across(z.flatten(2)).unflatten(2, z.shape[2:])
        gated = F.dropout(signal.tanh() * gate.sigmoid(), self.dropout, self.training)
        return x + gated, told


class ColourReadout(nn.Module):
    """Makes the head's parameters of each channel of a pixel, from the skips and the levels of those before it.

    Attributes:
        hidden: A layer for each channel.
        outs: The same.
        before: For each channel the entries of those before it, none where they are independent.
    """

    def __init__(self, head: Head, size: int, *, channels: int, together: bool) -> None:
        super().__init__()
        rows = isinstance(head, Categorical)
        self.hidden = nn.ModuleList(Pointwise(size, size) for _ in range(channels))
        self.outs = nn.ModuleList(Pointwise(size, head.channels) for _ in range(channels))
        self.before = nn.ModuleList(
            nn.ModuleList(LevelEntry(head.levels, size, rows=rows, start=False) for _ in range(c if together else 0))
            for c in range(channels)
        )
        with torch.no_grad():
            for out in self.outs:
                out.weight.mul_(0.1)
                out.bias.copy_(head.initial())

    def forward(self, skip: Tensor, before: Tensor, channel: int) -> Tensor:
        """Skips (B, S, *T) and levels of the channels before (B, channel, *T) -> parameters (B, P, *T)."""
        hidden = self.hidden[channel](F.relu(skip))
        for entry, level in zip(self.before[channel], before.unbind(1), strict=False):
            hidden = hidden + entry(level).movedim(-1, 1)
        return self.outs[channel](F.relu(hidden)).float()


def _check(config: GatedPixelCNN.Config) -> None:
    for name in ("channels", "skip_channels"):
        checks.between(name, getattr(config, name), 1, 8192)
    checks.between("layers", config.layers, 1, 256)
    checks.one_of("colour", config.colour, ("channelwise", "independent"))
    checks.between("map_channels", config.map_channels, 0, 8192)
    checks.between("dropout", config.dropout, 0, 0.99)
