"""How restless a note is between its partials: breath, bow and hiss, which a mean of many notes smooths away."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor
from tqdm import tqdm

from synthgen.checks import UserError
from synthgen.data.nsynth import Notes
from synthgen.models.base import GenerativeModel
from synthgen.representations.base import AudioRepresentation
from synthgen.signal.pitch import midi_to_hz

from .distance import log_magnitude
from .player import Player, relabel

N_FFT = 1024
BETWEEN = 2.5
"""Bins from a partial, beyond the main lobe of the window."""
SECONDS = (0.2, 2.8)
"""Part of a note that is looked at: after its attack, before it is released."""
RANGE_DB = 80.0
"""Bins whose mean level is further below the loudest one's are silence."""
FEWEST = 16
"""A note with fewer bins between its partials says nothing."""


def bins_between(x: Tensor, *, midi: float, sample_rate: int) -> Tensor:
    """Bins (F,) bool between the partials of a note (T,) that are not silent."""
    hz = torch.arange(N_FFT // 2 + 1) * sample_rate / N_FFT
    tone = midi_to_hz(torch.tensor(float(midi)))
    away = (hz / tone - (hz / tone).round()).abs() * tone * N_FFT / sample_rate
    mean = _levels(x, sample_rate=sample_rate).mean(1)
    return (away >= BETWEEN) & (mean >= mean.max() - RANGE_DB)


def restlessness(x: Tensor, bins: Tensor, *, sample_rate: int) -> float:
    """Root mean square change in dB of the levels of `bins` (F,) of a note (T,) from one frame to the next, 16 ms on.

    Steady partials have about 0, noise about 6.
    """
    return _levels(x, sample_rate=sample_rate)[bins].diff(dim=1).square().mean().sqrt().item()


@dataclass(frozen=True, kw_only=True)
class Texture:
    """Restlessness between partials in dB, means over notes.

    Attributes:
        notes: How many had anything between their partials.
        real: Of the real notes.
        round_trip: Of the real notes through the representation.
        generated: Of the model's.
        apart: Mean distance of a generated note's from the real note's.
        floor: The same of the real note through the representation.
    """

    notes: int
    real: float
    round_trip: float
    generated: float
    apart: float
    floor: float

    def __str__(self) -> str:
        return (
            f"restlessness between partials of {self.notes} notes: real {self.real:.2f} dB, through the representation "
            f"{self.round_trip:.2f} ({self.floor:.2f} apart), generated {self.generated:.2f} ({self.apart:.2f} apart)"
        )


def judge_texture(player: Player, notes: Notes, indices: Sequence[int]) -> Texture:
    """Compare notes of a part with what a model makes of their labels.

    Raises:
        UserError: none of the notes has anything between its partials.
    """
    rate, found = player.representation.sample_rate, []
    for index in tqdm(indices, desc="listening to textures", unit=" notes", disable=None, leave=False):
        batch = notes.batch(torch.tensor([index]))
        real = batch.x[0, 0]
        bins = bins_between(real, midi=notes.entries[index].pitch, sample_rate=rate)
        if int(bins.sum()) >= FEWEST:
            made = player.play(relabel(batch.labels, given=notes.spec.fields, known=player.model.spec.fields))
            found.append([restlessness(x, bins, sample_rate=rate) for x in (real, player.round_trip(real), made)])
    if not found:
        raise UserError("none of the notes has anything between its partials; judge more of them")
    real, round_trip, generated = map(fmean, zip(*found, strict=True))
    return Texture(
        notes=len(found),
        real=real,
        round_trip=round_trip,
        generated=generated,
        apart=fmean(abs(g - r) for r, _, g in found),
        floor=fmean(abs(t - r) for r, t, _ in found),
    )


def judge_part(
    model: GenerativeModel,
    representation: AudioRepresentation,
    notes: Notes,
    *,
    limit: int | None = 200,
    seed: int = 0,
) -> Texture:
    """The same of up to `limit` notes at random, all if None, of instruments that the model knows."""
    known = model.spec.field("instrument").names
    eligible = [index for index, entry in enumerate(notes.entries) if entry.instrument_str in known]
    order = torch.randperm(len(eligible), generator=torch.Generator().manual_seed(seed)).tolist()
    chosen = sorted(eligible[number] for number in order[:limit])
    return judge_texture(Player(model=model, representation=representation, seed=seed), notes, chosen)


def _levels(x: Tensor, *, sample_rate: int) -> Tensor:
    first, last = (math.floor(s * sample_rate / (N_FFT // 4)) for s in SECONDS)
    return log_magnitude(x, n_fft=N_FFT)[:, first:last]
