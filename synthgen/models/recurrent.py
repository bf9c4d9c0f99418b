"""SampleRNN (Mehri et al., 2017, arXiv:1612.07837) with two tiers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks
from synthgen.heads import Categorical
from synthgen.nn.causal import CausalConv1d, ConvCache
from synthgen.nn.clock import Clock, Cycles, Timbre
from synthgen.nn.levels import LevelEntry
from synthgen.nn.recurrent import GatedRecurrent
from synthgen.records import Batch, DataSpec, Labels, Loss

from .autoregressive_waveform import LEAD, AutoregressiveWaveform
from .lockstep import Lockstep


class SampleRNN(AutoregressiveWaveform):
    """A GRU that takes a step a frame, and dense layers that take one a sample, on waveforms with levels.

    The GRU sees whole frames of samples and gives each sample of the next frame a vector; the dense layers see that
    vector and the newest samples (section 2). A GRU at the rate of samples, as in WaveRNN (Kalchbrenner et al., 2018,
    arXiv:1802.08435), makes 64,000 dependent steps a note, which no library makes fast on a CPU in training. Here there
    are 2,000, and all else is computed side by side; a sample costs a third of what it costs a WaveNet of 30 layers.

    Beyond the paper, the network is told the labels, the time since the onset, and the phase of the pitch. The GRU goes
    through a note from its onset; gradients go back to the beginning of the crop only (truncated as in section 3.1).
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(AutoregressiveWaveform.Config):
        """Size and inputs of the network."""

        frame: int = 32
        """Samples a step of the GRU; 2 ms at 16 kHz."""
        hidden: int = 384
        """Size of the GRU's state."""
        window: int = 32
        """Newest samples that the dense layers see."""
        entry: int = 16
        """Size of the vector that a sample enters as."""
        channels: int = 128
        """Width of the dense layers."""
        layers: int = 3
        """Number of dense layers before the head."""
        crop: int = 4096
        """Samples of each note that a training step looks at, rounded to frames; 0 takes whole notes."""

    config: Config

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        _check(config)
        dim, width = config.dim, config.channels
        known = dim + config.clock * Clock.channels + bool(config.periodic) * Cycles.channels
        self.by_frame = nn.Sequential(nn.Linear(known, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.begin = nn.Linear(dim, config.hidden)
        self.entry = LevelEntry(self.head.levels, config.entry, rows=isinstance(self.head, Categorical))
        self.recurrent = GatedRecurrent(config.frame * config.entry + dim, config.hidden)
        self.spread = nn.Linear(config.hidden, config.frame * width)
        self.newest = CausalConv1d(config.entry, width, kernel=config.window)
        self.timbre = Timbre(dim, width, seconds=self.seconds, clock=config.clock) if config.periodic else None
        self.dense = nn.ModuleList(nn.Linear(width, width) for _ in range(config.layers))
        self.out = nn.Linear(width, self.head.channels)
        with torch.no_grad():
            self.out.weight.mul_(0.1)
            self.out.bias.copy_(self.head.initial())

    def forward(self, x: Tensor, labels: Labels) -> Tensor:
        return self.stretch(x, labels, start=0, length=x.shape[1])

    def loss(self, batch: Batch) -> Loss:
        x, frame = self.elements(batch.x), self.config.frame
        length = min(-(-(self.config.crop or x.shape[1]) // frame) * frame, x.shape[1])
        # Crops that would begin before the note begin with it, so that onsets are seen as often as what follows.
        start = max(0, int(torch.randint(-length, x.shape[1] - length + 1, ()))) // frame * frame
        parameters = self.stretch(self.disturbed(x), self.told(batch), start=start, length=length).float()
        nats = -self.head.log_prob(parameters, x[:, start : start + length]).mean()
        return Loss(nats, {"bits": nats / math.log(2)})

    def init_cache(self, labels: Labels, n: int) -> Cache:
        vector, hz = self.conditions(labels, n)
        heard = torch.full((n, self.config.frame), self.head.levels, device=self.device)
        return Cache(
            vector=vector,
            hz=hz,
            lead=labels.get(LEAD),
            heard=heard,
            state=self.first_state(vector),
            newest=self.newest.init_cache(n),
        )

    def step(self, cache: Cache, previous: Tensor | None) -> Tensor:
        frame, n = self.config.frame, len(cache.hz)
        place = cache.position % frame
        if previous is None:
            previous = cache.heard[:, -1]
        else:
            cache.heard = torch.cat([cache.heard[:, 1:], previous[:, None]], dim=1)
        if not place:
            places = torch.arange(cache.position, cache.position + frame, device=self.device).expand(n, -1)
            told = self.at_frames(cache.vector, cache.hz, places[:, :1], cache.lead)[:, 0]
            heard = torch.cat([self.entry(cache.heard).flatten(1), told], dim=1)
            cache.state = self.recurrent.step(heard, cache.state)
            cache.spread = self.spread(cache.state).view(n, frame, -1) + self.at_places(
                cache.vector, cache.hz, places, cache.lead
            )
        cache.position += 1
        newest = self.newest.step(self.entry(previous), cache.newest)
        return self._finish(newest + cache.spread[:, place], previous)

    def compiled(self, labels: Labels, n: int) -> Lockstep | None:
        from .recurrent_kernel import scanner

        return scanner(self, labels, n)

    def first_state(self, vector: Tensor) -> Tensor:
        """Label vectors (n, dim) -> the GRU's state before the onset (n, hidden)."""
        return self.begin(vector).tanh()

    def at_frames(self, vector: Tensor, hz: Tensor, places: Tensor, lead: Tensor | None = None) -> Tensor:
        """What the GRU is told at frames from `places` (B, L) in samples on: (B, L, dim); `lead` as in `Cycles`."""
        told = [vector[:, None].expand(-1, places.shape[1], -1)]
        if self.clock is not None:
            told.append(self.clock(places * self.seconds))
        if self.timbre is not None:
            told.append(self.timbre.cycles(hz, places, lead).transpose(1, 2))
        return self.by_frame(torch.cat(told, dim=-1))

    def at_places(self, vector: Tensor, hz: Tensor, places: Tensor, lead: Tensor | None = None) -> Tensor | float:
        """What the dense layers are told at each of `places` (B, T): (B, T, channels), or 0."""
        return 0.0 if self.timbre is None else self.timbre(vector, hz, places, lead)

    def stretch(self, x: Tensor, labels: Labels, *, start: int, length: int) -> Tensor:
        """Parameters (B, channels, length) of the samples from `start` on, the beginning of a frame."""
        frame, stop = self.config.frame, start + length
        vector, hz = self.conditions(labels, len(x))
        frames = -(-stop // frame)
        heard = F.pad(x, (frame, frame), value=self.head.levels)[:, : frames * frame].unflatten(1, (frames, frame))
        places = torch.arange(frames * frame, device=x.device).expand(len(x), -1)
        lead = labels.get(LEAD)
        told = self.at_frames(vector, hz, places[:, ::frame], lead)
        states = self._states(heard, told, self.first_state(vector), start // frame)
        spread = self.spread(states).unflatten(2, (frame, -1)).flatten(1, 2)[:, :length]
        before = F.pad(x, (1, 0), value=self.head.levels)[:, :stop]
        listen = max(0, start - self.newest.span)
        newest = self.newest(self.entry(before[:, listen:]).transpose(1, 2))[..., start - listen :].transpose(1, 2)
        y = newest + spread + self.at_places(vector, hz, places[:, start:stop], lead)
        return self._finish(y, before[:, start:])

    def _states(self, heard: Tensor, told: Tensor, state: Tensor, first: int) -> Tensor:
        """The GRU's states (B, L, hidden) from frame `first` on, without gradients before it."""
        if first:
            with torch.no_grad():
                entered = torch.cat([self.entry(heard[:, :first]).flatten(2), told[:, :first]], dim=-1)
                state = self.recurrent(entered, state)[:, -1]
        return self.recurrent(torch.cat([self.entry(heard[:, first:]).flatten(2), told[:, first:]], dim=-1), state)

    def _finish(self, y: Tensor, before: Tensor) -> Tensor:
        """(B, *T, width) and the levels before (B, *T) -> parameters (B, channels, *T)."""
        for layer in self.dense:
            y = y + layer(F.relu(y))
        value = self.head.value_before(before)
        return self.head.relative(self.out(F.relu(y)).movedim(-1, 1).float(), value)


@dataclass
class Cache:
    """What `SampleRNN.step` knows of n notes in lockstep.

    Attributes:
        vector: Label vectors (n, dim).
        hz: Pitches (n,).
        lead: See `Cycles`.
        heard: Levels of the last `frame` samples (n, frame).
        state: Of the GRU (n, hidden).
        newest: Past inputs of the dense layers.
        spread: What they are told of this frame's samples, (n, frame, width).
        position: Samples taken.
    """

    vector: Tensor
    hz: Tensor
    lead: Tensor | None
    heard: Tensor
    state: Tensor
    newest: ConvCache
    spread: Tensor | None = None
    position: int = 0


def _check(config: SampleRNN.Config) -> None:
    for name in ("hidden", "entry", "channels"):
        checks.between(name, getattr(config, name), 1, 8192)
    for name in ("frame", "window"):
        checks.between(name, getattr(config, name), 1, 1024)
    checks.between("layers", config.layers, 0, 16)
