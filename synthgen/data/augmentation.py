"""More notes than were recorded, and more pictures than were drawn."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from synthgen import checks
from synthgen.records import Batch
from synthgen.signal.resampling import transposed


@dataclass(frozen=True, kw_only=True)
class Retune:
    """Plays some notes of a batch a little higher or lower, by resampling, and labels them so.

    A sampler does the same between the keys that were recorded, so that a model learns what lies between two pitches.
    """

    share: float = 0.5
    """Share of the notes of a batch."""
    semitones: float = 1.0
    """Largest shift either way."""

    def __post_init__(self) -> None:
        checks.between("share", self.share, 0, 1)
        checks.between("semitones", self.semitones, 0, 12)

    def __call__(self, batch: Batch) -> Batch:
        """Waveforms (B, 1, T) with the label ``pitch``; draws from torch's global generator, seeded by the trainer."""
        count = int(len(batch) * self.share)
        if not count:
            return batch
        media, pitch = batch.x.clone(), batch.labels["pitch"].clone()
        shifts = (2 * torch.rand(count) - 1) * self.semitones
        for index, shift in enumerate(shifts.tolist()):
            media[index, 0] = retuned(batch.x[index, 0], shift)
        pitch[:count] += shifts
        return Batch(media, {**batch.labels, "pitch": pitch})


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """Exchanges left and right in some pictures of a batch; labels stay as they are."""

    share: float = 0.5
    """Probability that a picture is mirrored."""

    def __post_init__(self) -> None:
        checks.between("share", self.share, 0, 1)

    def __call__(self, batch: Batch) -> Batch:
        """Pictures (B, C, H, W); draws from torch's global generator, seeded by the trainer."""
        mirrored = torch.rand(len(batch), 1, 1, 1) < self.share
        return Batch(torch.where(mirrored, batch.x.flip(3), batch.x), batch.labels)


def retuned(x: Tensor, semitones: float) -> Tensor:
    """A note (T,) that sounds `semitones` higher, in as many samples.

    Where the higher note is over too early, the end of the original stands: it is released by then, and silence would
    be learned as part of the note.
    """
    y = transposed(x, semitones=semitones)[: len(x)]
    return torch.cat([y, x[len(y) :]])
