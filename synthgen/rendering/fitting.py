"""An instrument from recordings: where it lies among those that a model knows, found by comparing its notes with them.

The network stays as it is and one vector is fitted, as a voice is added to a trained speech model (Arik et al., 2018,
arXiv:1802.06006, section 3.1) or a thing to a trained painter (Gal et al., 2022, arXiv:2208.01618). A few notes say
little of the others, so that the fit begins at the nearest known instrument and is held back: the less in a direction,
the more the known ones differ along it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from synthgen.models.autoregressive import Progress
from synthgen.nn.condition import FieldEncoder
from synthgen.rendering.listening import Listener

STEPS = 60
LEARNING_RATE, BETAS = 0.4, (0.9, 0.95)
TOGETHER = 4
"""Recordings that a step compares, so that many take no longer than a few."""
STIFFNESS = 0.5
"""Decibels of distance that a deviation of one standard deviation has to be worth."""
FREE = 0.3
"""Standard deviation along what known instruments do not differ in, in that of an average direction."""
VELOCITY, VELOCITY_DEVIATION, GAIN_DEVIATION = 100.0, 25.0, 6.0
"""What a note of unknown velocity is taken for at first; MIDI velocities and decibels that count as one deviation."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What was found for n recordings.

    Attributes:
        vector: The instrument, (D,).
        nearest: Index of the known instrument that it began at.
        velocities: Of the recordings, (n,).
        gain_db: How much louder the recordings are than the model.
        distances: Between each recording and the instrument, in dB.
        nearest_distances: The same of the known instrument.
    """

    vector: Tensor
    nearest: int
    velocities: Tensor
    gain_db: float
    distances: list[float]
    nearest_distances: list[float]


def fit(
    listener: Listener,
    *,
    velocities: Sequence[float] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Fit:
    """Find the vector whose notes are nearest to the recordings; the same seed finds the same.

    Args:
        listener: Holds the recordings.
        velocities: MIDI velocity of each recording; None finds those that fit best.
        seed: Of the choice of recordings that a step compares, where there are many.
        progress: Told of the steps that are done, and of all.
    """
    n, known = len(listener.recordings), rows(listener.encoder)
    advance = _counter(progress, len(known) + STEPS)
    first = known.new_tensor([VELOCITY] * n if velocities is None else velocities)
    nearest, gain_db = search(listener, known, first, advance)
    away, loud = known.new_zeros(known.shape[1]), known.new_tensor(gain_db / GAIN_DEVIATION)
    fast = torch.zeros_like(first)
    learned = [away, loud] if velocities is not None else [away, loud, fast]
    optimizer = torch.optim.Adam([x.requires_grad_() for x in learned], lr=LEARNING_RATE, betas=BETAS)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    spread, rng = deviations(known), torch.Generator().manual_seed(seed)

    def instrument() -> tuple[Tensor, Tensor, Tensor]:
        return known[nearest] + spread @ away, first + VELOCITY_DEVIATION * fast, GAIN_DEVIATION * loud

    for _ in range(STEPS):
        optimizer.zero_grad()
        (STIFFNESS * (away.square().mean() + fast.square().mean())).backward()
        chosen = torch.randperm(n, generator=rng)[:TOGETHER].tolist()
        for index in chosen:
            vector, played, gain = instrument()
            note = listener.play(index, vector, played[index])
            (listener.distance(index, note, gain) / len(chosen)).backward()
        optimizer.step()
        schedule.step()
        advance()
    with torch.no_grad():
        vector, played, gain = instrument()
        return Fit(
            vector=vector,
            nearest=nearest,
            velocities=played,
            gain_db=gain.item(),
            distances=compare(listener, vector, played, gain),
            nearest_distances=compare(listener, known[nearest], first, gain.new_tensor(gain_db)),
        )


@torch.no_grad()
def search(listener: Listener, known: Tensor, velocities: Tensor, advance: Callable[[], None]) -> tuple[int, float]:
    """Index of the known instrument (K, D) that is nearest to the recordings, and how much louder they are."""
    every = range(0, len(listener.recordings), math.ceil(len(listener.recordings) / TOGETHER))
    found = []
    for vector in known:
        notes = {index: listener.play(index, vector, velocities[index]) for index in every}
        gain = torch.stack([listener.gain_db(index, note) for index, note in notes.items()]).mean()
        distance = fmean(listener.distance(index, note, gain).item() for index, note in notes.items())
        found.append((distance, len(found), gain.item()))
        advance()
    _, nearest, gain_db = min(found)
    return nearest, gain_db


def compare(listener: Listener, vector: Tensor, velocities: Tensor, gain_db: Tensor) -> list[float]:
    """Distance in dB between each recording and an instrument (D,)."""
    notes = [listener.play(index, vector, velocity) for index, velocity in enumerate(velocities)]
    return [listener.distance(index, note, gain_db).item() for index, note in enumerate(notes)]


def rows(encoder: FieldEncoder) -> Tensor:
    """The vectors of the known instruments, (K, D)."""
    return torch.eye(encoder.dim).to(encoder.unknown) if encoder.table is None else encoder.table.detach()


def deviations(known: Tensor) -> Tensor:
    """One standard deviation of the known instruments (K, D) along each of D directions, as columns (D, D)."""
    _, singular, directions = torch.linalg.svd(known - known.mean(0), full_matrices=True)
    variance = torch.zeros_like(known[0])
    variance[: len(singular)] = singular.square() / max(len(known) - 1, 1)
    return directions.T * (variance + FREE**2 * variance.mean().clamp(min=1e-6)).sqrt()


def _counter(progress: Progress | None, total: int) -> Callable[[], None]:
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    return advance
