"""WaveNet over frames of several codes each (cf. van den Oord et al., 2016, arXiv:1609.03499)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks
from synthgen.heads import Categorical
from synthgen.nn.causal import ConvCache
from synthgen.nn.condition import LabelEncoder
from synthgen.nn.gated import GatedLayer
from synthgen.records import DataSpec, Labels

from .autoregressive import Autoregressive


class CodeWaveNet(Autoregressive):
    """A causal stack over the frames before, and from it the codes of a frame one after the other.

    The prior of a VQ-VAE whose frames have several codes, the channels of an example (C, T). The stack runs once a
    frame, on all codes of the frame before; each code of a frame has tables and dense layers of its own, since those
    of one place in the frame mean something else than those of another (a step along time and then one along the
    codes is also how Lee et al., 2022, arXiv:2203.01941, section 3.2, draw residual codes). Labels are added within
    every gate, and the network knows the number of the frame: a note has an onset and a release.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Size and inputs of the network."""

        labels: tuple[str, ...] = ()
        """Labels that the model is given; the others are ignored."""
        dim: int = 128
        """Size of the label vector."""
        channels: int = 128
        """Width of the stack over frames."""
        skip_channels: int = 96
        """Width of what the stack hands on, and of the layers of each code."""
        blocks: int = 2
        """How often the dilations 1, 2, 4 ... are gone through."""
        layers: int = 5
        """Layers a block; the last one's dilation is 2 ** (layers - 1) frames."""
        dropout: float = 0.0
        """Share of what leaves the gates and of the layers of each code that is left out in training."""
        label_dropout: float = 0.0
        """Probability that a label is withheld in training."""
        temperature: float = 1.0
        """What codes are drawn at unless another is asked for."""

    config: Config

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        _check(spec, config)
        self.temperature = config.temperature
        self.head = Categorical(levels=spec.levels)
        (count, length), width, size = spec.shape, config.channels, config.skip_channels
        fields = tuple(spec.field(name) for name in config.labels)
        self.encoder = LabelEncoder(fields, config.dim, dropout=config.label_dropout) if fields else None
        self.entry = CodeTables(count, spec.levels + 1, width)  # the last row stands for nothing before the first
        self.places = nn.Parameter(torch.randn(width, length))
        dilations = [2**i for i in range(config.layers)] * config.blocks
        self.gates = nn.Linear(config.dim, len(dilations) * 2 * width) if fields else None
        self.layers = nn.ModuleList(
            GatedLayer(width, size, kernel=2, dilation=d, last=i == len(dilations) - 1, dropout=config.dropout)
            for i, d in enumerate(dilations)
        )
        self.before = CodeTables(count - 1, spec.levels, size)
        self.readout = CodeLayers(count, size, self.head.levels, dropout=config.dropout)

    def forward(self, x: Tensor, labels: Labels) -> Tensor:
        x = x.view(len(x), self.spec.shape[0], -1)
        past = F.pad(x, (1, 0), value=self.head.levels)[..., :-1]
        h = self.entry(past).sum(1) + self.places[:, : x.shape[2]]
        skip: Tensor | float = 0.0
        for layer, gate in zip(self.layers, self.at_gates(labels, len(x)), strict=True):
            h, skipped = layer(h, gate[..., None])
            skip = skip + skipped
        before = F.pad(self.before(x[:, :-1]), (0, 0, 0, 0, 1, 0)).cumsum(1)
        parameters = self.readout(skip, before)
        return parameters if self.spec.shape[0] > 1 else parameters[:, :, 0]

    def init_cache(self, labels: Labels, n: int) -> Cache:
        return Cache(
            gates=self.at_gates(labels, n),
            convs=[layer.conv.init_cache(n) for layer in self.layers],
            frame=torch.full((n, self.spec.shape[0]), self.head.levels, device=self.device),
        )

    def step(self, cache: Cache, previous: Tensor | None) -> Tensor:
        count = self.spec.shape[0]
        frame, code = divmod(cache.position, count)
        if previous is not None:
            cache.frame[:, (code - 1) % count] = previous
        if code == 0:
            cache.skip, cache.before = self._step_frame(cache, frame), None
        else:
            added = self.before.row(code - 1, cache.frame[:, code - 1])
            cache.before = added if cache.before is None else cache.before + added
        cache.position += 1
        return self.readout.one(code, cache.skip, cache.before)

    def at_gates(self, labels: Labels, n: int) -> Tensor:
        """What labels add within the gates of every layer, (layers, n, 2 * channels)."""
        if self.gates is None:
            return self.places.new_zeros(len(self.layers), n, 2 * self.config.channels)
        return self.gates(self.encoder(labels, n)).unflatten(1, (len(self.layers), -1)).transpose(0, 1)

    def _step_frame(self, cache: Cache, frame: int) -> Tensor:
        """The stack at the next frame: its skips (n, S)."""
        h = self.entry(cache.frame[..., None]).sum(1)[..., 0] + self.places[:, frame]
        skip: Tensor | float = 0.0
        for layer, gate, conv in zip(self.layers, cache.gates, cache.convs, strict=True):
            h, skipped = layer.step(h, gate, conv)
            skip = skip + skipped
        return skip


