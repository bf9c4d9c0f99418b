"""Harmonic tones in NSynth's layout, and a model that knows them by heart."""

import math
from dataclasses import dataclass

import torch

from synthgen.data.layout import Entry, write_audio, write_examples
from synthgen.models.base import GenerativeModel
from synthgen.records import Loss

RATE, SAMPLES = 16000, 8000
INSTRUMENTS = ("church organ", "flute", "violin")
PITCHES, VELOCITIES = (48, 52, 55, 59, 60, 64, 67, 71), (25.0, 75.0, 127.0)


def tone(instrument, pitch, velocity, samples=SAMPLES):
    """A tone on the 16-bit grid: the instrument is its number of partials."""
    hz = 440 * 2 ** ((pitch - 69) / 12)
    t = torch.arange(samples, dtype=torch.float64) / RATE
    partials = range(1, 3 + 3 * INSTRUMENTS.index(instrument))
    wave = sum(torch.sin(2 * math.pi * k * hz * t + k) / k for k in partials)
    return ((wave * velocity / 512 * 32768).round() / 32768).float()


def entry(instrument, pitch, velocity):
    return Entry(
        note_str=f"{instrument.replace(' ', '_')}-{pitch:03d}-{velocity:03.0f}",
        note=0,
        instrument=INSTRUMENTS.index(instrument),
        instrument_str=instrument,
        pitch=pitch,
        velocity=velocity,
        instrument_family=(6, 2, 8)[INSTRUMENTS.index(instrument)],
        instrument_source=0,
    )


def write_tones(folder):
    entries = [entry(i, p, v) for i in INSTRUMENTS for p in PITCHES for v in VELOCITIES]
    for e in entries:
        audio = tone(e.instrument_str, e.pitch, e.velocity).numpy()
        write_audio(folder / "audio" / f"{e.note_str}.wav", audio, sample_rate=RATE)
    write_examples(folder / "examples.json", entries)
    return folder


class Oracle(GenerativeModel):
    """Plays the very tones, or wrong in one way."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        semitones: float = 0.0
        velocity: float | None = None
        gain: float = 1.0

    def __init__(self, spec, config=None):
        super().__init__(spec, config or self.Config())

    def loss(self, batch):
        return Loss(batch.x.mean())

    def sample(self, n, labels, *, rng):
        names, c = self.spec.field("instrument").names, self.config
        columns = (labels[name].tolist() for name in ("instrument", "pitch", "velocity"))
        tones = [tone(names[i], p + c.semitones, c.velocity or v) for i, p, v in zip(*columns, strict=True)]
        return torch.stack(tones)[:, None] * c.gain
