"""Labels to a waveform by a CNN over frames and an inverse STFT, with phases that follow the labelled pitch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from synthgen import checks
from synthgen.nn.condition import LabelEncoder
from synthgen.records import Axis, Batch, DataSpec, Labels, Loss
from synthgen.signal.flat_noise import flat_noise
from synthgen.signal.oscillator import partial_frequencies
from synthgen.signal.partials import MOST, partials_stft
from synthgen.signal.pitch import midi_to_hz
from synthgen.signal.stft import istft, stft

from .base import GenerativeModel
from .decoder import Criterion, Decoder, Upsampler, check_config, mean_absolute_error

Head = Literal["source", "spectrum"]

RANGE_DB = 128.0
"""Decibels between the outputs -1 and 1 of the CNN; 1 is a full-scale sine, as in `Spectrogram`."""
LOUDEST = 1.2
CENTS = 30.0
"""Largest correction of the labelled pitch."""
STIFFEST, STIFFNESS_DECADES = -2.5, 3.0
"""Inharmonicity is 10 ** -2.5 at most, and spans 2 x 3 decades below."""
PACE = 0.1
"""Scale of what is learned of the tuning, so that an optimizer's step moves it by less than a cent."""
BREATH = 1e-3
"""Level of the noise that fills the gaps between partials where phases are referred to both."""


