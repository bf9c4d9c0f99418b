"""Plans whose rows are written out: kept as columns, about 60 bytes a note."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from synthgen.data.layout import safe_name
from synthgen.rendering.bulk.plan import Row, Skipped, Tally, Voice, hashed, stem
from synthgen.rendering.library import ModelInfo

TYPES = {"model": "H", "voice": "I", "pitch": "d", "velocity": "d", "seed": "q", "seconds": "d"}
"""Columns, and what they hold by the letters of `array`."""


class ListedPlan:
    """Rows in the order in which they were listed.

    Attributes:
        models: What plays the rows that name no model, and those that are named.
        voices: Instruments that are heard.
        skipped: Rows that were left out.
    """

    def __init__(
        self,
        models: tuple[ModelInfo, ...],
        voices: list[Voice],
        columns: Mapping[str, np.ndarray],
        ids: list[str | None] | None,
        skipped: Skipped,
    ) -> None:
        self.models, self.voices, self._columns, self._ids, self.skipped = models, voices, columns, ids, skipped

    @cached_property
    def _voice_names(self) -> list[str]:
        return [voice.name for voice in self.voices]

    def __len__(self) -> int:
        """Number of notes."""
        return len(self._columns["pitch"])

    def row(self, index: int) -> Row:
        """See `Plan.row`."""
        model, voice, pitch, velocity, seed, seconds = (self._columns[name][index].item() for name in TYPES)
        request = self.voices[voice].request(pitch, velocity, seed)
        name = self._ids[index] if self._ids else None
        kept = None if np.isnan(seconds) else seconds
        return Row(name=name or self._stem(index), model=model, request=request, seconds=kept)

    def digest(self) -> str:
        """See `Plan.digest`; it does not matter in which format the rows were written."""
        about = [[voice.to_json() for voice in self.voices], self._suffixes, self._ids]
        return hashed(["listed", *about], (self._columns[name].tobytes() for name in TYPES))

    def repeated(self) -> np.ndarray:
        """Numbers of the rows whose name an earlier row has, ascending."""
        if self._ids:
            seen: set[str] = set()
            names = (self._ids[index] or self._stem(index) for index in range(len(self)))
            return np.array([i for i, name in enumerate(names) if name in seen or seen.add(name)], int)
        numbers = {name: number for number, name in enumerate(self._voice_names)}
        columns = dict(self._columns)
        columns["voice"] = np.array([numbers[name] for name in self._voice_names], int)[columns["voice"]]
        keys = [np.nan_to_num(columns[name], nan=0.0).round(6) for name in TYPES]
        order = np.lexsort(keys)
        same = np.all([key[order[1:]] == key[order[:-1]] for key in keys], axis=0)
        return np.sort(order[1:][same])

    def tally(self) -> list[Tally]:
        """See `Plan.tally`."""
        return [self._tally(number, info) for number, info in enumerate(self.models)]

    def _tally(self, number: int, info: ModelInfo) -> Tally:
        seconds = self._columns["seconds"][self._columns["model"] == number]
        lengths = np.where(np.isnan(seconds), info.samples, np.rint(seconds * info.sample_rate))
        return Tally(len(seconds), int(lengths.sum()))

    @cached_property
    def _suffixes(self) -> list[str]:
        return ["", *(safe_name(info.name) for info in self.models[1:])]

    def _stem(self, index: int) -> str:
        model, voice, pitch, velocity, seed, seconds = (self._columns[name][index].item() for name in TYPES)
        length = "" if np.isnan(seconds) else f"d{seconds:g}"
        return stem(self._voice_names[voice], pitch, velocity, seed, length, self._suffixes[model])
