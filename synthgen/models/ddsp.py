"""Labels to a note by a bank of oscillators and filtered noise, whose controls a network draws.

Differentiable digital signal processing (Engel et al., 2020, arXiv:2001.04643). The paper's decoder is given the pitch
and loudness of a recording over time; here labels are all there is, and the network draws both itself: a small
upsampling CNN over frames in place of the paper's recurrent layer, so that all frames are computed at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks
from synthgen.losses.partial_frequency import PartialFrequency
from synthgen.losses.spectral import MultiResolution
from synthgen.nn.condition import LabelEncoder
from synthgen.nn.conv import ResidualBlock, Upsample, conv
from synthgen.records import Batch, DataSpec, Labels, Loss
from synthgen.signal.filtered_noise import filtered_noise, white_noise
from synthgen.signal.oscillator import cents_to_ratio, elapsed, oscillator_bank, partial_frequencies
from synthgen.signal.pitch import midi_to_hz

from .base import GenerativeModel

FIRST_PARTIALS_DB, FIRST_NOISE_DB = -60.0, -105.0
"""Levels to begin training with: those of a soft note, and about the rounding noise of 16 bits."""
DB_PER_UNIT = 20.0
"""Decibels that one unit of the network's output stands for."""
LOUDEST_DB, SOFTEST_DB = 6.0, -200.0
STIFFEST = 0.02
"""Largest inharmonicity; a piano's topmost strings have about half of it."""


@dataclass(frozen=True, kw_only=True)
class Controls:
    """What the synthesizer is told, at L frames.

    Attributes:
        amplitude: Of each partial, (B, K, L).
        noise: Gain of each band of noise of variance 1, (B, N, L).
        hz: Frequencies of the partials where the pitch does not deviate, (B, K).
        phase: Radians of the partials at the beginning of the note, (B, K).
        cents: Deviation of the pitch, (B, L).
        start: What `signal.oscillator.elapsed` gives for the first frame, (B,).
    """

    amplitude: Tensor
    noise: Tensor
    hz: Tensor
    phase: Tensor
    cents: Tensor
    start: Tensor

    def with_pitch_fixed(self) -> Controls:
        """The same, with no gradient to the frequencies."""
        fixed = {name: getattr(self, name).detach() for name in ("hz", "cents", "start")}
        return replace(self, **fixed)

    def crop(self, first: Tensor, frames: int, *, hop_length: int) -> Controls:
        """`frames` frames of each note from the frame `first` (B,) on."""
        index = first[:, None] + torch.arange(frames, device=first.device)
        time = elapsed(cents_to_ratio(self.cents), hop_length=hop_length) + self.start[:, None]
        return replace(
            self,
            amplitude=torch.take_along_dim(self.amplitude, index[:, None], 2),
            noise=torch.take_along_dim(self.noise, index[:, None], 2),
            cents=self.cents.gather(1, index),
            start=time.gather(1, first[:, None])[:, 0],
        )


