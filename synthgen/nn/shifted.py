"""Convolutions that see only what was drawn before, in two streams (Salimans et al., 2017, arXiv:1701.05517, figure 2).

The vertical stream sees whole rows: what it says of a row comes from the rows down to it. The horizontal stream sees,
beside that, its own row up to its own column. Pictures are drawn row by row from the top, rows from the left. What lies
outside a picture is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

StreamName = Literal["vertical", "horizontal"]
STREAMS: tuple[StreamName, StreamName] = ("vertical", "horizontal")
KERNELS: dict[StreamName, tuple[int, int]] = {"vertical": (2, 3), "horizontal": (2, 2)}
"""Height and width of the streams' convolutions."""


def concat_elu(x: Tensor) -> Tensor:
    """ELU of x (B, C, ...) and of -x, (B, 2 C, ...), after the concatenated ReLU of Shang et al. (arXiv:1603.05201)."""
    return F.elu_(torch.cat([x, -x], dim=1))


def thinned(x: Tensor, share: float) -> Tensor:
    """Dropout of a share of x, which counts in steps of 1/256: eight random bytes cost as much as one random number."""
    steps = round(256 * share)
    if not steps:
        return x
    drawn = torch.empty(-(-x.numel() // 8), dtype=torch.int64, device=x.device).random_(-(2**63), None)
    kept = drawn.view(torch.uint8)[: x.numel()].view(x.shape) >= steps
    return x * (kept * (256 / (256 - steps))).to(x.dtype)


class Kernel(nn.Module):
    """The weights of a convolution, if asked for as a direction and a length (Salimans and Kingma, 2016, eq. 2).

    Attributes:
        weight: The weight, or its direction.
        length: Of each output's weights, (outputs,); None for plain weights.
        bias: (outputs,).
    """

    def __init__(self, like: nn.Conv2d | nn.ConvTranspose2d, *, weight_norm: bool) -> None:
        """The first weights are those of `like`."""
        super().__init__()
        self.weight, self.bias = like.weight, like.bias
        self.axis = 1 if isinstance(like, nn.ConvTranspose2d) else 0
        self.length = nn.Parameter(self._lengths().detach().clone()) if weight_norm else None

    def kernel(self) -> Tensor:
        """The weights to convolve with."""
        if self.length is None:
            return self.weight
        scale = self.length / self._lengths()
        return self.weight * scale.view(scale.shape + (1,) * (3 - self.axis))

    def taps(self) -> Tensor:
        """The same as matrices, (taps, inputs, outputs), row by row."""
        kernel = self.kernel()
        return (kernel.transpose(0, 1) if self.axis == 0 else kernel).permute(2, 3, 0, 1).flatten(0, 1).contiguous()

    @torch.no_grad()
    def shrink(self, factor: float) -> None:
        """Scale the weights."""
        (self.weight if self.length is None else self.length).mul_(factor)

    def _lengths(self) -> Tensor:
        return self.weight.transpose(0, self.axis).flatten(1).norm(dim=1)


class ShiftedConv(Kernel):
    """A convolution over rows down to its own, and of the horizontal stream over columns up to its own.

    At stride 2 output (i, j) lies at (2 i, 2 j) and depends on nothing below or, in the horizontal stream, to its
    right.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        stream: StreamName,
        kernel: tuple[int, int] | None = None,
        stride: int = 1,
        weight_norm: bool = False,
    ) -> None:
        """`kernel` is height and width, that of `KERNELS` if None; odd widths in the vertical stream."""
        height, width = kernel or KERNELS[stream]
        super().__init__(nn.Conv2d(inputs, outputs, (height, width)), weight_norm=weight_norm)
        aside = (width // 2, width // 2) if stream == "vertical" else (width - 1, 0)
        self.padding, self.stride = (*aside, height - 1, 0), stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / stride, W / stride)."""
        padded = F.pad(x, self.padding) if any(self.padding) else x
        return F.conv2d(padded, self.kernel(), self.bias, self.stride)


class ShiftedRise(Kernel):
    """A transposed convolution to twice the rows and columns: (i, j) depends on the row i // 2 of its input.

    In the horizontal stream it depends on the place (i // 2, j // 2) alone.
    """

    def __init__(self, channels: int, *, stream: StreamName, weight_norm: bool = False) -> None:
        height, width = KERNELS[stream]
        super().__init__(nn.ConvTranspose2d(channels, channels, (height, width)), weight_norm=weight_norm)
        self.aside = (0, width - 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, 2 H, 2 W)."""
        return F.conv_transpose2d(x, self.kernel(), self.bias, 2, padding=self.aside, output_padding=self.aside)


class GatedResidual(nn.Module):
    """Two convolutions with a gate around which the input goes; other streams and labels enter in between.

    Concatenated ELUs come before each convolution, and dropout before the second (section 2.5). What enters from
    elsewhere has gone through the concatenated ELU already.
    """

    def __init__(
        self, channels: int, *, stream: StreamName, others: int, dropout: float = 0.0, weight_norm: bool = False
    ) -> None:
        """`others` is how many streams and short-cuts enter."""
        super().__init__()
        self.first = ShiftedConv(2 * channels, channels, stream=stream, weight_norm=weight_norm)
        self.others = nn.ModuleList(
            ShiftedConv(2 * channels, channels, stream=stream, kernel=(1, 1), weight_norm=weight_norm)
            for _ in range(others)
        )
        self.dropout = dropout
        self.second = ShiftedConv(2 * channels, 2 * channels, stream=stream, weight_norm=weight_norm)
        self.second.shrink(0.1)

    def forward(self, x: Tensor, active: Tensor, others: Sequence[Tensor], gate: Tensor | None) -> Tensor:
        """One layer.

        Args:
            x: (B, C, H, W).
            active: Its `concat_elu`, (B, 2 C, H, W).
            others: `concat_elu` of what enters, each (B, 2 C, H, W).
            gate: Added before the gate, (B, 2 C, 1, 1), or None.

        Returns:
            (B, C, H, W).
        """
        y = self.first(active)
        for enter, other in zip(self.others, others, strict=True):
            y = y + enter(other)
        y = concat_elu(y)
        y = self.second(thinned(y, self.dropout) if self.training else y)
        return x + F.glu(y if gate is None else y + gate, dim=1)


class Stream:
    """What one stream is after a layer: `x` (B, C, H, W)."""

    def __init__(self, x: Tensor) -> None:
        self.x = x

    @cached_property
    def active(self) -> Tensor:
        """Its `concat_elu`, (B, 2 C, H, W), which several layers may ask for."""
        return concat_elu(self.x)


class Streams(NamedTuple):
    """What both streams are after a layer."""

    vertical: Stream
    horizontal: Stream


class Entry(nn.Module):
    """From a picture to the streams, which from here on say at each pixel only what lies before it.

    The vertical stream begins with the two rows above and three columns; the horizontal one with those three pixels of
    the row above, and the pixel to the left with the one above that.
    """

    def __init__(self, inputs: int, channels: int, *, size: tuple[int, int] | None, weight_norm: bool) -> None:
        """Rows and columns of the pictures, if the network is to know where in them a pixel lies."""
        super().__init__()
        norm = {"weight_norm": weight_norm}
        self.vertical = ShiftedConv(inputs, channels, stream="vertical", **norm)
        self.above = ShiftedConv(inputs, channels, stream="vertical", kernel=(1, 3), **norm)
        self.left = ShiftedConv(inputs, channels, stream="horizontal", kernel=(2, 1), **norm)
        self.places = nn.ModuleList(nn.Embedding(side, 2 * channels) for side in size or ())
        for table in self.places:
            nn.init.normal_(table.weight, std=0.1)

    def forward(self, x: Tensor) -> Streams:
        """(B, inputs, H, W) -> streams of (B, C, H, W)."""
        down, right = F.pad(x, (0, 0, 1, -1)), F.pad(x, (1, -1))
        vertical, horizontal = self.vertical(down), self.above(down) + self.left(right)
        place = self.at_places()
        if place is not None:
            vertical, horizontal = vertical + place[0].to(vertical.dtype), horizontal + place[1].to(vertical.dtype)
        return Streams(Stream(vertical), Stream(horizontal))

    def at_places(self) -> Tensor | None:
        """What is added to both streams at each place, (2, C, H, W)."""
        if not self.places:
            return None
        rows, columns = (table.weight for table in self.places)
        return (rows[:, None] + columns).permute(2, 0, 1).unflatten(0, (2, -1))


class Block(nn.Module):
    """A gated residual layer in both streams; the horizontal one hears the vertical one, and both their short-cuts."""

    def __init__(self, channels: int, *, shortcut: bool, dropout: float, weight_norm: bool) -> None:
        super().__init__()
        options = {"dropout": dropout, "weight_norm": weight_norm}
        self.vertical = GatedResidual(channels, stream="vertical", others=int(shortcut), **options)
        self.horizontal = GatedResidual(channels, stream="horizontal", others=1 + int(shortcut), **options)

    def forward(self, before: Streams, skip: Streams | None, gates: Sequence[Tensor | None]) -> Streams:
        """The streams, those of the short-cut if there is one, and what is added before the gate of each."""
        skips = ([], []) if skip is None else ([skip.vertical.active], [skip.horizontal.active])
        x = before.vertical
        vertical = Stream(self.vertical(x.x, x.active, skips[0], gates[0]))
        x = before.horizontal
        return Streams(vertical, Stream(self.horizontal(x.x, x.active, [vertical.active, *skips[1]], gates[1])))


class Apart(nn.Module):
    """The same kind of layer for each stream, by which they change their resolution."""

    def __init__(self, vertical: nn.Module, horizontal: nn.Module) -> None:
        super().__init__()
        self.vertical, self.horizontal = vertical, horizontal

    def forward(self, before: Streams) -> Streams:
        """Both streams at the other resolution."""
        return Streams(Stream(self.vertical(before.vertical.x)), Stream(self.horizontal(before.horizontal.x)))
