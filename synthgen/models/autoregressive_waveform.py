"""What models that draw a waveform sample by sample have in common: the labels, the clock and the pitch's phase."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from synthgen import checks
from synthgen.heads import HeadName, make_head
from synthgen.nn.clock import LEAD_HOP, Clock
from synthgen.nn.condition import LabelEncoder
from synthgen.records import Batch, DataSpec, Labels
from synthgen.signal.coloured_noise import coloured_noise
from synthgen.signal.pitch import midi_to_hz
from synthgen.signal.tracking import phase_lead

from .autoregressive import Autoregressive

MAX_SAMPLES = 2**24
LEAD = "phase_lead"
"""Beside the labels of real notes: how far ahead of the labelled pitch they are, (B, L); see `Cycles`."""


class AutoregressiveWaveform(Autoregressive):
    """Waveforms with levels; the network may be told how long ago a note began, and the phase of its pitch.

    Attributes:
        seconds: Distance of neighbouring samples.
        encoder: Labels to the label vector.
        clock: Features of the time since the onset, if `config.clock`.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """What such models have in common."""

        labels: tuple[str, ...] = ("instrument", "pitch", "velocity")
        """Labels that the model is given; the others are ignored."""
        dim: int = 128
        """Size of the label vector."""
        head: HeadName = "categorical"
        """A softmax over all levels, for 8-bit mu-law, or a mixture of logistics, for 16 bits."""
        components: int = 10
        """Logistics of the mixture."""
        clock: bool = True
        """Tell the network the seconds since the onset; without, it cannot know when a note is released."""
        periodic: str = ""
        """Label in MIDI pitches whose phase the network is told; empty for none."""
        noise: float = 0.0
        """Noise on what the network hears in training, as a share of the levels; see `disturbed`."""
        faded: float = 0.0
        """Share of the examples in training that are faded out to the network's ears; see `disturbed`."""
        label_dropout: float = 0.0
        """Probability that a label is withheld in training."""
        temperature: float = 1.0
        """What notes are drawn at unless another is asked for; below 1 a network of little training is less noisy."""

    config: Config

    def __init__(self, spec: DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        name = type(self).__name__
        checks.equal(f"axes of a {name}'s data", spec.ndim, "number of axes", 1)
        checks.equal(f"channels of a {name}'s data", spec.shape[0], "number of channels", 1)
        for label in (*config.labels, *filter(None, [config.periodic])):
            checks.one_of("label of the model", label, [field.name for field in spec.fields])
        checks.between("dim", config.dim, 1, 8192)
        checks.between("crop", config.crop, 0, MAX_SAMPLES)
        checks.between("noise", config.noise, 0, 1)
        checks.between("faded", config.faded, 0, 1)
        self.head = make_head(config.head, levels=spec.levels, components=config.components)
        checks.between("temperature", config.temperature, 1e-3, 100)
        self.temperature = config.temperature
        self.seconds = spec.axes[0].step
        fields = tuple(spec.field(name) for name in config.labels)
        self.encoder = LabelEncoder(fields, config.dim, dropout=config.label_dropout)
        self.clock = Clock() if config.clock else None

    @property
    def longest(self) -> int:
        return super().longest if self.config.clock else MAX_SAMPLES

    def disturbed(self, heard: Tensor) -> Tensor:
        """Levels that the network hears (B, T), in training with errors, so that it learns to come back from its own.

        A network that has only heard real notes takes its first errors for more of the note, and ends in noise or in
        silence. Noise teaches it to trust what it hears less (cf. LPCNet, Valin and Skoglund, 2019, arXiv:1810.11846,
        section 3.6): its standard deviation is `config.noise` x u ** 2 of the range of levels, u uniform in [0, 1] for
        each example, and its power falls with frequency as f ** -2v, v likewise, since errors that are made one after
        the other drift. A share `config.faded` of the examples is faded out, half of them wholly: all that the network
        then goes by is what it has been told of the note.
        """
        if not (self.training and self.config.noise + self.config.faded):
            return heard
        levels, drawn = self.head.levels, torch.rand(4, len(heard), 1, device=heard.device)
        gain = torch.where(drawn[0] < self.config.faded, (2 * drawn[1] - 1).clamp(min=0), 1.0)
        noise = self.config.noise * levels * drawn[2].square() * coloured_noise(drawn[3], length=heard.shape[1])
        moved = levels // 2 + gain * (heard - levels // 2) + noise
        # What lies before a note stays what it is.
        return torch.where(heard == levels, heard, moved.round().long().clamp(0, levels - 1))

    def told(self, batch: Batch) -> Labels:
        """The labels, and where the media are known and the network follows a pitch, the phase of real notes.

        A real note begins at any phase, is out of tune by some cents and may have a vibrato, so that the labelled pitch
        alone would say little of where in its period a sample lies. When the network plays, its own phase is steady.
        """
        midi = batch.labels.get(self.config.periodic)
        if midi is None or batch.media is None:
            return batch.labels
        rate = {"sample_rate": 1 / self.seconds, "hop_length": LEAD_HOP}
        return {**batch.labels, LEAD: phase_lead(batch.media[:, 0], midi_to_hz(midi.double()), **rate)}

    def conditions(self, labels: Labels, n: int) -> tuple[Tensor, Tensor]:
        """Labels and the batch size -> the label vector (n, dim) and the pitch in Hz (n,), NaN where unknown."""
        vector = self.encoder(labels, n)
        midi = labels.get(self.config.periodic)
        hz = torch.full((n,), math.nan, device=vector.device) if midi is None else midi_to_hz(midi.double())
        return vector, hz