class WaveformDecoder(GenerativeModel):
    """Label vector -> CNN -> maps over frequency and time -> inverse STFT -> waveform.

    The transform is the network's last layer, as in iSTFTNet (Kaneko et al., 2022, arXiv:2203.02395) and Vocos
    (Siuzdak, 2023, arXiv:2306.00814). From labels alone a CNN cannot find phases that agree over thousands of periods,
    so that a source gives them: steady partials of the labelled pitch, whose tuning and stiffness (inharmonicity)
    are learned, and noise that all notes share (cf. neural source-filter models, Wang et al., 2019,
    arXiv:1904.12088). A regression: `sample` draws nothing.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Size and shape of the network."""

        body: Decoder.Config = field(default_factory=lambda: Decoder.Config(periodic="pitch"))
        """The CNN: over frequency and frames, or over frames alone where `patch` and `strides` have one axis."""
        head: Head = "source"
        """Filter partials and noise each by a map and add them, or take magnitudes and turns of the source's phases."""
        pitch: str = "pitch"
        """Label that partials follow, in MIDI pitches; without it a note is filtered noise."""
        voices: tuple[float, ...] = (1.0,)
        """First partial of each series in multiples of the pitch; 0.5 adds an octave below. Each is tuned by itself."""
        n_fft: int = 1024
        """Window and FFT length in samples."""
        hop_length: int = 256
        """Step between frames in samples."""

    config: Config

    def __init__(self, spec: DataSpec, config: Config, criterion: Criterion = mean_absolute_error) -> None:
        super().__init__(spec, config)
        self.criterion = criterion
        _check(spec, config)
        frames = _frames_spec(spec, config)
        check_config(frames, config.body)
        fields = tuple(spec.field(name) for name in config.body.labels)
        table = 64 if config.body.encoding == "embedding" else None
        self.encoder = LabelEncoder(fields, config.body.dim, table=table, dropout=config.body.label_dropout)
        self.body = Upsampler(frames, config.body)
        self.source = Source(spec, config)

    @torch.no_grad()
    def begin_with(self, decoder: Decoder) -> None:
        """Take over the CNN of a decoder of log magnitudes, which every map of levels then begins as.

        Raises:
            UserError: its CNN or its labels are others.
        """
        own, given, taken = self.state_dict(), decoder.state_dict(), {}
        for name, weights in given.items():
            maps = self.body.shape[0] if name.startswith("body.head.") else 1
            taken[name] = weights.repeat(maps, *[1] * (weights.ndim - 1)) if maps > 1 else weights
            if maps > 1 and self.config.head == "spectrum":
                taken[name][len(weights) :] = 0  # the source's phases, not turned
        expected = {name: weights.shape for name, weights in own.items() if not name.startswith("source.")}
        shapes = {name: weights.shape for name, weights in taken.items()}
        if shapes != expected or decoder.spec.fields != self.spec.fields:
            raise checks.UserError("the decoder's CNN or labels are not this model's; choose the same body and data")
        self.load_state_dict(own | taken)

    def forward(self, labels: Labels, n: int) -> Tensor:
        """Labels and the batch size -> waveforms (n, 1, T)."""
        vector = self.encoder(labels, n)
        maps = self.body(vector, labels)
        with torch.autocast(maps.device.type, enabled=False):
            maps = maps.float().view(n, -1, self.config.n_fft // 2, maps.shape[-1])
            maps = torch.cat([maps, maps[:, :, -1:]], dim=2)  # half the sample rate is treated as the bin below
            partials, noise = self.source(vector.float(), labels.get(self.config.pitch))
            spectrum = (filtered if self.config.head == "source" else turned)(maps, partials, noise)
            size = {"n_fft": self.config.n_fft, "hop_length": self.config.hop_length}
            return istft(spectrum, **size, length=self.spec.shape[-1])[:, None]

    def loss(self, batch: Batch) -> Loss:
        loss = self.criterion(self(batch.labels, len(batch)).float(), batch)
        midi = batch.labels.get(self.config.pitch)
        if midi is None:
            return loss
        vector = self.encoder(batch.labels, len(batch))
        with torch.autocast(vector.device.type, enabled=False):
            mistuning = self.source.mistuning(vector.float(), midi, batch.x[:, 0])
        return Loss(loss.total + mistuning, {**loss.parts, "mistuning": mistuning})

    @torch.no_grad()
    def sample(self, n: int, labels: Labels, *, rng: torch.Generator) -> Tensor:
        return self(labels, n)


def filtered(maps: Tensor, partials: Tensor, noise: Tensor) -> Tensor:
    """Levels (B, V + 1, F, L), partials (B, V, F, L) and noise (F, L) -> their weighted sum (B, F, L), complex."""
    gain = _magnitude(maps)
    return (gain[:, :-1] * partials).sum(1) + gain[:, -1] * noise


def turned(maps: Tensor, partials: Tensor, noise: Tensor) -> Tensor:
    """Level and a direction (B, 3, F, L), partials (B, V, F, L), noise (F, L) -> spectrum (B, F, L), complex.

    The direction is that of the spectrum relative to the source: (0, 0) is the source's own phase.
    """
    turn = torch.complex(1 + maps[:, 1], maps[:, 2]) * (partials.sum(1) + BREATH * noise)
    return _magnitude(maps[:, 0]) * turn / turn.abs().clamp(min=1e-12)


def _magnitude(level: Tensor) -> Tensor:
    return 10 ** ((level.clamp(max=LOUDEST) - 1) * RANGE_DB / 40)


class Source(nn.Module):
    """Spectra that a note is made from, each about 1 in magnitude where it is at home."""

    def __init__(self, spec: DataSpec, config: WaveformDecoder.Config) -> None:
        super().__init__()
        self.voices = config.voices
        lowest = midi_to_hz(min(spec.field(config.pitch).values) - CENTS / 100) * min(config.voices)
        self.most = int(min(max(1 / (2 * spec.axes[0].step) / lowest, 1), MOST))
        self.size = {"n_fft": config.n_fft, "hop_length": config.hop_length}
        self.sample_rate = 1 / spec.axes[0].step
        self.tuning = nn.Linear(config.body.dim, 2 * len(config.voices))
        nn.init.normal_(self.tuning.weight, std=0.02)
        nn.init.zeros_(self.tuning.bias)
        # It is not learned: it would take in the partials of the training pitches, and no other pitch could be played.
        noise = flat_noise(spec.shape[-1])
        self.register_buffer("noise", noise / stft(noise, **self.size).abs().square().mean().sqrt())

    def forward(self, vector: Tensor, midi: Tensor | None) -> tuple[Tensor, Tensor]:
        """Label vectors (B, dim), pitches (B,) or None -> partials (B, voices, F, L), noise (F, L), complex."""
        noise = stft(self.noise, **self.size)
        if midi is None:
            return noise.new_zeros(len(vector), len(self.voices), *noise.shape), noise
        # The gradient of a spectral distance says little of frequencies; `mistuning` is what they are learned by.
        frequencies = self.frequencies(vector, midi).detach().flatten(0, 1)
        partials = partials_stft(frequencies, sample_rate=self.sample_rate, frames=noise.shape[-1], **self.size)
        return partials.view(len(vector), len(self.voices), *noise.shape), noise

    def frequencies(self, vector: Tensor, midi: Tensor) -> Tensor:
        """Label vectors (B, dim) and pitches (B,) -> Hz of the partials (B, voices, K), NaN where unknown; float64."""
        known = midi.isfinite()
        midi = torch.where(known, midi, 69.0).double()  # what is no number would spoil the gradient of the tuning
        cents, stiffness = (PACE * self.tuning(vector)).double().tanh().chunk(2, dim=1)
        hz = midi_to_hz(midi[:, None] + CENTS / 100 * cents) * cents.new_tensor(self.voices)
        rigid = 10 ** (STIFFEST + STIFFNESS_DECADES * (stiffness - 1))
        stiff = {"partials": self._count(hz), "inharmonicity": rigid.flatten()}
        partials = partial_frequencies(hz.flatten(), **stiff).view(*hz.shape, -1)
        return torch.where(known[:, None, None], partials, math.nan)

    def mistuning(self, vector: Tensor, midi: Tensor, audio: Tensor) -> Tensor:
        """How far the partials' phases turn from frame to frame otherwise than those of the notes (B, T); 0 to 2.

        1 - cos of the difference, averaged over frames and over the bins that partials lie in, louder ones more.
        """
        z = stft(audio, **self.size)
        turn = z[..., 1:] * z[..., :-1].conj()
        loudness = turn.abs().sqrt()
        mean = (turn / loudness.clamp(min=1e-12)).sum(-1), loudness.sum(-1)
        hz = self.frequencies(vector, midi).flatten(1)
        heard = hz < self.sample_rate / 2
        hz = torch.where(heard, hz, 0.0)
        place = (hz.detach() * (self.size["n_fft"] / self.sample_rate)).round().long()
        expected, weight = (torch.where(heard, values.gather(1, place), 0.0) for values in mean)
        radians = (2 * math.pi * self.size["hop_length"] / self.sample_rate * hz).float()
        agreement = expected.real * radians.cos() + expected.imag * radians.sin()
        return (weight - agreement).sum() / weight.sum().clamp(min=1e-12)

    def _count(self, hz: Tensor) -> int:
        """Partials below half the sample rate of the lowest fundamental; all that there may be in a traced graph."""
        if torch.compiler.is_exporting():
            return self.most
        return int(min(max(self.sample_rate / 2 / hz.min().item(), 1), MOST))


def _frames_spec(spec: DataSpec, config: WaveformDecoder.Config) -> DataSpec:
    """What the CNN draws: levels over frames, with the frequencies as an axis or, where it is 1-D, as channels."""
    maps = len(config.voices) + 1 if config.head == "source" else 3
    bins, frames = config.n_fft // 2, 1 + spec.shape[-1] // config.hop_length
    seconds = Axis(unit="seconds", step=config.hop_length * spec.axes[0].step)
    if len(config.body.patch) == 1:
        return DataSpec(shape=(maps * bins, frames), fields=spec.fields, axes=(seconds,))
    hz = Axis(unit="hz", step=1 / (spec.axes[0].step * config.n_fft))
    return DataSpec(shape=(maps, bins, frames), fields=spec.fields, axes=(hz, seconds))


def _check(spec: DataSpec, config: WaveformDecoder.Config) -> None:
    checks.equal("channels of the example", spec.shape[0], "those of a waveform", 1)
    checks.one_of("unit of the example's axis", " ".join(a.unit for a in spec.axes), ["seconds"])
    checks.one_of("body", config.body.body, ["cnn"])
    checks.one_of("head", config.head, get_args(Head))
    checks.one_of("pitch", config.pitch, [f.name for f in spec.fields if f.kind == "ordinal"])
    checks.between("n_fft", config.n_fft, 16, 65_536)
    checks.divisible("n_fft", config.n_fft, "2", 2)
    checks.between("hop_length", config.hop_length, 1, config.n_fft // 2)
    checks.between("samples", spec.shape[-1], config.n_fft, 16_000_000)
    checks.between("number of voices", len(config.voices), 1, 4)
    for ratio in config.voices:
        checks.between("voices", ratio, 0.125, 64)
    if config.body.periodic and len(config.body.patch) == 1:
        raise checks.UserError("body.periodic shapes frequencies; leave it empty in a body over frames alone")
