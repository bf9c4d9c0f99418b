"""NSynth's published layout on disk: `examples.json` beside `audio/<note_str>.wav` (or `.flac`).

Engel et al. 2017, "Neural Audio Synthesis of Musical Notes with WaveNet Autoencoders", arXiv 1704.01279; the files are
described at https://magenta.tensorflow.org/datasets/nsynth.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from synthgen import checks, files
from synthgen.checks import UserError
from synthgen.data.audio import read_audio as read_audio
from synthgen.data.audio import write_audio as write_audio

FAMILIES = (
    *("bass", "brass", "flute", "guitar", "keyboard", "mallet"),
    *("organ", "reed", "string", "synth_lead", "vocal"),
)
SOURCES = ("acoustic", "electronic", "synthetic")
QUALITIES = (
    *("bright", "dark", "distortion", "fast_decay", "long_release"),
    *("multiphonic", "nonlinear_env", "percussive", "reverb", "tempo-synced"),
)
MAX_NAME_BYTES = 200
_REQUIRED = ("note", "instrument", "instrument_str", "pitch", "velocity")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """The labels of one note.

    Attributes:
        note_str: Name of the note and stem of its audio file.
        note: Number of the note.
        instrument: Number of the instrument; only a set's own `instrument_str` is meaningful across sets.
        instrument_str: Name of the instrument.
        pitch: MIDI note number, 0 to 127, perhaps between two keys.
        velocity: MIDI velocity, 1 to 127.
        instrument_family: Index into `FAMILIES`.
        instrument_source: Index into `SOURCES`.
        qualities: One 0 or 1 for each of `QUALITIES`.
        sample_rate: Samples per second.
        extra: Further JSON keys, kept as they are.
    """

    note_str: str
    note: int
    instrument: int
    instrument_str: str
    pitch: float
    velocity: float
    instrument_family: int
    instrument_source: int
    qualities: tuple[int, ...] = (0,) * len(QUALITIES)
    sample_rate: int = 16000
    extra: dict[str, Any] = field(default_factory=dict, hash=False)

    def to_json(self) -> dict[str, Any]:
        """The note's table in `examples.json`; whole pitches and velocities are written as integers."""
        return {
            **self.extra,
            "note_str": self.note_str,
            "note": self.note,
            "instrument": self.instrument,
            "instrument_str": self.instrument_str,
            "pitch": _shortest(self.pitch),
            "velocity": _shortest(self.velocity),
            "instrument_family": self.instrument_family,
            "instrument_family_str": FAMILIES[self.instrument_family],
            "instrument_source": self.instrument_source,
            "instrument_source_str": SOURCES[self.instrument_source],
            "qualities": list(self.qualities),
            "qualities_str": [n for n, flag in zip(QUALITIES, self.qualities, strict=True) if flag],
            "sample_rate": self.sample_rate,
        }

    @classmethod
    def from_json(cls, name: str, values: dict[str, Any], where: str = "examples.json") -> Entry:
        """The labels in `values`, which may hold floats such as 66.0 where NSynth has integers.

        Family and source are taken from their names where they disagree with their indices, which differ between tools.

        Args:
            name: The note's key in the file.
            values: The note's table.
            where: Path of the file, for messages.

        Raises:
            UserError: a missing or impossible value; the message names file, note and field.
        """
        check_name(name, where)
        at = f"{where}: note {name!r}"
        if not isinstance(values, dict):
            raise UserError(f"{at} must be a table of labels such as instrument_str, pitch and velocity")
        missing = [key for key in _REQUIRED if key not in values]
        if missing:
            raise UserError(f"{at} lacks {', '.join(missing)}; add {'it' if len(missing) == 1 else 'them'}")
        if values.get("note_str", name) != name:
            raise UserError(f"{at}: note_str={values['note_str']!r} must equal the note's key; mend one of them")
        return cls(
            note_str=name,
            note=_whole(values["note"], f"{at}: note", 0, 2**53),
            instrument=_whole(values["instrument"], f"{at}: instrument", 0, 2**53),
            instrument_str=_instrument_name(values["instrument_str"], at),
            pitch=_number(values["pitch"], f"{at}: pitch", 0, 127),
            velocity=_number(values["velocity"], f"{at}: velocity", 1, 127),
            instrument_family=_index(values, "instrument_family", FAMILIES, at),
            instrument_source=_index(values, "instrument_source", SOURCES, at),
            qualities=_flags(values, at),
            sample_rate=_whole(values.get("sample_rate", 16000), f"{at}: sample_rate", 1, 1_000_000),
            extra={k: v for k, v in values.items() if k not in _KEYS},
        )


_KEYS = frozenset({*Entry.__slots__, "instrument_family_str", "instrument_source_str", "qualities_str"} - {"extra"})


