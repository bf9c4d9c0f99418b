"""PixelCNN by masked convolutions (van den Oord et al., 2016, arXiv:1601.06759)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks
from synthgen.heads import Categorical
from synthgen.nn.levels import LevelEntry
from synthgen.nn.masked import MaskedCache, MaskedConv2d
from synthgen.records import DataSpec, Labels

from .autoregressive_picture import AutoregressivePicture


class PixelCNN(AutoregressivePicture):
    """Residual blocks of masked convolutions (sections 3.3 to 3.5 and table 1).

    With ``colour="channelwise"`` every layer has a group of channels for each channel of the picture: the first sees
    earlier pixels, the next also the group before it. A stack of masked convolutions never sees some of the pixels
    above and to the right, however deep it is; `GatedPixelCNN` does. Labels are added within every block.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(AutoregressivePicture.Config):
        """Size and inputs of the network."""

        channels: int = 48
        """Width between the blocks, half of which is that within; of each group with ``colour="channelwise"``."""
        layers: int = 7
        """Residual blocks."""
        kernel: int = 3
        """Pixels that a block's convolution is wide and high, of which it sees the earlier half."""
        first_kernel: int = 7
        """The same of the first convolution."""
        entry: int = 16
        """Size of the vector that a level enters as."""
        hidden: int = 64
        """Width of the layer before the head, of each group."""
        colour: Literal["channelwise", "independent"] = "channelwise"
        """Each channel of a pixel given those before it, or all of them given earlier pixels alone."""

    config: Config

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        _check(config)
        colours = spec.shape[0]
        self.parts = colours if config.colour == "channelwise" else 1
        rows = isinstance(self.head, Categorical)
        self.entries = nn.ModuleList(
            LevelEntry(self.head.levels, config.entry, rows=rows, start=False) for _ in range(colours)
        )
        width, hidden, parts = self.parts * config.channels, self.parts * config.hidden, self.parts
        entering = colours * config.entry
        self.first = MaskedConv2d(entering, width, kernel=config.first_kernel, mask="A", parts=parts)
        self.blocks = nn.ModuleList(Block(width, kernel=config.kernel, parts=parts) for _ in range(config.layers))
        self.hidden = MaskedConv2d(width, hidden, kernel=1, mask="B", parts=parts)
        self.out = MaskedConv2d(hidden, colours * self.head.channels, kernel=1, mask="B", parts=parts)
        self.biases = nn.Linear(config.dim, config.layers * (width // 2)) if self.encoder else None
        with torch.no_grad():
            self.out.weight.mul_(0.1)
            self.out.bias.copy_(self.head.initial().repeat(colours))

    def forward(self, x: Tensor, labels: Labels) -> Tensor:
        entered = [entry(level) for entry, level in zip(self.entries, self.planes(x).unbind(1), strict=True)]
        h = self.first(torch.cat(entered, dim=-1).movedim(-1, 1))
        for block, bias in zip(self.blocks, self.at_blocks(labels, len(x)), strict=True):
            h = block(h, bias)
        parameters = self.out(F.relu(self.hidden(F.relu(h)))).float()
        if self.spec.shape[0] == 1:
            return parameters
        return parameters.unflatten(1, (self.spec.shape[0], -1)).transpose(1, 2)

    def init_cache(self, labels: Labels, n: int) -> Cache:
        convs = {conv: conv.init_cache(n, self.spec.shape[2]) for conv in self._convs()}
        return Cache(convs=convs, biases=self.at_blocks(labels, n))

    def step(self, cache: Cache, previous: Tensor | None) -> Tensor:
        colours = self.spec.shape[0]
        channel, part = cache.position % colours, cache.position % self.parts
        if previous is not None:
            last = (channel - 1) % colours
            cache.entered.append(self.entries[last](previous))
            if len(cache.entered) == colours // self.parts:
                self.first.put(torch.cat(cache.entered, dim=1), cache.convs[self.first], last % self.parts)
                cache.entered = []
            if channel == 0:
                for conv, kept in cache.convs.items():
                    conv.move(kept)
        if channel == 0 or self.parts > 1:
            cache.parameters = self._step_part(cache, part)
        cache.position += 1
        return cache.parameters.chunk(colours // self.parts, dim=1)[channel // self.parts]

    def at_blocks(self, labels: Labels, n: int) -> Tensor:
        """What labels add within the blocks, (layers, n, width of a block)."""
        shape = len(self.blocks), self.first.out_channels // 2
        if self.biases is None:
            return self.first.bias.new_zeros(shape[0], n, shape[1])
        return self.biases(self.encoder(labels, n)).unflatten(1, shape).transpose(0, 1)

    def _convs(self) -> Iterator[MaskedConv2d]:
        return (module for module in self.modules() if isinstance(module, MaskedConv2d))

    def _step_part(self, cache: Cache, part: int) -> Tensor:
        """What the layers' groups make of the pixel at hand, those before having been made."""
        h = self.first.get(cache.convs[self.first], part)
        for block, bias in zip(self.blocks, cache.biases, strict=True):
            h = block.step(h, bias, cache.convs, part)
        for conv in (self.hidden, self.out):
            h = _step(conv, F.relu(h), cache.convs, part)
        return h


@dataclass
class Cache:
    """What `PixelCNN.step` knows of n pictures in lockstep.

    Attributes:
        convs: What each convolution has seen.
        biases: See `PixelCNN.at_blocks`.
        entered: Of the pixel at hand, channels that have not been put into the first convolution.
        parameters: Of the group at hand.
        position: Elements taken.
    """

    convs: dict[MaskedConv2d, MaskedCache]
    biases: Tensor
    entered: list[Tensor] = field(default_factory=list)
    parameters: Tensor | None = None
    position: int = 0


class Block(nn.Module):
    """A residual block (figure 5): narrow, look around, widen."""

    def __init__(self, channels: int, *, kernel: int, parts: int) -> None:
        super().__init__()
        inner = channels // 2
        self.narrow = MaskedConv2d(channels, inner, kernel=1, mask="B", parts=parts)
        self.around = MaskedConv2d(inner, inner, kernel=kernel, mask="B", parts=parts)
        self.widen = MaskedConv2d(inner, channels, kernel=1, mask="B", parts=parts)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """(B, C, H, W) and what is added within, (B, C / 2) -> (B, C, H, W)."""
        y = self.around(F.relu(self.narrow(F.relu(x)))) + bias[..., None, None]
        return x + self.widen(F.relu(y))

    def step(self, x: Tensor, bias: Tensor, caches: dict[MaskedConv2d, MaskedCache], part: int) -> Tensor:
        """The same of one group of channels at the next pixel, (n, C / parts)."""
        y = _step(self.narrow, F.relu(x), caches, part)
        y = _step(self.around, F.relu(y), caches, part)
        y = y + bias.chunk(self.narrow.parts, dim=1)[part]
        return x + _step(self.widen, F.relu(y), caches, part)


def _step(conv: MaskedConv2d, x: Tensor, caches: dict[MaskedConv2d, MaskedCache], part: int) -> Tensor:
    conv.put(x, caches[conv], part)
    return conv.get(caches[conv], part)


def _check(config: PixelCNN.Config) -> None:
    for name in ("channels", "entry", "hidden"):
        checks.between(name, getattr(config, name), 1, 8192)
    checks.divisible("channels", config.channels, "the halves within a block", 2)
    checks.between("layers", config.layers, 0, 256)
    checks.one_of("colour", config.colour, ("channelwise", "independent"))
