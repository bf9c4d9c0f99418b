"""A few held-out notes to listen to and look at, while a model is trained or after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch

from synthgen.data.layout import Entry, write_audio
from synthgen.data.nsynth import Notes
from synthgen.models.base import GenerativeModel
from synthgen.representations.base import AudioRepresentation

from .pictures import Pair, spectrogram_pairs
from .player import Player, relabel


def write_samples(
    model: GenerativeModel,
    representation: AudioRepresentation,
    notes: Notes,
    folder: Path,
    *,
    step: int,
    count: int = 6,
) -> None:
    """Write ``<folder>/samples/<step>/``: generated notes as WAV files, and all beside the real ones as one PNG.

    The same notes are chosen whenever it is called. The real ones lie in ``<folder>/samples/real/``.

    For a trainer: ``on_sample=lambda t: write_samples(t.average.model, t.representation, data.valid, t.folder,
    step=t.step)``.
    """
    pairs = held_out_pairs(Player(model=model, representation=representation), notes, count=count)
    write_pairs(pairs, folder, step=step, sample_rate=representation.sample_rate)


def write_pairs(pairs: Sequence[Pair], folder: Path, *, step: int, sample_rate: int) -> None:
    """Write notes where `write_samples` does."""
    place = folder / "samples" / f"{step:07d}"
    for pair in pairs:
        write_audio(place / f"{pair.entry.note_str}.wav", pair.generated, sample_rate=sample_rate)
        real = folder / "samples" / "real" / f"{pair.entry.note_str}.wav"
        if not real.exists():
            write_audio(real, pair.real, sample_rate=sample_rate)
    spectrogram_pairs(place / "spectrograms.png", pairs, sample_rate=sample_rate, heading=f"step {step}")


def held_out_pairs(player: Player, notes: Notes, *, count: int, seed: int = 0) -> list[Pair]:
    """Notes of a part, and what a model makes of their labels; see `spread` for the choice."""
    pairs = []
    for index in spread(notes.entries, count, seed=seed):
        batch = notes.batch(torch.tensor([index]))
        generated = player.play(relabel(batch.labels, given=notes.spec.fields, known=player.model.spec.fields))
        pairs.append(Pair(entry=notes.entries[index], real=batch.x[0, 0].numpy(), generated=generated.numpy()))
    return pairs


def spread(entries: Sequence[Entry], count: int, *, seed: int = 0) -> list[int]:
    """Indices of up to `count` notes at random, of all families and instruments in turn, ordered by both and pitch."""
    order = torch.randperm(len(entries), generator=torch.Generator().manual_seed(seed)).tolist()
    families, instruments = Counter(), Counter()

    def seen(index: int) -> tuple[int, int]:
        entry = entries[index]
        return families[entry.instrument_family], instruments[entry.instrument_str]

    chosen = []
    for _ in range(min(count, len(order))):
        index = min(order, key=seen)  # the first of those seen least
        order.remove(index)
        families[entries[index].instrument_family] += 1
        instruments[entries[index].instrument_str] += 1
        chosen.append(index)
    return sorted(chosen, key=lambda i: (entries[i].instrument_family, entries[i].instrument_str, entries[i].pitch))
