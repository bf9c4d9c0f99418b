"""More notes than were recorded, and more pictures than were drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from synthgen import checks
from synthgen.records import Batch
from synthgen.signal.resampling import transposed

from .loading import Examples


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


@dataclass(frozen=True, kw_only=True)
class Wiggle:
    """Turns, stretches, slants and moves some pictures of a batch a little; labels stay as they are.

    What comes in from outside is like the nearest edge. For handwriting (cf. Simard et al., 2003,
    doi:10.1109/ICDAR.2003.1227801): a few thousand examples alone are soon known by heart.
    """

    share: float = 0.8
    """Probability that a picture is changed."""
    degrees: float = 8.0
    """Largest turn either way."""
    stretch: float = 0.08
    """Largest change of width and of height, each by itself, as a share."""
    slant: float = 0.15
    """Largest shift of the top against the bottom, as a share of the height."""
    shift: float = 0.02
    """Largest move along each axis, as a share of the size."""

    def __post_init__(self) -> None:
        checks.between("share", self.share, 0, 1)
        checks.between("degrees", self.degrees, 0, 180)
        for name in ("stretch", "slant", "shift"):
            checks.between(name, getattr(self, name), 0, 0.9)

    def __call__(self, batch: Batch) -> Batch:
        """Pictures (B, C, H, W); draws from torch's global generator, seeded by the trainer."""
        n = len(batch)
        within = 2 * torch.rand(6, n) - 1
        turn, slant = within[0] * math.radians(self.degrees), within[1] * self.slant
        wide, high = (1 + within[2:4] * self.stretch).unbind(0)
        cos, sin = turn.cos(), turn.sin()
        rows = [
            torch.stack([cos * wide, slant - sin, 2 * self.shift * within[4]], dim=1),
            torch.stack([sin, cos * high, 2 * self.shift * within[5]], dim=1),
        ]
        same = torch.eye(2, 3).expand(n, 2, 3)
        theta = torch.where(torch.rand(n, 1, 1) < self.share, torch.stack(rows, dim=1), same)
        grid = F.affine_grid(theta, list(batch.x.shape), align_corners=False)
        x = F.grid_sample(batch.x, grid, mode="bicubic", padding_mode="border", align_corners=False)
        return Batch(x.clamp(0, 1), batch.labels)


class Copies:
    """A data set, and after it changed copies of all its examples: for codes, which are computed once.

    A copy is a function of the seed and its index alone. See `loading.Examples` for the rest.

    Attributes:
        spec: That of the examples.
    """

    def __init__(self, examples: Examples, change: Callable[[Batch], Batch], *, count: int = 1, seed: int = 0) -> None:
        """Add `count` copies of each example, which `change`, e.g. ``Retune(share=1)``, makes one at a time."""
        checks.between("copies", count, 0, 1000)
        self.spec, self._examples, self._change, self._count, self._seed = examples.spec, examples, change, count, seed

    def __len__(self) -> int:
        return len(self._examples) * (1 + self._count)

    def batch(self, indices: Tensor) -> Batch:
        """Media and labels of the examples and copies at `indices` (B,) int64."""
        found = [self._one(index) for index in indices.tolist()]
        labels = {name: torch.cat([batch.labels[name] for batch in found]) for name in found[0].labels}
        return Batch(torch.cat([batch.x for batch in found]), labels)

    def provenance(self) -> dict[str, Any]:
        """What the examples say, and how they were copied."""
        return {**self._examples.provenance(), "copies": self._count, "changed_by": repr(self._change)}

    def _one(self, index: int) -> Batch:
        batch = self._examples.batch(torch.tensor([index % len(self._examples)]))
        if index < len(self._examples):
            return batch
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(self._seed + index)
            return self._change(batch)


def retuned(x: Tensor, semitones: float) -> Tensor:
    """A note (T,) that sounds `semitones` higher, in as many samples.

    Where the higher note is over too early, the end of the original stands: it is released by then, and silence would
    be learned as part of the note.
    """
    y = transposed(x, semitones=semitones)[: len(x)]
    return torch.cat([y, x[len(y) :]])
