"""`PixelCNNpp` one pixel after another, without computing anything twice.

The vertical stream is computed row by row, when the row above is complete; the horizontal one pixel by pixel. Layers
whose resolution was halved k times have work in every 2 ** k-th row and column only. What a pixel takes from the row
above and from the vertical stream is computed for the whole row at once, before its first pixel.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from synthgen.nn.shifted import Apart, Block, Entry, ShiftedConv, concat_elu
from synthgen.records import Labels

if TYPE_CHECKING:
    from .pixelcnnpp import PixelCNNpp


class Steps:
    """What `PixelCNNpp.step` knows of n pictures in lockstep, and the weights as it takes them.

    Attributes:
        position: Elements taken.
    """

    @torch.no_grad()
    def __init__(self, model: PixelCNNpp, labels: Labels, n: int) -> None:
        self.model, self.position = model, 0
        self.channels, _, self.width = model.spec.shape
        self.top = model.config.num_hierarchies - 1
        self.pixels = torch.zeros(n, self.channels, self.width, dtype=torch.int64, device=model.device)
        self.layers: list[tuple[Layer, int]] = []
        made: list[Layer] = []
        for place, module, gates in zip(model.places, model.layers, model.gates_of(labels, n), strict=True):
            nothing = model.out.weight.new_zeros(n, model.config.num_filters, 2, model.size[1] >> place.level)
            if place.kind == "entry":
                made.append(EntryLayer(nothing, module))
            elif place.kind == "block":
                skip = None if place.skip is None else made[place.skip]
                made.append(BlockLayer(nothing, module, made[-1], skip, gates))
            else:
                made.append((DownLayer if place.kind == "down" else UpLayer)(nothing, module, made[-1]))
            self.layers.append((made[-1], place.level))
        self.out, self.bias = model.out.taps()[0], model.out.bias

    @torch.no_grad()
    def __call__(self, previous: Tensor | None) -> Tensor:
        """The level before the next element, None before the first -> its parameters (n, channels of the head)."""
        pixel, channel = divmod(self.position, self.channels)
        i, j = divmod(pixel, self.width)
        if previous is not None:
            before, at = divmod(self.position - 1, self.channels)
            self.pixels[:, at, before % self.width] = previous
        if channel == 0:
            if j == 0:
                self._row(i)
            self.raw = self._pixel(i, j)
        self.position += 1
        return self.model.colour(self.raw, self.pixels[:, :, j], channel + 1)[channel]

    def _row(self, i: int) -> None:
        """All that the row i takes from those above."""
        entry = self.layers[0][0]
        if i:
            entry.take_above(self.model.embed(self.pixels))
        most = halvings(i, self.top)
        for layer, level in self.layers:
            if level <= most:
                layer.row()

    def _pixel(self, i: int, j: int) -> Tensor:
        """What the network says of the pixel (i, j), (n, outputs)."""
        entry, last = self.layers[0][0], self.layers[-1][0]
        entry.left = self.model.embed(self.pixels[:, :, j - 1]) if j else torch.zeros_like(entry.left)
        most = halvings(i | j, self.top)
        for layer, level in self.layers:
            if level <= most:
                layer.pixel(j >> level)
        return torch.addmm(self.bias, F.elu(last.x), self.out)


class Track:
    """The horizontal stream's newest row of something.

    Attributes:
        row: (n, W + 1, C), with one column of zeros to the left.
        here: Each of its W columns, (n, C), as a view.
        both: Each with the column to its left, which comes first, (n, 2 C), as a view.
    """

    def __init__(self, row: Tensor) -> None:
        self.row = row
        self.here = list(row[:, 1:].unbind(1))
        self.both = [row[:, j : j + 2].flatten(1) for j in range(len(self.here))]

    def whole(self) -> Tensor:
        """All of `both`, (n, W, 2 C)."""
        return torch.cat([self.row[:, :-1], self.row[:, 1:]], dim=2)

    def activate(self, j: int, x: Tensor) -> None:
        """Put the `concat_elu` of x (n, C) in column j."""
        torch.cat([x, -x], dim=1, out=self.here[j])
        F.elu_(self.here[j])


class Layer(ABC):
    """What both streams are after a layer, so far.

    Attributes:
        rows: The last two rows of the vertical stream, (n, C, 2, W).
        active_rows: Their `concat_elu`.
        x: The horizontal stream at the newest pixel, (n, C).
        track: Its newest row.
        active: The `concat_elu` of its newest row.
    """

    def __init__(self, x: Tensor) -> None:
        """`x` is zeros (n, C, 2, W)."""
        n, channels, _, width = x.shape
        self.rows, self.active_rows = x, torch.cat([x, x], dim=1)
        self.track = Track(x.new_zeros(n, width + 1, channels))
        self.active = Track(x.new_zeros(n, width + 1, 2 * channels))

    @abstractmethod
    def row(self) -> None:
        """Begin a row, when the layer before has; the layer before knows the whole row above."""

    @abstractmethod
    def pixel(self, j: int) -> None:
        """Go on to the column j, when the layer before has."""

    def _take_row(self, row: Tensor) -> None:
        self.rows = pushed(self.rows, row)
        self.active_rows = pushed(self.active_rows, concat_elu(row))

    def _take_pixel(self, j: int, x: Tensor) -> None:
        self.x = x
        self.track.here[j].copy_(x)
        self.active.activate(j, x)


class EntryLayer(Layer):
    """`Entry`.

    Attributes:
        above: The last two whole rows of the picture as they enter, (n, inputs, 2, W).
        left: The pixel before, (n, inputs).
    """

    def __init__(self, x: Tensor, module: Entry) -> None:
        super().__init__(x)
        self.module = module
        inputs = module.left.weight.shape[1]
        self.above, self.left = x.new_zeros(len(x), inputs, 2, x.shape[3]), x.new_zeros(len(x), inputs)
        place = module.at_places()
        self.at_rows = None if place is None else iter(place[:, None].unbind(3))
        self.of_corner, self.of_left = module.left.kernel()[:, :, :1], module.left.taps()[1]

    def take_above(self, row: Tensor) -> None:
        """A row of the picture (n, inputs, W) is complete."""
        row = F.pad(row, (0, self.above.shape[3] - row.shape[2]))
        self.above = pushed(self.above, row[:, :, None])

    def row(self) -> None:
        m, newest = self.module, self.above[:, :, 1:]
        vertical = row_conv(self.above, m.vertical)
        corner = F.conv2d(F.pad(newest, (1, -1)), self.of_corner, m.left.bias)
        given = row_conv(newest, m.above) + corner
        if self.at_rows is not None:
            of_vertical, of_given = next(self.at_rows)[..., None, :]
            vertical, given = vertical + of_vertical, given + of_given
        self._take_row(vertical)
        self.given = columns(given)

    def pixel(self, j: int) -> None:
        self._take_pixel(j, torch.addmm(self.given[j], self.left, self.of_left))


class BlockLayer(Layer):
    """`Block`."""

    def __init__(
        self, x: Tensor, module: Block, before: Layer, skip: Layer | None, gates: Sequence[Tensor | None]
    ) -> None:
        super().__init__(x)
        self.before, self.skip = before, skip
        self.gates = [0.0 if gate is None else gate for gate in gates]
        self.vertical, self.horizontal = module.vertical, module.horizontal
        self.inner_rows, self.inner = self.active_rows, Track(torch.zeros_like(self.active.row))
        self.first, self.second = Taps(self.horizontal.first), Taps(self.horizontal.second)
        self.short = None if skip is None else self.horizontal.others[1].taps()[0]

    def row(self) -> None:
        before, skip, v, h = self.before, self.skip, self.vertical, self.horizontal
        y = row_conv(before.active_rows, v.first)
        if skip is not None:
            y = y + v.others[0](skip.active_rows[:, :, 1:])
        self.inner_rows = pushed(self.inner_rows, concat_elu(y))
        y = row_conv(self.inner_rows, v.second) + self.gates[0]
        self._take_row(before.rows[:, :, 1:] + F.glu(y, dim=1))
        heard = h.others[0](self.active_rows[:, :, 1:])
        if skip is not None:
            heard = heard + h.others[1].bias[:, None, None]
        self.given_first = columns(self.first.from_above(before.active) + heard)
        self.given_second = columns(self.second.from_above(self.inner) + self.gates[1])

    def pixel(self, j: int) -> None:
        before, inner = self.before, self.inner
        y = torch.addmm(self.given_first[j], before.active.both[j], self.first.here)
        if self.short is not None:
            y.addmm_(self.skip.active.here[j], self.short)
        inner.activate(j, y)
        y = torch.addmm(self.given_second[j], inner.both[j], self.second.here)
        self._take_pixel(j, before.x + F.glu(y, dim=1))


class DownLayer(Layer):
    """`Apart` to half the resolution."""

    def __init__(self, x: Tensor, module: Apart, before: Layer) -> None:
        super().__init__(x)
        self.vertical, self.before, self.taps = module.vertical, before, Taps(module.horizontal)

    def row(self) -> None:
        self._take_row(row_conv(self.before.rows, self.vertical))
        self.given = columns(self.taps.from_above(self.before.track)[..., ::2])

    def pixel(self, j: int) -> None:
        self._take_pixel(j, torch.addmm(self.given[j], self.before.track.both[2 * j], self.taps.here))


class UpLayer(Layer):
    """`Apart` to twice the resolution: every second row and column finds what the one before it has left."""

    def __init__(self, x: Tensor, module: Apart, before: Layer) -> None:
        super().__init__(x)
        self.vertical, self.before, self.odd = module.vertical, before, True
        self.weight = torch.cat(module.horizontal.taps().unbind(), dim=1)
        self.bias = module.horizontal.bias.repeat(4)
        self.made = [()] * (x.shape[3] // 2)

    def row(self) -> None:
        self.odd = not self.odd
        if not self.odd:
            self.two_rows = self.vertical(self.before.rows[:, :, 1:])
        self._take_row(self.two_rows[:, :, int(self.odd), None])

    def pixel(self, j: int) -> None:
        if not self.odd and j % 2 == 0:
            self.made[j // 2] = torch.addmm(self.bias, self.before.x, self.weight).chunk(4, dim=1)
        self._take_pixel(j, self.made[j // 2][2 * self.odd + j % 2])


class Taps:
    """A convolution of the horizontal stream, its upper row and its own apart.

    Attributes:
        here: Weights of the pixel to the left and of the own, (2 C, C').
    """

    def __init__(self, conv: ShiftedConv) -> None:
        above, here = conv.taps().unflatten(0, (2, 2)).flatten(1, 2)
        self.above, self.here, self.bias = above.T.contiguous(), here, conv.bias

    def from_above(self, track: Track) -> Tensor:
        """What the row above (n, W, C) gives with the bias, (n, C', 1, W)."""
        return F.linear(track.whole(), self.above, self.bias).transpose(1, 2)[:, :, None]


def halvings(x: int, most: int) -> int:
    """How often x can be halved, at most so often.

    >>> [halvings(x, 2) for x in range(6)]
    [2, 0, 1, 0, 2, 0]
    """
    return min((x & -x).bit_length() - 1, most) if x else most


def pushed(rows: Tensor, row: Tensor) -> Tensor:
    """Rows (n, C, 2, W) with a new last one (n, C, 1, W)."""
    return torch.cat([rows[:, :, 1:], row], dim=2)


def row_conv(rows: Tensor, conv: ShiftedConv) -> Tensor:
    """The newest row of a vertical stream's convolution."""
    aside = conv.weight.shape[3] // 2
    return F.conv2d(rows, conv.kernel(), conv.bias, conv.stride, padding=(0, aside))


def columns(row: Tensor) -> tuple[Tensor, ...]:
    """A row (n, C, 1, W) as its columns (n, C)."""
    return row[:, :, 0].permute(2, 0, 1).contiguous().unbind(0)
