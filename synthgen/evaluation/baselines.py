"""What a model has to beat on a held-out note: its instrument's training notes, used without a model."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from synthgen.data.layout import Entry
from synthgen.data.nsynth import Notes
from synthgen.signal.resampling import transposed

from .distance import RESOLUTIONS, log_magnitude

CHUNK = 16


class Baselines:
    """Estimates of held-out notes from the training notes of the same instrument."""

    def __init__(self, train: Notes, *, sample_rate: int) -> None:
        self.train, self.sample_rate = train, sample_rate
        self._of: dict[str, list[int]] = {}
        for index, entry in enumerate(train.entries):
            self._of.setdefault(entry.instrument_str, []).append(index)

    @property
    def instruments(self) -> set[str]:
        """Names of the instruments that there are training notes of."""
        return set(self._of)

    def nearest(self, entry: Entry) -> int:
        """Index of the training note closest in pitch, among those closest in velocity.

        Of two as close, the one to be slowed down, which fills the whole length.
        """

        def away(index: int) -> tuple[float, ...]:
            note = self.train.entries[index]
            pitch, velocity = note.pitch - entry.pitch, note.velocity - entry.velocity
            return abs(pitch), abs(velocity), -pitch, -velocity

        return min(self._of[entry.instrument_str], key=away)

    def resampled(self, entry: Entry) -> Tensor:
        """The nearest training note played faster or slower to the entry's pitch, (T,), cut or followed by silence."""
        index = self.nearest(entry)
        audio = self.train.batch(torch.tensor([index])).x[0, 0]
        return transpose(audio, semitones=entry.pitch - self.train.entries[index].pitch)

    def mean_spectra(self, instrument: str, velocity: float) -> list[Tensor]:
        """Mean log magnitudes (F, L) at each of `RESOLUTIONS` over the instrument's notes of the closest velocity."""
        entries = self.train.entries
        closest = min((entries[i].velocity for i in self._of[instrument]), key=lambda v: (abs(v - velocity), v))
        indices = torch.tensor([i for i in self._of[instrument] if entries[i].velocity == closest])
        sums: list[Tensor | float] = [0.0] * len(RESOLUTIONS)
        for chunk in indices.split(CHUNK):
            x = self.train.batch(chunk).x[:, 0]
            sums = [total + log_magnitude(x, n_fft=n).sum(0) for total, n in zip(sums, RESOLUTIONS, strict=True)]
        return [total / len(indices) for total in sums]


def transpose(audio: Tensor, *, semitones: float) -> Tensor:
    """Samples (T,) played faster or slower, cut or followed by silence to the same length.

    >>> transpose(torch.ones(8000), semitones=12.0).shape
    torch.Size([8000])
    """
    played = transposed(audio, semitones=semitones)[: len(audio)]
    return F.pad(played, (0, len(audio) - len(played)))