def read_examples(path: Path) -> list[Entry]:
    """All notes of an `examples.json`, sorted by name.

    Raises:
        UserError: the file is missing, is not JSON, names a key twice, or holds an impossible note.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot read ({error.strerror}); give a folder in NSynth's layout") from error
    return parse_examples(content, str(path))


def parse_examples(content: bytes, where: str) -> list[Entry]:
    """`read_examples` for content that is already in memory.

    Raises:
        UserError: see `read_examples`; messages begin with `where`.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            note = f" in note {table['note_str']!r}" if "note_str" in table else ""
            raise UserError(f"{where}: key {twice!r} appears more than once{note}; keep one of them")
        return table

    try:
        notes = json.loads(content.decode("utf-8-sig"), object_pairs_hook=unique)
    except UserError:
        raise
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not valid JSON ({error}); download or build it again") from error
    if not isinstance(notes, dict):
        raise UserError(f"{where}: must be a JSON object with one entry a note, {{note_str: labels}}")
    return [Entry.from_json(name, notes.pop(name), where) for name in sorted(notes)]


def write_examples(path: Path, entries: Iterable[Entry]) -> None:
    """Write an `examples.json` atomically, sorted by name.

    Raises:
        UserError: two notes share a name, a name is no plain file stem, or the file cannot be written.
    """
    entries = sorted(entries, key=lambda entry: entry.note_str)
    previous = None
    for entry in entries:
        check_name(entry.note_str, str(path))
        if entry.note_str == previous:
            raise UserError(f"{path}: note {previous!r} appears more than once; give each note its own name")
        previous = entry.note_str
    with files.atomic(path) as partial, io.BufferedWriter(files.Stream(partial)) as stream:
        stream.write(b"{")  # entry by entry: as one object, the labels of a large set would take gigabytes
        for number, entry in enumerate(entries):
            table = json.dumps({entry.note_str: entry.to_json()}, indent=1, sort_keys=True)
            stream.write(f"{',' if number else ''}{table[1:-2]}".encode())
        stream.write(b"\n}" if entries else b"}")


def safe_name(name: str) -> str:
    """`name` as a plain file stem.

    >>> safe_name("../church organ")
    'church_organ'
    """
    stem = re.sub(r"[^\w.#+-]+", "_", name).strip("._")
    while len(stem.encode()) > MAX_NAME_BYTES:
        stem = stem[:-1]
    return stem or "note"


def check_name(name: str, where: str) -> None:
    """Raise UserError unless `name` is a plain file stem.

    >>> check_name("../flute-060-100", "examples.json")
    Traceback (most recent call last):
    synthgen.checks.UserError: examples.json: note name '../flute-060-100' must be a plain file name without folders
    """
    plain = isinstance(name, str) and name.isprintable() and not name.startswith(".") and not set(name) & {"/", "\\"}
    if not plain or not name:
        raise UserError(f"{where}: note name {name!r} must be a plain file name without folders")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise UserError(f"{where}: note name {name[:40]!r}... must have at most {MAX_NAME_BYTES} bytes; shorten it")


def _shortest(value: float) -> float:
    return int(value) if float(value).is_integer() else value


def _number(value: Any, name: str, low: float, high: float) -> float:
    ok = isinstance(value, int | float) and not isinstance(value, bool)
    if not (ok and low <= value <= high):
        raise UserError(f"{name}={_short(value)} must be a number from {low} to {high}; correct it")
    return float(value)


def _whole(value: Any, name: str, low: int, high: int) -> int:
    number = _number(value, name, low, high)
    if not number.is_integer():
        raise UserError(f"{name}={value} must be a whole number; correct it")
    return int(number)


def _instrument_name(value: Any, at: str) -> str:
    if not (isinstance(value, str) and value.strip() and value.isprintable() and len(value) <= MAX_NAME_BYTES):
        raise UserError(f"{at}: instrument_str={_short(value)} must be a name of 1 to {MAX_NAME_BYTES} characters")
    return sys.intern(value)


def _index(values: dict[str, Any], key: str, names: tuple[str, ...], at: str) -> int:
    name = values.get(f"{key}_str")
    if name is not None:
        checks.one_of(f"{at}: {key}_str", name, names)
        return names.index(name)
    if key not in values:
        raise UserError(f"{at} lacks {key}; add it")
    return _whole(values[key], f"{at}: {key}", 0, len(names) - 1)


def _flags(values: dict[str, Any], at: str) -> tuple[int, ...]:
    flags = values.get("qualities")
    if flags is None:
        present = values.get("qualities_str", [])
        if not isinstance(present, list):
            raise UserError(f"{at}: qualities_str={_short(present)} must be a list of names")
        for name in present:
            checks.one_of(f"{at}: qualities_str", name, QUALITIES)
        return tuple(int(name in present) for name in QUALITIES)
    if not (isinstance(flags, list) and len(flags) == len(QUALITIES) and all(flag in (0, 1) for flag in flags)):
        raise UserError(f"{at}: qualities={_short(flags)} must be a list of {len(QUALITIES)} zeros and ones")
    return _shared(tuple(map(int, flags)))


@lru_cache(maxsize=2 ** len(QUALITIES))
def _shared(flags: tuple[int, ...]) -> tuple[int, ...]:
    """One tuple for all notes with the same flags."""
    return flags


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
