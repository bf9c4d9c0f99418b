"""PixelCNN++ (Salimans et al., 2017, arXiv:1701.05517)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks
from synthgen.heads import Categorical, HeadName, make_head
from synthgen.nn.condition import LabelEncoder
from synthgen.nn.shifted import STREAMS, Apart, Block, Entry, ShiftedConv, ShiftedRise, Streams
from synthgen.records import DataSpec, Labels

from .autoregressive import Autoregressive
from .pixelcnnpp_colour import make_colour

if TYPE_CHECKING:
    from .lockstep import Lockstep
    from .pixelcnnpp_steps import Steps

ROW = 16
"""Size of the learned vectors by which levels enter that need not lie on a line."""


class PixelCNNpp(Autoregressive):
    """Two streams of gated residual layers at several resolutions, and one mixture for all channels of a pixel.

    The network looks at whole pixels: all that it says of a pixel comes from the pixels before it; how the channels of
    a pixel depend on each other is in `JointMixture`. Pictures are filled up at the bottom and to the right where their
    size is not divisible.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Size and inputs of the network."""

        num_resnet: int = 2
        """Gated residual layers at each resolution on the way down; one more on the way up."""
        num_hierarchies: int = 3
        """Resolutions, each half the one before; 1 stays at the picture's own."""
        num_filters: int = 64
        """Channels of both streams."""
        num_logistic_mix: int = 10
        """Logistics of the mixture."""
        dropout_p: float = 0.1
        """Probability that a channel of a pixel is dropped within a residual layer in training."""
        shortcuts: bool = True
        """Lead the layers on the way down to those on the way up."""
        positions: bool = True
        """Tell the network in which row and column a pixel lies; beyond the paper, for pictures that fill a frame."""
        head: HeadName = "logistic_mixture"
        """A mixture of logistics for ordered levels, a softmax over all levels, or the logit of the second of two."""
        weight_norm: bool = False
        """Learn direction and length of each filter apart."""
        labels: tuple[str, ...] = ()
        """Labels that the model is given; the others are ignored."""
        dim: int = 64
        """Size of the label vector."""
        label_dropout: float = 0.0
        """Probability that a label is withheld in training."""
        temperature: float = 1.0
        """What pictures are drawn at unless another is asked for."""

    config: Config

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        _check(spec, config)
        self.temperature = config.temperature
        self.head = make_head(config.head, levels=spec.levels, components=config.num_logistic_mix)
        fields = tuple(spec.field(name) for name in config.labels)
        self.encoder = LabelEncoder(fields, config.dim, dropout=config.label_dropout) if fields else None
        channels, width, norm = spec.shape[0], config.num_filters, config.weight_norm
        self.rows = nn.Embedding(self.head.levels, ROW) if isinstance(self.head, Categorical) else None
        self.places = plan(config)
        inputs = channels * (1 if self.rows is None else 1 + ROW) + 1
        step = 2 ** (config.num_hierarchies - 1)
        self.size = tuple(-(-side // step) * step for side in spec.shape[1:])
        self.layers = nn.ModuleList(self._layer(place, inputs) for place in self.places)
        blocks = sum(place.kind == "block" for place in self.places)
        self.gates = nn.Linear(config.dim, blocks * 4 * width) if fields else None
        self.colour = make_colour(self.head, channels, width)
        self.out = ShiftedConv(width, self.colour.outputs, stream="horizontal", kernel=(1, 1), weight_norm=norm)
        self.out.shrink(0.1)
        with torch.no_grad():
            self.out.bias.copy_(self.colour.initial())

    def forward(self, x: Tensor, labels: Labels) -> Tensor:
        x = self.pixels(x)
        height, width = x.shape[2:]
        entering = F.pad(self.embed(x), (0, self.size[1] - width, 0, self.size[0] - height))
        made: list[Streams] = []
        for place, layer, gates in zip(self.places, self.layers, self.gates_of(labels, len(x)), strict=True):
            if place.kind == "entry":
                made.append(layer(entering))
            elif place.kind == "block":
                made.append(layer(made[-1], None if place.skip is None else made[place.skip], gates))
            else:
                made.append(layer(made[-1]))
        raw = self.out(F.elu(made[-1].horizontal.x))[:, :, :height, :width].float()
        parameters = self.colour(raw, x, x.shape[1])
        return parameters[0] if self.spec.shape[0] == 1 else torch.stack(parameters, dim=2)

    def init_cache(self, labels: Labels, n: int) -> Steps:
        from .pixelcnnpp_steps import Steps

        return Steps(self, labels, n)

    def step(self, cache: Steps, previous: Tensor | None) -> Tensor:
        return cache(previous)

    def compiled(self, labels: Labels, n: int) -> Lockstep | None:
        from .pixelcnnpp_kernel import scanner

        return scanner(self, labels, n)

    def pixels(self, x: Tensor) -> Tensor:
        """Elements (B, *E) with their channels, (B, C, H, W)."""
        return x[:, None] if self.spec.shape[0] == 1 else x

    def embed(self, x: Tensor) -> Tensor:
        """Pixels (B, C, *S) as they enter the network, (B, inputs, *S): a one tells the picture from its surroundings.

        Where each level has a probability of its own, it has a learned vector, too.
        """
        parts = [self.head.scale(x), torch.ones_like(x[:, :1], dtype=torch.float32)]
        if self.rows is not None:
            parts.append(self.rows(x).movedim(-1, 2).flatten(1, 2))
        return torch.cat(parts, dim=1)

    def label_gates(self, labels: Labels, n: int) -> Tensor | None:
        """What labels add before the gates of both streams of each block, (n, blocks, 2, 2 * num_filters)."""
        if self.gates is None:
            return None
        return self.gates(self.encoder(labels, n)).unflatten(1, (-1, 2, 2 * self.config.num_filters))

    def gates_of(self, labels: Labels, n: int) -> list[Sequence[Tensor | None]]:
        """The same for both streams of each layer, (n, 2 * num_filters, 1, 1), or None."""
        gates = self.label_gates(labels, n)
        if gates is None:
            return [(None, None)] * len(self.places)
        each = iter(gates[..., None, None].unbind(1))
        return [next(each).unbind(1) if place.kind == "block" else (None, None) for place in self.places]

    def _layer(self, place: Place, inputs: int) -> nn.Module:
        config = self.config
        width, norm = config.num_filters, {"weight_norm": config.weight_norm}
        if place.kind == "entry":
            return Entry(inputs, width, size=self.size if config.positions else None, **norm)
        if place.kind == "block":
            return Block(width, shortcut=place.skip is not None, dropout=config.dropout_p, **norm)
        if place.kind == "down":
            return Apart(*(ShiftedConv(width, width, stream=stream, stride=2, **norm) for stream in STREAMS))
        return Apart(*(ShiftedRise(width, stream=stream, **norm) for stream in STREAMS))


@dataclass(frozen=True, kw_only=True)
class Place:
    """A layer's place in the network; what enters it is the layer before.

    Attributes:
        kind: ``entry``, ``block``, ``down`` (to half the resolution) or ``up`` (to twice).
        level: How often the resolution of what leaves it has been halved.
        skip: Number of the layer whose short-cut ends here.
    """

    kind: Literal["entry", "block", "down", "up"]
    level: int
    skip: int | None = None


def plan(config: PixelCNNpp.Config) -> list[Place]:
    """All layers in their order: on the way up each resolution has one for each of the way down (figure 2)."""
    places = [Place(kind="entry", level=0)]
    for level in range(config.num_hierarchies):
        places += [Place(kind="down", level=level)] * (level > 0)
        places += [Place(kind="block", level=level)] * config.num_resnet
    open_ends = list(range(len(places) - 1))
    for level in reversed(range(config.num_hierarchies)):
        while open_ends and places[open_ends[-1]].level == level:
            skip = open_ends.pop()
            places.append(Place(kind="block", level=level, skip=skip if config.shortcuts else None))
        if level:
            places.append(Place(kind="up", level=level - 1))
    return places


def _check(spec: DataSpec, config: PixelCNNpp.Config) -> None:
    checks.equal("axes of a PixelCNNpp's data", spec.ndim, "number of axes", 2)
    checks.between("channels of a PixelCNNpp's data", spec.shape[0], 1, 4)
    for label in config.labels:
        checks.one_of("label of the model", label, [field.name for field in spec.fields])
    checks.between("num_resnet", config.num_resnet, 1, 64)
    checks.between("num_hierarchies", config.num_hierarchies, 1, 8)
    checks.between("num_logistic_mix", config.num_logistic_mix, 1, 256)
    for name in ("num_filters", "dim"):
        checks.between(name, getattr(config, name), 1, 8192)
    checks.between("dropout_p", config.dropout_p, 0, 0.99)
    checks.between("label_dropout", config.label_dropout, 0, 1)
    checks.between("temperature", config.temperature, 1e-3, 100)