class DDSP(GenerativeModel):
    """Label vector -> controls over time -> harmonic oscillators + filtered noise.

    The pitch label itself sets the oscillators, also between and beyond the pitches that were learned; where it is
    unknown the middle one is played.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Size of the synthesizer and of the network."""

        labels: tuple[str, ...] = ("instrument", "pitch", "velocity")
        """Labels that the network is given; the others are ignored."""
        pitch: str = "pitch"
        """Label that is the MIDI pitch of the oscillators."""
        partials: int = 128
        """Oscillators; those at or above half the sample rate are silent."""
        bands: int = 65
        """Bands of the noise filter, from 0 to half the sample rate; 65 bands make a filter of 8 ms at 16 kHz."""
        hop_length: int = 64
        """Samples between frames; 64 is 4 ms at 16 kHz."""
        cents: float = 50.0
        """Largest detuning of a note, and largest deviation within it (vibrato, glide)."""
        dim: int = 384
        """Size of the label vector."""
        channels: tuple[int, ...] = (256, 192, 160, 128)
        """Width of each level over time, coarse to fine."""
        strides: tuple[int, ...] = (4, 4, 4)
        """Upsampling in time between levels."""
        seed_channels: int = 64
        """Width of the coarse row of frames that the label vector is laid out on."""
        label_dropout: float = 0.0
        """Probability that a label is withheld from the network in training."""
        crop: int = 0
        """Frames of each note, at a random place, that a training step compares; 0 compares whole notes."""
        frequency_weight: float = 1.0
        """Weight of the partials' frequency error in bins beside the spectral distance in dB."""

    config: Config

    def __init__(
        self, spec: DataSpec, config: Config, criterion: Callable[[Tensor, Tensor], Tensor] | None = None
    ) -> None:
        super().__init__(spec, config)
        _check(spec, config)
        self.criterion = criterion or MultiResolution()
        self.partial_frequency = PartialFrequency()
        self.sample_rate = round(1 / spec.axes[0].step)
        self.frames = math.ceil(spec.shape[1] / config.hop_length) + 1
        fields = tuple(spec.field(name) for name in config.labels)
        self.register_buffer("pitches", torch.tensor(spec.field(config.pitch).values), persistent=False)
        self.encoder = LabelEncoder(fields, config.dim, dropout=config.label_dropout)
        levels = config.partials + config.bands
        self.whole = nn.Sequential(
            nn.Linear(config.dim, config.dim), nn.SiLU(), nn.Linear(config.dim, levels + config.partials + 2)
        )
        self.moving = FrameNetwork(config, self.frames, levels + 1)

    def controls(self, labels: Labels, n: int) -> Controls:
        """Labels and the batch size -> controls of whole notes."""
        c, vector = self.config, self.encoder(labels, n)
        levels = (c.partials, c.bands)
        moving_partials, moving_noise, bend = self.moving(vector).float().split((*levels, 1), dim=1)
        partials, noise, phase, detune, stiffness = self.whole(vector).float().split((*levels, c.partials, 1, 1), dim=1)
        hz = midi_to_hz(self._midi(labels, n).double())
        inharmonicity = STIFFEST * torch.tanh(0.01 * stiffness[:, 0].square())
        return Controls(
            amplitude=_gain(partials[..., None] + moving_partials, FIRST_PARTIALS_DB),
            noise=_gain(noise[..., None] + moving_noise, FIRST_NOISE_DB),
            hz=partial_frequencies(hz, partials=c.partials, inharmonicity=inharmonicity),
            phase=phase,
            # The network's unit is a tenth of the bound: cents have to be hit more exactly than decibels.
            cents=c.cents * (torch.tanh(0.1 * detune) + torch.tanh(0.1 * bend[:, 0])),
            start=torch.zeros_like(hz),
        )

    def render(self, controls: Controls, noise: Tensor) -> Tensor:
        """Controls of L frames and white noise (B, (L - 1) * hop_length) -> waveforms as long as the noise."""
        hop = self.config.hop_length
        with torch.autocast(noise.device.type, enabled=False):
            tones = oscillator_bank(
                controls.amplitude,
                controls.hz,
                ratio=cents_to_ratio(controls.cents),
                hop_length=hop,
                sample_rate=self.sample_rate,
                phase=controls.phase,
                start=controls.start,
            )
            return tones + filtered_noise(noise, controls.noise, hop_length=hop)

    def loss(self, batch: Batch) -> Loss:
        """Spectral distance for levels and phases, `PartialFrequency` for frequencies.

        The spectral distance has no say in the frequencies: where its gradient reached them too, a detuning of a few
        cents was not learned.
        """
        c, target = self.config, batch.x[:, 0]
        controls = self.controls(batch.labels, len(batch))
        if self.training and 0 < c.crop < self.frames - 1:
            first = torch.randint(0, self.frames - c.crop, (len(batch),), device=target.device)
            controls = controls.crop(first, c.crop + 1, hop_length=c.hop_length)
            target = _excerpts(target, first * c.hop_length, c.crop * c.hop_length)
        noise = white_noise((len(batch), (controls.cents.shape[1] - 1) * c.hop_length), like=target)
        estimate = self.render(controls.with_pitch_fixed(), noise)[:, : target.shape[1]]
        with torch.autocast(target.device.type, enabled=False):
            spectral = self.criterion(estimate[:, None], target[:, None])
            hz = controls.hz[..., None].float() * cents_to_ratio(controls.cents)[:, None]
            frequency = self.partial_frequency(hz, target, hop_length=c.hop_length, sample_rate=self.sample_rate)
        total = spectral + c.frequency_weight * frequency
        return Loss(total, {"spectral": spectral, "frequency": frequency})

    @torch.no_grad()
    def sample(self, n: int, labels: Labels, *, rng: torch.Generator | Sequence[torch.Generator]) -> Tensor:
        """Draw n examples, (n, 1, T); with a generator an example, each is the same whatever the others are."""
        controls = self.controls(labels, n)
        length = (self.frames - 1) * self.config.hop_length
        if isinstance(rng, torch.Generator):
            noise = white_noise((n, length), rng=rng, like=controls.amplitude)
        else:
            checks.equal("number of generators", len(rng), "number of examples", n)
            noise = torch.cat([white_noise((1, length), rng=one, like=controls.amplitude) for one in rng])
        return self.render(controls, noise)[:, None, : self.spec.shape[1]]

    def _midi(self, labels: Labels, n: int) -> Tensor:
        label, middle = labels.get(self.config.pitch), self.pitches[len(self.pitches) // 2]
        if label is None:
            return middle.expand(n)
        midi = label @ self.pitches if label.ndim == 2 else label.to(middle)
        return torch.where(midi.isfinite(), midi, middle)


class FrameNetwork(nn.Module):
    """Label vector (B, dim) -> features of each frame (B, C, L), coarse to fine."""

    def __init__(self, config: DDSP.Config, frames: int, features: int) -> None:
        super().__init__()
        widths = config.channels
        self.frames, self.seed_channels = frames, config.seed_channels
        self.seed = nn.Linear(config.dim, config.seed_channels * math.ceil(frames / math.prod(config.strides)))
        self.widen = conv(1, config.seed_channels, widths[0], kernel=1)
        self.blocks = nn.ModuleList(ResidualBlock(1, w, dim=config.dim) for w in widths)
        self.upsample = nn.ModuleList(
            Upsample(1, a, b, stride=(s,), transposed=True)
            for a, b, s in zip(widths, widths[1:], config.strides, strict=False)
        )
        self.head = conv(1, widths[-1], features, kernel=1)

    def forward(self, vector: Tensor) -> Tensor:
        """(B, dim) -> (B, features, frames)."""
        x = self.widen(self.seed(vector).unflatten(1, (self.seed_channels, -1)))
        for block, up in zip(self.blocks, self.upsample, strict=False):
            x = up(block(x, vector))
        x = self.blocks[-1](x, vector)[..., : self.frames]
        return self.head(F.silu(x))


def _gain(level: Tensor, first_db: float) -> Tensor:
    """The network's levels to amplitudes."""
    return 10 ** ((first_db + DB_PER_UNIT * level).clamp(SOFTEST_DB, LOUDEST_DB) / 20)


def _excerpts(x: Tensor, start: Tensor, samples: int) -> Tensor:
    """(B, T) and (B,) -> (B, samples); what lies beyond the end is silent."""
    index = start[:, None] + torch.arange(samples, device=x.device)
    return F.pad(x, (0, samples)).gather(1, index)


def _check(spec: DataSpec, config: DDSP.Config) -> None:
    for name in (*config.labels, config.pitch):
        checks.one_of("label of the model", name, [f.name for f in spec.fields])
    if spec.field(config.pitch).kind != "ordinal":
        raise checks.UserError(f"pitch={config.pitch!r} must be a label with MIDI pitches; it is none")
    if spec.ndim != 1 or spec.shape[0] != 1 or spec.levels or [axis.unit for axis in spec.axes] != ["seconds"]:
        raise checks.UserError(f"DDSP makes waveforms (1, T), not examples of shape {spec.shape}; choose Waveform")
    checks.equal("number of strides", len(config.strides), "number of channels - 1", len(config.channels) - 1)
    checks.between("number of channels", len(config.channels), 1, 16)
    checks.between("cents", config.cents, 0, 1200)
    checks.between("crop", config.crop, 0, 1_000_000)
    checks.between("frequency_weight", config.frequency_weight, 0, 1e6)
    sizes = {"partials": (config.partials,), "channels": config.channels, "strides": config.strides}
    sizes |= {name: (getattr(config, name),) for name in ("bands", "hop_length", "dim", "seed_channels")}
    for name, values in sizes.items():
        for value in values:
            checks.between(name, value, 2 if name == "bands" else 1, 64 if name == "strides" else 8192)
