"""PixelRNN (van den Oord et al., 2016, arXiv:1601.06759) with an LSTM along the raster."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks
from synthgen.checks import UserError
from synthgen.heads import Categorical
from synthgen.nn.levels import LevelEntry
from synthgen.nn.pointer import Pointer, PointerCache
from synthgen.records import DataSpec, Labels

from .autoregressive_picture import AutoregressivePicture

MOST_POINTED = 4096
"""Pixels of a picture up to which a pointer compares all with all."""
States = list[tuple[Tensor, Tensor]]
"""State and memory (1, B, hidden) of each LSTM."""


class PixelRNN(AutoregressivePicture):
    """LSTMs (Hochreiter and Schmidhuber, 1997) go through a picture of one channel pixel by pixel, in raster order.

    The paper's LSTMs go row by row, so that they see above a pixel, or diagonally. Here each step is told, beside the
    pixel before, of further neighbours, and of the place. A `Pointer` lets it take up colours of the same picture:
    pictures with a palette have few of all its colours each.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(AutoregressivePicture.Config):
        """Size and inputs of the network."""

        neighbours: tuple[tuple[int, int], ...] = (
            (0, -1), (0, -2), (0, -3),
            (-1, -2), (-1, -1), (-1, 0), (-1, 1), (-1, 2),
            (-2, -1), (-2, 0), (-2, 1),
        )  # fmt: skip
        """Rows and columns from a pixel to those that a step is told of; means of a mixture count from the first."""
        colours: tuple[tuple[int, int, int], ...] = ()
        """Red, green and blue, 0 to 255, of each level: similar ones begin with similar vectors. None for grey."""
        entry: int = 32
        """Size of the vector that a level enters as."""
        hidden: int = 256
        """Size of the state of each LSTM."""
        layers: int = 1
        """Number of LSTMs; each but the first adds to what the one before it made."""
        pointer: int = 32
        """Size of the keys by which levels of the same picture are found; 0 for none."""
        dropout: float = 0.3
        """Share of what the LSTMs make that is left out in training."""
        entry_dropout: float = 0.1
        """Share of what enters that is left out in training."""

    config: Config

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        _check(spec, config)
        hidden, (_, height, width) = config.hidden, spec.shape
        above = max(-row for row, _ in config.neighbours)
        aside = max(abs(column) for _, column in config.neighbours)
        self.margins = (aside, aside, above, 0)
        place = torch.arange((above + height) * (width + 2 * aside)).view(above + height, -1)[above:, aside:][:, :width]
        offsets = torch.tensor([row * (width + 2 * aside) + column for row, column in config.neighbours])
        self.register_buffer("inside", place.flatten(), persistent=False)
        self.register_buffer("around", place.reshape(-1, 1) + offsets, persistent=False)
        self.rows, self.columns = nn.Embedding(height, hidden), nn.Embedding(width, hidden)
        self.by_label = nn.Linear(config.dim, hidden) if self.encoder else None
        self.entry = LevelEntry(self.head.levels, config.entry, rows=isinstance(self.head, Categorical))
        self.join = nn.Linear(len(config.neighbours) * config.entry, hidden)
        self.recurrent = nn.ModuleList(nn.LSTM(hidden, hidden, batch_first=True) for _ in range(config.layers))
        self.out = nn.Linear(hidden, self.head.channels)
        self.pointer = Pointer(hidden, config.pointer, height=height, width=width) if config.pointer else None
        with torch.no_grad():
            for table in (self.rows.weight, self.columns.weight):
                table.mul_(0.3)
            if config.colours:
                self.entry.linear.weight.zero_()  # a palette's numbers have no order
                self.entry.rows.copy_(_shades(torch.tensor(config.colours), config.entry))
            for lstm in self.recurrent:
                lstm.bias_hh_l0[hidden : 2 * hidden] = 1  # remembers at first (Gers et al., 2000)
            self.out.weight.mul_(0.1)
            self.out.bias.copy_(self.head.initial())

    def forward(self, x: Tensor, labels: Labels) -> Tensor:
        canvas = F.pad(x, self.margins, value=self.head.levels).flatten(1)
        before = canvas[:, self.around]
        h, _ = self._recur(self._entered(before, self.at_places(labels, len(x))), self._first_states(len(x)))
        parameters = self._read(h, before)
        if self.pointer is not None:
            parameters = self.pointer(h, x.flatten(1), parameters)
        return parameters.transpose(1, 2).unflatten(2, x.shape[1:])

    def init_cache(self, labels: Labels, n: int) -> Cache:
        _, height, width = self.spec.shape
        outside = torch.full((n, height, width), self.head.levels, device=self.device)
        return Cache(
            canvas=F.pad(outside, self.margins, value=self.head.levels).flatten(1),
            places=self.at_places(labels, n),
            states=self._first_states(n),
            pointer=self.pointer.init_cache(n) if self.pointer is not None else None,
        )

    def step(self, cache: Cache, previous: Tensor | None) -> Tensor:
        now = slice(cache.position, cache.position + 1)
        if previous is not None:
            cache.canvas[:, self.inside[cache.position - 1]] = previous
        before = cache.canvas[:, self.around[now]]
        h, cache.states = self._recur(self._entered(before, cache.places[:, now]), cache.states)
        parameters = self._read(h, before)[:, 0]
        cache.position += 1
        return parameters if self.pointer is None else self.pointer.step(h[:, 0], previous, parameters, cache.pointer)

    def at_places(self, labels: Labels, n: int) -> Tensor:
        """What a step is told of its place and of the labels, (n, H W, hidden), or (1, H W, hidden) without labels."""
        places = (self.rows.weight[:, None] + self.columns.weight).flatten(0, 1)[None]
        return places if self.by_label is None else places + self.by_label(self.encoder(labels, n))[:, None]

    def _entered(self, before: Tensor, places: Tensor) -> Tensor:
        """Levels around (B, L, K) and what is told of the places (B, L, hidden) -> (B, L, hidden)."""
        entered = F.dropout(self.entry(before).flatten(2), self.config.entry_dropout, self.training)
        return self.join(entered) + places

    def _first_states(self, n: int) -> States:
        zeros = torch.zeros(1, n, self.config.hidden, device=self.device)
        return [(zeros, zeros) for _ in self.recurrent]

    def _recur(self, h: Tensor, states: States) -> tuple[Tensor, States]:
        """(B, L, hidden) and the states before them -> the same with what the LSTMs make of it, and the states after.

        In float32 even where autocast asks for less, as in `GatedRecurrent`.
        """
        after = []
        with torch.autocast(h.device.type, enabled=False):
            h = h.float()
            for lstm, state in zip(self.recurrent, states, strict=True):
                made, state = lstm(h, state)
                h = h + F.dropout(made, self.config.dropout, self.training)
                after.append(state)
        return F.dropout(h, self.config.dropout, self.training), after

    def _read(self, h: Tensor, before: Tensor) -> Tensor:
        """(B, L, hidden) and the levels around (B, L, K) -> parameters of the head (B, L, channels)."""
        parameters = self.out(h).float().transpose(1, 2)
        return self.head.relative(parameters, self.head.value_before(before[..., 0])).transpose(1, 2)


