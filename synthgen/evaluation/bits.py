"""How well samples are predicted: bits a sample on held-out notes, beside predictions that need no network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor
from tqdm import tqdm

from synthgen import checks
from synthgen.data.loading import Examples
from synthgen.models.autoregressive import Autoregressive
from synthgen.records import Batch
from synthgen.representations.base import AudioRepresentation

from .player import relabel

FIRST_SECONDS = 3.0
TOLD = "model, told the phase"
MOST_PAIRED = 1024
"""Levels up to which pairs of neighbouring samples are counted; with more levels it is their differences."""
PSEUDO_COUNT = 0.5
"""Counted for what was never seen (Krichevsky and Trofimov, 1981, doi:10.1109/TIT.1981.1056331)."""
PRIOR_PAIRS = 16.0
"""Pairs' counts begin with so many samples, spread as those of all notes."""


@dataclass(frozen=True, kw_only=True)
class Bits:
    """Mean bits a sample by predictor: ``model``, ``previous sample`` and ``unigram``.

    A model that was trained beside the phase of real notes (`AutoregressiveWaveform.told`) has a figure ``model, told
    the phase`` too; it is no code length, as the phase is taken from the very note.

    Attributes:
        notes: Number of held-out notes.
        whole: Over whole notes.
        first: Over the first `FIRST_SECONDS`, while the key is held down.
    """

    notes: int
    whole: dict[str, float]
    first: dict[str, float]

    def table(self) -> str:
        """The figures in Markdown, aligned as they stand."""
        heading = f"bits a sample, {self.notes} held-out notes"
        width, parts = len(heading), ("whole notes", f"first {FIRST_SECONDS:g} s")
        rows = [(heading, *parts), *((k, f"{v:.3f}", f"{self.first[k]:.3f}") for k, v in self.whole.items())]
        lines = [f"| {a:<{width}} | {b:<11} | {c:<11} |" for a, b, c in rows]
        return "\n".join([lines[0], f"| {'-' * width} | {'-' * 11} | {'-' * 11} |", *lines[1:]])


class Counts:
    """Predictions from how often levels and neighbouring samples occur in training notes."""

    def __init__(self, notes: Iterable[Tensor], *, levels: int) -> None:
        """`notes` are levels (T,) each."""
        self.levels, self.paired = levels, levels <= MOST_PAIRED
        singles = torch.full((levels,), PSEUDO_COUNT, dtype=torch.float64)
        neighbours = torch.zeros(levels**2 if self.paired else 2 * levels - 1, dtype=torch.float64)
        for x in notes:
            singles += torch.bincount(x, minlength=levels)
            neighbours += torch.bincount(self._neighbours(x), minlength=len(neighbours))
        self.singles = singles / singles.sum()
        if self.paired:
            rows = neighbours.view(levels, levels) + PRIOR_PAIRS * self.singles
            self.neighbours = (rows / rows.sum(1, keepdim=True)).flatten()
        else:
            self.neighbours = (neighbours + PSEUDO_COUNT) / (neighbours + PSEUDO_COUNT).sum()

    def unigram(self, x: Tensor) -> Tensor:
        """Levels (T,) -> bits (T,) of each by itself."""
        return -self.singles[x].log2()

    def previous_sample(self, x: Tensor) -> Tensor:
        """Levels (T,) -> bits (T,) of each after the one before it."""
        return torch.cat([self.unigram(x[:1]), -self.neighbours[self._neighbours(x)].log2()])

    def _neighbours(self, x: Tensor) -> Tensor:
        before, after = x[:-1], x[1:]
        return before * self.levels + after if self.paired else after - before + self.levels - 1


def held_out_bits(
    model: Autoregressive,
    representation: AudioRepresentation,
    *,
    train: Examples,
    held_out: Examples,
    limit: int | None = None,
    counted: int = 1000,
) -> Bits:
    """Bits a sample of a model, and of what needs none, on held-out notes.

    Args:
        model: In eval mode.
        representation: Makes the levels that the model sees.
        train: Notes to count levels in.
        held_out: Notes to predict.
        limit: Predict about so many, evenly spread; None takes all.
        counted: Count in so many, evenly spread.
    """
    checks.between("limit", 1 if limit is None else limit, 1, 10**9)
    end = round(FIRST_SECONDS * representation.sample_rate)
    training = (representation.encode(batch.x)[0, 0] for batch in _each(train, counted, "counting samples"))
    counts = Counts(training, levels=model.head.levels)
    whole: dict[str, list[float]] = {"model": [], TOLD: [], "previous sample": [], "unigram": []}
    first: dict[str, list[float]] = {name: [] for name in whole}
    for note in _each(held_out, limit, "predicting samples"):
        labels = relabel(note.labels, given=held_out.spec.fields, known=model.spec.fields)
        example = Batch(representation.encode(note.x), labels).to(model.device)
        told = model.told(Batch(example.x, example.labels, note.x.to(model.device)))
        x = representation.encode(note.x)[0, 0]
        found = {"model": model.surprise(example)[0].cpu()}
        if told is not example.labels:
            found[TOLD] = model.surprise(Batch(example.x, told))[0].cpu()
        found |= {"previous sample": counts.previous_sample(x), "unigram": counts.unigram(x)}
        for name, bits in found.items():
            whole[name].append(bits.double().mean().item())
            first[name].append(bits[:end].double().mean().item())
    return Bits(
        notes=len(whole["model"]),
        whole={name: fmean(values) for name, values in whole.items() if values},
        first={name: fmean(values) for name, values in first.items() if values},
    )


def _each(examples: Examples, limit: int | None, description: str) -> Iterator[Batch]:
    """Single examples on the CPU, evenly spread."""
    count = min(limit or len(examples), len(examples))
    indices = torch.linspace(0, len(examples) - 1, count, dtype=torch.float64).round().long()
    for index in tqdm(indices, desc=description, unit=" notes", disable=None, leave=False):
        yield examples.batch(index[None])
