"""Musical notes with their labels, in NSynth's published layout or any of its archives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from synthgen import checks
from synthgen.checks import UserError
from synthgen.config import to_dict
from synthgen.data.cache import Cache, open_cache
from synthgen.data.layout import FAMILIES, QUALITIES, SOURCES, Entry
from synthgen.data.locate import find_official, find_one
from synthgen.data.splits import completion, split_hash
from synthgen.records import Batch, DataSpec, Field, Labels
from synthgen.representations.base import AudioRepresentation

STARTER = Path(__file__).parent / "starter"
_FILTERS = ("sources", "families", "instruments", "pitches", "velocities", "qualities")


class NSynth:
    """A set of notes and its parts `train`, `valid` and `test`.

    Attributes:
        fields: Labels: instrument (the names in training, sorted), pitch and velocity (learned points at the values in
            training), instrument_family, instrument_source, qualities.
        spec: What a model may know of the encoded notes.
        split_hash: SHA-256 of which note lies in which part.
        skipped: What was wrong with each bad note that was left out.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Which notes, and how they are split."""

        root: Path = STARTER
        """Folder with examples.json and audio/, or an nsynth-*.jsonwav.tar.gz or .tfrecord, or the folder of these."""
        split: Literal["completion", "official"] = "completion"
        """Hold out whole (instrument, pitch) pairs, 80/10/10, or take NSynth's own train, valid and test sets."""
        seed: int = 0
        """Seed of the completion split."""
        sources: tuple[str, ...] = ()
        """Keep these instrument sources (acoustic, electronic, synthetic); all if empty."""
        families: tuple[str, ...] = ()
        """Keep these instrument families; all if empty."""
        instruments: tuple[str, ...] = ()
        """Keep these instruments; all if empty."""
        pitches: tuple[float, float] | None = None
        """Keep pitches from low to high, MIDI note numbers; all if none."""
        velocities: tuple[float, ...] = ()
        """Keep these velocities; all if empty."""
        qualities: tuple[str, ...] = ()
        """Keep notes that have every one of these qualities; all if empty."""
        cache: Path | None = None
        """Folder of the audio cache; if none, `.synthgen-cache` beside the notes, or the user's cache folder."""
        skip_bad: bool = False
        """Leave bad notes out (missing, cut off, wrong rate, stereo) instead of stopping at the first."""

    def __init__(self, config: NSynth.Config, representation: AudioRepresentation) -> None:
        """Find the notes, cache their audio if that has not been done, filter and split them.

        Raises:
            UserError: a missing or bad file, a filter that names nothing in the data, or a part without notes.
        """
        self.config = config
        options = {
            "sample_rate": representation.sample_rate,
            "samples": representation.samples,
            "folder": config.cache,
            "skip_bad": config.skip_bad,
        }
        checks.one_of("data.split", config.split, ("completion", "official"))
        official = config.split == "official"
        sources = find_official(config.root) if official else {"the set": find_one(config.root)}
        caches = {name: open_cache(source, **options) for name, source in sources.items()}
        self.skipped = tuple(message for cache in caches.values() for message in cache.skipped)
        chosen = _select({name: cache.entries for name, cache in caches.items()}, config)
        if not official:
            (cache,), (kept,) = caches.values(), chosen.values()
            split = completion([cache.entries[i] for i in kept], seed=config.seed)
            chosen = {part: [kept[i] for i in indices] for part, indices in split.items()}
            caches = dict.fromkeys(chosen, cache)
        entries = {part: [caches[part].entries[i] for i in indices] for part, indices in chosen.items()}
        self.fields = _fields(entries["train"])
        self.spec = representation.spec(self.fields)
        self.split_hash = split_hash(entries)
        parts = [
            Notes(self.spec, caches[part], indices, provenance=self._provenance(part, len(indices)))
            for part, indices in chosen.items()
        ]
        self.train, self.valid, self.test = parts

    def _provenance(self, part: str, notes: int) -> dict[str, Any]:
        config = to_dict(self.config)
        return {
            "name": self.config.root.expanduser().resolve().name,
            "part": part,
            "notes": notes,
            "skipped": len(self.skipped),
            "split": self.config.split,
            "seed": self.config.seed,
            "split_hash": self.split_hash,
            "filters": {name: config[name] for name in _FILTERS if config[name]},
        }


