"""Where notes come from: what a source of notes offers, and the plainest one, a folder in NSynth's layout."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from synthgen.checks import UserError
from synthgen.data.audio import SUFFIXES, find_audio, read_audio, to_int16
from synthgen.data.layout import Entry, read_examples


@dataclass(frozen=True, kw_only=True)
class Item:
    """One note of a source, not decoded yet.

    Attributes:
        where: The note's name, or its place in the file where the name is not known yet.
        decode: Returns the note's name and its samples, int16 (T,); raises UserError if it is bad. Runs in a thread.
        done: How much of the source has been read, in the source's `unit`.
    """

    where: str
    decode: Callable[[], tuple[str, np.ndarray]]
    done: int


class Source(Protocol):
    """A set of notes on disk.

    Attributes:
        path: The folder or file.
        unit: What progress is counted in, ``note`` or ``B``.
    """

    path: Path
    unit: str

    def total(self) -> int:
        """Amount of work in `unit`."""
        ...

    def fingerprint(self) -> str:
        """A hash that changes whenever a note or a label does, found without reading any audio."""
        ...

    def items(self, *, sample_rate: int, samples: int) -> Iterator[Item]:
        """Every note, in any order."""
        ...

    def entries(self) -> Iterable[Entry]:
        """The labels of all notes; asked for when all items have been decoded."""
        ...


class FolderSource:
    """A folder with `examples.json` and `audio/*.wav` or `audio/*.flac`."""

    unit = "note"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: list[Entry] | None = None

    def total(self) -> int:
        return len(self.entries())

    def fingerprint(self) -> str:
        """Hash of the labels and of name, size and time of change of every audio file."""
        digest = hashlib.sha256(b"folder")
        try:
            digest.update((self.path / "examples.json").read_bytes())
            with os.scandir(self.path / "audio") as listing:
                files = sorted((f.name, f.stat()) for f in listing if f.name.endswith(SUFFIXES))
        except OSError as error:
            name = error.filename or self.path
            raise UserError(f"{name}: cannot read ({error.strerror}); give a folder in NSynth's layout") from error
        for name, stat in files:
            digest.update(f"\n{name} {stat.st_size} {stat.st_mtime_ns}".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def entries(self) -> list[Entry]:
        if self._entries is None:
            self._entries = read_examples(self.path / "examples.json")
        return self._entries

    def items(self, *, sample_rate: int, samples: int) -> Iterator[Item]:
        for number, entry in enumerate(self.entries(), start=1):
            decode = partial(self._decode, entry.note_str, sample_rate=sample_rate, samples=samples)
            yield Item(where=entry.note_str, decode=decode, done=number)

    def _decode(self, name: str, *, sample_rate: int, samples: int) -> tuple[str, np.ndarray]:
        path = find_audio(self.path / "audio", name)
        return name, to_int16(read_audio(path, sample_rate=sample_rate, samples=samples))
