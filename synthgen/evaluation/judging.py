"""All judgements of one held-out note."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from synthgen.data.layout import Entry
from synthgen.data.nsynth import Notes
from synthgen.records import Labels

from .baselines import Baselines
from .distance import RESOLUTIONS, difference, log_magnitude
from .loudness import level_db
from .pitch import deviation, sustains
from .player import Player, relabel

COMPARED = {
    "generated": "generated",
    "round_trip": "real note through the representation",
    "nearest": "nearest training note, resampled",
    "mean": "instrument's mean spectrogram",
    "silence": "silence",
}
"""What is compared with a real note, as keys and in words."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What was measured on one held-out note.

    Attributes:
        note_str: Name of the note.
        instrument: Name of its instrument.
        pitch: MIDI pitch that it should have.
        velocity: MIDI velocity.
        distances: Log-spectral distance in dB to the real note at each of `RESOLUTIONS`, for each of `COMPARED`.
        cents: Deviation of the pitch, ``real`` and ``generated``; None for silence.
        levels: RMS level in dB, ``real`` and ``generated``.
        sustained: Whether the real note sounds on, see `pitch.sustains`.
    """

    note_str: str
    instrument: str
    pitch: float
    velocity: float
    distances: dict[str, tuple[float, ...]]
    cents: dict[str, float | None]
    levels: dict[str, float]
    sustained: bool

    def distance(self, compared: str, n_fft: int | None = None) -> float:
        """Log-spectral distance in dB at one of `RESOLUTIONS`, or the mean over all."""
        found = self.distances[compared]
        return sum(found) / len(RESOLUTIONS) if n_fft is None else found[RESOLUTIONS.index(n_fft)]

    def to_json(self) -> dict[str, Any]:
        """All values as JSON scalars, lists and dictionaries."""
        return asdict(self)


class Judge:
    """Compares what a model plays, and what needs no model, with held-out notes."""

    def __init__(self, player: Player, notes: Notes, baselines: Baselines) -> None:
        self.player, self.notes, self.baselines = player, notes, baselines

    def labels(self, index: int) -> Labels:
        """Labels of the held-out note at `index`, as the model numbers them."""
        given = self.notes.batch(torch.tensor([index])).labels
        return relabel(given, given=self.notes.spec.fields, known=self.player.model.spec.fields)

    def __call__(self, indices: list[int]) -> list[Judgement]:
        """Judge held-out notes that have instrument and velocity in common."""
        entry = self.notes.entries[indices[0]]
        mean = self.baselines.mean_spectra(entry.instrument_str, entry.velocity)
        return [self._judge(index, self.notes.entries[index], mean) for index in indices]

    def _judge(self, index: int, entry: Entry, mean: list[Tensor]) -> Judgement:
        real = self.notes.batch(torch.tensor([index])).x[0, 0]
        generated = self.player.play(self.labels(index))
        estimates = {
            "generated": generated,
            "round_trip": self.player.round_trip(real),
            "nearest": self.baselines.resampled(entry),
            "silence": torch.zeros_like(real),
        }
        pair = {"real": real, "generated": generated}
        rate = self.player.representation.sample_rate
        return Judgement(
            note_str=entry.note_str,
            instrument=entry.instrument_str,
            pitch=entry.pitch,
            velocity=entry.velocity,
            distances=_distances(real, estimates, mean),
            cents={k: deviation(x.numpy(), sample_rate=rate, midi=entry.pitch) for k, x in pair.items()},
            levels={k: level_db(x).item() for k, x in pair.items()},
            sustained=sustains(real.numpy(), sample_rate=rate),
        )


def _distances(real: Tensor, estimates: dict[str, Tensor], mean: list[Tensor]) -> dict[str, tuple[float, ...]]:
    found: dict[str, list[float]] = {name: [] for name in COMPARED}
    for n_fft, mean_spectrum in zip(RESOLUTIONS, mean, strict=True):
        spectra = {name: log_magnitude(x, n_fft=n_fft) for name, x in estimates.items()} | {"mean": mean_spectrum}
        target = log_magnitude(real, n_fft=n_fft)
        for name, values in found.items():
            values.append(difference(spectra[name], target).item())
    return {name: tuple(values) for name, values in found.items()}