@dataclass
class Cache:
    """What `PixelRNN.step` knows of n pictures in lockstep.

    Attributes:
        canvas: Levels so far with what lies outside, (n, rows x columns with margins).
        places: See `PixelRNN.at_places`.
        states: Of the LSTMs.
        pointer: Keys of the places so far.
        position: Pixels taken.
    """

    canvas: Tensor
    places: Tensor
    states: States
    pointer: PointerCache | None
    position: int = 0


def _shades(colours: Tensor, channels: int) -> Tensor:
    """First vectors (levels, channels) of colours (levels, 3), alike for similar shades but for some noise.

    Random Fourier features, as in `nn.condition.smooth_table`.
    """
    angles = colours.float() / 255 @ (3 * torch.randn(3, channels)) + 2 * math.pi * torch.rand(channels)
    return angles.cos() + 0.5 * torch.randn(len(colours), channels)


def _check(spec: DataSpec, config: PixelRNN.Config) -> None:
    if spec.shape[0] != 1:
        raise UserError(f"channels of a PixelRNN's data={spec.shape[0]} must be 1; use a palette or grey pictures")
    checks.between("number of neighbours", len(config.neighbours), 1, 1024)
    for row, column in config.neighbours:
        checks.between("row of a neighbour", row, -64, 0)
        checks.between("column of a neighbour", column, -64, 64)
        if row == 0 and column >= 0:
            raise UserError(
                f"neighbours with {(row, column)} must come before their pixel; take a row or column below 0"
            )
    if config.colours:
        checks.one_of("head for colours", config.head, ["categorical"])
        checks.equal("number of colours", len(config.colours), "levels", spec.levels)
    for name in ("entry", "hidden"):
        checks.between(name, getattr(config, name), 1, 8192)
    checks.between("layers", config.layers, 1, 16)
    checks.between("pointer", config.pointer, 0, 8192)
    for name in ("dropout", "entry_dropout"):
        checks.between(name, getattr(config, name), 0, 0.99)
    if config.pointer:
        _check_pointer(spec, config)


def _check_pointer(spec: DataSpec, config: PixelRNN.Config) -> None:
    if config.head != "categorical":
        raise UserError(f"pointer={config.pointer} needs head='categorical', not {config.head!r}; set pointer=0")
    if math.prod(spec.shape) > MOST_POINTED:
        raise UserError(f"pointer={config.pointer} takes at most {MOST_POINTED} pixels a picture; set pointer=0")