@dataclass
class Cache:
    """What `CodeWaveNet.step` knows of n sequences in lockstep.

    Attributes:
        gates: See `CodeWaveNet.at_gates`.
        convs: Past inputs of each layer.
        frame: The newest code of each place in a frame, (n, C).
        skip: Of this frame, (n, S).
        before: What the codes of this frame so far add, (n, S); None before the first.
        position: Codes taken.
    """

    gates: Tensor
    convs: list[ConvCache]
    frame: Tensor
    skip: Tensor | None = None
    before: Tensor | None = None
    position: int = 0


class CodeTables(nn.Module):
    """A table of vectors for each of several codes."""

    def __init__(self, count: int, levels: int, channels: int) -> None:
        """`levels` rows of length `channels` for each of `count` codes."""
        super().__init__()
        self.levels = levels
        self.rows = nn.Embedding(max(1, count) * levels, channels)
        nn.init.normal_(self.rows.weight, std=1 / math.sqrt(max(1, count)))

    def forward(self, x: Tensor) -> Tensor:
        """Codes (B, C, T) -> vectors (B, C, channels, T)."""
        first = self.levels * torch.arange(x.shape[1], device=x.device)
        return self.rows(x + first[:, None]).transpose(2, 3)

    def row(self, code: int, x: Tensor) -> Tensor:
        """The vectors (n, channels) of values (n,) of one code."""
        return self.rows(x + code * self.levels)


class CodeLayers(nn.Module):
    """Dense layers of each code of a frame, from what is known of the frames before and of the codes before."""

    def __init__(self, count: int, size: int, levels: int, *, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.context = nn.ModuleList(nn.Linear(size, size) for _ in range(count))
        self.before = nn.ModuleList(nn.Linear(size, size, bias=False) for _ in range(count - 1))
        self.hidden = nn.ModuleList(nn.Linear(size, size) for _ in range(count))
        self.out = nn.ModuleList(nn.Linear(size, levels) for _ in range(count))
        with torch.no_grad():
            for out in self.out:
                out.weight.mul_(0.1)

    def forward(self, skip: Tensor, before: Tensor) -> Tensor:
        """Skips (B, S, T) and what the codes before add (B, C, S, T) -> logits (B, levels, C, T)."""
        skip, before = skip.transpose(1, 2), before.transpose(2, 3)
        every = [self.one(c, skip, before[:, c]) for c in range(len(self.out))]
        return torch.stack(every, dim=1).movedim(-1, 1)

    def one(self, code: int, skip: Tensor, before: Tensor | None) -> Tensor:
        """The same of one code: (..., S) and (..., S), which the first code has no use for -> (..., levels)."""
        h = self.context[code](F.relu(skip))
        if code:
            h = h + self.before[code - 1](before)
        h = F.dropout(F.relu(h), self.dropout, self.training)
        h = F.relu(h + self.hidden[code](h))
        return self.out[code](h)


def _check(spec: DataSpec, config: CodeWaveNet.Config) -> None:
    checks.equal("axes of a CodeWaveNet's data", spec.ndim, "number of axes", 1)
    for label in config.labels:
        checks.one_of("label of the model", label, [field.name for field in spec.fields])
    for name in ("dim", "channels", "skip_channels"):
        checks.between(name, getattr(config, name), 1, 8192)
    checks.between("blocks", config.blocks, 1, 16)
    checks.between("layers", config.layers, 1, 16)
    checks.between("dropout", config.dropout, 0, 0.99)
    checks.between("label_dropout", config.label_dropout, 0, 1)
    checks.between("temperature", config.temperature, 1e-3, 100)
