"""WaveNet (van den Oord et al., 2016, arXiv:1609.03499)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks
from synthgen.heads import Categorical
from synthgen.nn.causal import ConvCache
from synthgen.nn.clock import Clock, Timbre
from synthgen.nn.gated import GatedLayer, Pointwise
from synthgen.nn.levels import LevelEntry
from synthgen.records import Batch, DataSpec, Labels, Loss

from .autoregressive_waveform import LEAD, MAX_SAMPLES, AutoregressiveWaveform
from .lockstep import Lockstep

FRAME = 256
"""Samples for which what is added within the gates stays the same; 16 ms at 16 kHz."""


class WaveNet(AutoregressiveWaveform):
    """Dilated causal convolutions with gated units, residual and skip connections, on waveforms with levels.

    Labels are added within every gate (section 2.5). Beyond the paper, the network may be told what is known of a
    note in advance: how long ago it began, and the phase of its pitch.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(AutoregressiveWaveform.Config):
        """Size and inputs of the network."""

        channels: int = 64
        """Width of the residual path and of the gates."""
        skip_channels: int = 64
        """Width of the skip path and of the layer before the head."""
        blocks: int = 3
        """How often the dilations 1, 2, 4 ... are gone through."""
        layers: int = 10
        """Layers a block; the last one's dilation is 2 ** (layers - 1)."""
        kernel: int = 2
        """Taps of each dilated convolution."""
        crop: int = 8192
        """Samples of each note that a training step looks at; 0 takes whole notes."""
        context: int = 512
        """Samples at the beginning of a crop that are only listened to, unless they begin the note."""

    config: Config

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        _check(config)
        width, dim = config.channels, config.dim
        self.by_time = nn.Sequential(nn.Linear(Clock.channels + dim, dim), nn.SiLU()) if config.clock else None
        self.entry = LevelEntry(self.head.levels, width, rows=isinstance(self.head, Categorical))
        self.place = nn.Linear(Clock.channels, width) if config.clock else None
        self.timbre = Timbre(dim, width, seconds=self.seconds, clock=config.clock) if config.periodic else None
        dilations = [2**i for i in range(config.layers)] * config.blocks
        self.gates = nn.Linear(dim, len(dilations) * 2 * width)
        self.layers = nn.ModuleList(
            GatedLayer(width, config.skip_channels, kernel=config.kernel, dilation=d, last=i == len(dilations) - 1)
            for i, d in enumerate(dilations)
        )
        self.hidden = Pointwise(config.skip_channels, config.skip_channels)
        self.out = Pointwise(config.skip_channels, self.head.channels)
        with torch.no_grad():
            self.out.weight.mul_(0.1)
            self.out.bias.copy_(self.head.initial())

    @property
    def receptive_field(self) -> int:
        """Number of samples that a prediction depends on."""
        return 1 + sum(layer.conv.span for layer in self.layers)

    def forward(self, x: Tensor, labels: Labels) -> Tensor:
        return self._stretch(self._before(x), labels, x.new_zeros(len(x)))

    def loss(self, batch: Batch) -> Loss:
        x = self.elements(batch.x)
        places, counted = self._crops(x)
        before = self.disturbed(self._before(x).gather(1, places))
        parameters = self._stretch(before, self.told(batch), places[:, 0]).float()
        nats = -(self.head.log_prob(parameters, x.gather(1, places)) * counted).sum() / counted.sum()
        return Loss(nats, {"bits": nats / math.log(2)})

    def init_cache(self, labels: Labels, n: int) -> Cache:
        vector, hz = self.conditions(labels, n)
        convs = [layer.conv.init_cache(n) for layer in self.layers]
        return Cache(vector=vector, hz=hz, lead=labels.get(LEAD), convs=convs)

    def step(self, cache: Cache, previous: Tensor | None) -> Tensor:
        place = cache.position % FRAME
        if not place:
            places = torch.arange(cache.position, cache.position + FRAME, device=self.device).expand(len(cache.hz), -1)
            cache.at_places = self.at_places(cache.vector, cache.hz, places, cache.lead)
            cache.at_frame = self.at_frames(cache.vector, places[:, :1])[:, 0].transpose(0, 1)
        before = torch.full_like(cache.hz, self.head.levels, dtype=torch.int64) if previous is None else previous
        h = self.entry(before) + cache.at_places[:, place]
        skip: Tensor | float = 0.0
        for layer, gate, conv in zip(self.layers, cache.at_frame, cache.convs, strict=True):
            h, skipped = layer.step(h, gate, conv)
            skip = skip + skipped
        cache.position += 1
        return self._finish(skip, before)

    def compiled(self, labels: Labels, n: int) -> Lockstep | None:
        from .wavenet_kernel import scanner

        return scanner(self, labels, n)

    def at_frames(self, vector: Tensor, places: Tensor) -> Tensor:
        """What is added within the gates from each of `places` (B, L) in samples on: (B, L, layers, 2 * channels).

        It stays the same for `FRAME` samples; without a clock, for ever.
        """
        mixed = vector[:, None].expand(-1, places.shape[1], -1)
        if self.clock is not None:
            mixed = mixed + self.by_time(torch.cat([self.clock(places * self.seconds), mixed], dim=-1))
        return self.gates(mixed).unflatten(-1, (len(self.layers), -1))

    def at_places(self, vector: Tensor, hz: Tensor, places: Tensor, lead: Tensor | None = None) -> Tensor:
        """What is added to the entering sample at each of `places` (B, T): (B, T, channels); `lead` as in `Cycles`."""
        added = self.entry.start.new_zeros(*places.shape, self.config.channels)
        if self.place is not None:
            added = added + self.place(self.clock(places * self.seconds))
        if self.timbre is not None:
            added = added + self.timbre(vector, hz, places, lead)
        return added

    def _before(self, x: Tensor) -> Tensor:
        """The level before each sample (B, T), `head.levels` before the first."""
        return F.pad(x, (1, 0), value=self.head.levels)[:, :-1]

    def _crops(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Places (B, T') of a random crop of each example (B, T), and which of them count.

        Crops that would reach beyond a note are moved into it, so that its ends are seen as often as its middle. They
        begin with whole frames, as what is added within the gates stays the same from there on.
        """
        length = x.shape[1]
        size = min(self.config.crop or length, length)
        size += (length - size) % FRAME
        heard = min(self.config.context, size)
        first = torch.randint(heard - size, length - heard + 1, (len(x), 1), device=x.device)
        first = (first.clamp(0, length - size) + FRAME // 2) // FRAME * FRAME
        offset = torch.arange(size, device=x.device)
        return first + offset, (first == 0) | (offset >= heard)

    def _stretch(self, before: Tensor, labels: Labels, first: Tensor) -> Tensor:
        """Parameters (B, channels, T) of stretches that begin at `first` (B,), whole frames, of their notes."""
        length = before.shape[1]
        vector, hz = self.conditions(labels, len(before))
        places = first[:, None] + torch.arange(length, device=before.device)
        added = self.at_places(vector, hz, places, labels.get(LEAD))
        h = (self.entry(before) + added).transpose(1, 2).contiguous()
        frames = places[:, ::FRAME] if self.clock is not None else places[:, :1]
        skip: Tensor | float = 0.0
        for layer, gate in zip(self.layers, self.at_frames(vector, frames).permute(2, 0, 3, 1), strict=True):
            h, skipped = layer(
                h, gate.repeat_interleave(FRAME, dim=2)[..., :length] if self.clock is not None else gate
            )
            skip = skip + skipped
        return self._finish(skip, before)

    def _finish(self, skip: Tensor, before: Tensor) -> Tensor:
        """Skips (B, S, *T) and the levels before (B, *T) -> parameters (B, channels, *T)."""
        value = self.head.value_before(before)
        return self.head.relative(self.out(F.relu(self.hidden(F.relu(skip)))).float(), value)


@dataclass
class Cache:
    """What `WaveNet.step` knows of n notes in lockstep.

    Attributes:
        vector: Label vectors (n, dim).
        hz: Pitches (n,).
        lead: See `Cycles`.
        convs: Past inputs of each layer.
        at_places: Of the samples of this frame, (n, FRAME, channels).
        at_frame: Of this frame, (layers, n, 2 * channels).
        position: Samples taken.
    """

    vector: Tensor
    hz: Tensor
    lead: Tensor | None
    convs: list[ConvCache]
    at_places: Tensor | None = None
    at_frame: Tensor | None = None
    position: int = 0


def _check(config: WaveNet.Config) -> None:
    for name in ("channels", "skip_channels"):
        checks.between(name, getattr(config, name), 1, 8192)
    checks.between("blocks", config.blocks, 1, 16)
    checks.between("layers", config.layers, 1, 16)
    checks.between("kernel", config.kernel, 2, 16)
    checks.between("context", config.context, 0, MAX_SAMPLES)