class Notes:
    """The notes of one part; see `synthgen.data.loading.Examples`.

    Attributes:
        spec: What a model may know of the encoded notes.
        entries: Labels of each note.
    """

    def __init__(self, spec: DataSpec, cache: Cache, indices: Sequence[int], *, provenance: dict[str, Any]) -> None:
        self.spec = spec
        self.entries = [cache.entries[i] for i in indices]
        self._cache, self._rows, self._provenance = cache, cache.rows[indices], provenance
        self._labels = _labels(self.entries, spec.field("instrument").names)

    def __len__(self) -> int:
        return len(self.entries)

    def batch(self, indices: Tensor) -> Batch:
        """Waveforms (B, 1, T) float32 in [-1, 1] and labels of the notes at `indices` (B,) int64, on the CPU."""
        audio = self._cache.read(self._rows[indices.numpy()])
        x = np.multiply(audio, np.float32(1 / 32768), dtype=np.float32)  # one pass, twice as fast as in torch
        return Batch(torch.from_numpy(x)[:, None], {name: values[indices] for name, values in self._labels.items()})

    def provenance(self) -> dict[str, Any]:
        """Name and size of the part, how it was split and filtered, and the split's hash."""
        return dict(self._provenance)


def as_in_training(config: NSynth.Config, provenance: Mapping[str, Any]) -> NSynth.Config:
    """The same notes, filtered and split as those that the model of a checkpoint learned from."""
    data = provenance.get("data", {})
    filters = {name: tuple(values) for name, values in data.get("filters", {}).items() if name in _FILTERS}
    return replace(config, **filters, **{name: data[name] for name in ("split", "seed") if name in data})


def _fields(train: Sequence[Entry]) -> tuple[Field, ...]:
    instruments = tuple(sorted({entry.instrument_str for entry in train}))
    pitches = tuple(sorted({float(entry.pitch) for entry in train}))
    velocities = tuple(sorted({float(entry.velocity) for entry in train}))
    return (
        Field(name="instrument", kind="category", size=len(instruments), names=instruments),
        Field(name="pitch", kind="ordinal", size=len(pitches), values=pitches),
        Field(name="velocity", kind="ordinal", size=len(velocities), values=velocities),
        Field(name="instrument_family", kind="category", size=len(FAMILIES), names=FAMILIES),
        Field(name="instrument_source", kind="category", size=len(SOURCES), names=SOURCES),
        Field(name="qualities", kind="multihot", size=len(QUALITIES), names=QUALITIES),
    )


def _labels(entries: Sequence[Entry], instruments: Sequence[str]) -> Labels:
    number = {name: index for index, name in enumerate(instruments)}

    def column(values: Iterable[Any], dtype: type) -> Tensor:
        return torch.from_numpy(np.array(list(values), dtype))

    return {
        "instrument": column((number.get(entry.instrument_str, -1) for entry in entries), np.int64),
        "pitch": column((entry.pitch for entry in entries), np.float32),
        "velocity": column((entry.velocity for entry in entries), np.float32),
        "instrument_family": column((entry.instrument_family for entry in entries), np.int64),
        "instrument_source": column((entry.instrument_source for entry in entries), np.int64),
        "qualities": column((entry.qualities for entry in entries), np.float32),
    }


def _select(sets: Mapping[str, Sequence[Entry]], config: NSynth.Config) -> dict[str, list[int]]:
    """Indices of the notes of each set that pass all filters.

    Raises:
        UserError: a filter names what is in none of the sets, or no note of a set passes.
    """
    chosen = {name: list(range(len(entries))) for name, entries in sets.items()}
    for filter_name, asked in _asked(config).items():
        tags = {name: [_tags(entry, filter_name) for entry in entries] for name, entries in sets.items()}
        present = {tag for entries in tags.values() for entry in entries for tag in entry}
        for tag in asked:
            checks.one_of(f"data.{filter_name}", tag, present)
        passes = (
            asked.issubset if filter_name == "qualities" else lambda entry, asked=asked: not asked.isdisjoint(entry)
        )
        chosen = {name: [i for i in indices if passes(tags[name][i])] for name, indices in chosen.items()}
    low, high = config.pitches or (-np.inf, np.inf)
    if low > high:
        raise UserError(f"data.pitches={low:g} {high:g} must be the lowest and the highest pitch; swap them")
    for name, entries in sets.items():
        chosen[name] = [i for i in chosen[name] if low <= entries[i].pitch <= high]
        if not chosen[name]:
            raise UserError(f"data: no note of {name} passes all filters; widen data.pitches or another of them")
    return chosen


def _asked(config: NSynth.Config) -> dict[str, set[str]]:
    names = {name: set(getattr(config, name)) for name in ("sources", "families", "instruments", "qualities")}
    names["velocities"] = {f"{velocity:g}" for velocity in config.velocities}
    return {name: asked for name, asked in names.items() if asked}


def _tags(entry: Entry, filter_name: str) -> tuple[str, ...]:
    """What a filter may name in an entry."""
    if filter_name == "sources":
        return (SOURCES[entry.instrument_source],)
    if filter_name == "families":
        return (FAMILIES[entry.instrument_family],)
    if filter_name == "instruments":
        return (entry.instrument_str,)
    if filter_name == "velocities":
        return (f"{entry.velocity:g}",)
    return tuple(name for name, flag in zip(QUALITIES, entry.qualities, strict=True) if flag)
