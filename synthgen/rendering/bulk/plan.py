"""What to render: rows that are worked out when they are asked for, so that a plan may be longer than memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

from synthgen.checks import UserError
from synthgen.data.layout import safe_name
from synthgen.rendering.adapted import Adapted
from synthgen.rendering.library import ModelInfo
from synthgen.rendering.request import Repertoire, Request


@dataclass(frozen=True, kw_only=True)
class Row:
    """One note of a plan.

    Attributes:
        name: Its own in the plan; of its files too.
        model: Which of the plan's models makes it.
        request: In the model's own names.
        seconds: Length it is cut or padded to; None keeps the model's.
    """

    name: str
    model: int
    request: Request
    seconds: float | None = None


class Skipped(NamedTuple):
    """Bad rows that were left out, and what was wrong with the first."""

    count: int = 0
    first: str = ""


class Tally(NamedTuple):
    """Notes of one model, and how many samples they have together."""

    notes: int
    samples: int


class Plan(Protocol):
    """The notes of a data set.

    Attributes:
        models: Those that make them.
        skipped: What was left out.
    """

    models: tuple[ModelInfo, ...]
    skipped: Skipped

    def __len__(self) -> int:
        """Number of notes."""
        ...

    def row(self, index: int) -> Row:
        """A note, `index` counting from 0."""
        ...

    def digest(self) -> str:
        """SHA-256 in hexadecimal: two plans that ask for the same notes in the same order in the same way have one."""
        ...

    def tally(self) -> list[Tally]:
        """For each model what it has to make."""
        ...


class Voice(NamedTuple):
    """An instrument of a plan, resolved: a name or weights, and which of them were fitted to recordings."""

    instrument: str | dict[str, float]
    adapted: tuple[Adapted, ...] = ()

    @classmethod
    def find(cls, repertoire: Repertoire, instrument: Any) -> Voice:
        """The voice that a plan calls `instrument`.

        Raises:
            UserError: the model has none such.
        """
        found = repertoire.resolve(Request(instrument=instrument, pitch=repertoire.pitches[0]))
        return cls(found.instrument, found.adapted)

    def request(self, pitch: float, velocity: float, seed: int) -> Request:
        """A note of it."""
        return Request(instrument=self.instrument, pitch=pitch, velocity=velocity, seed=seed, adapted=self.adapted)

    @property
    def name(self) -> str:
        """The instrument as part of a file's name."""
        return safe_name(self.request(0.0, 1.0, 0).instrument_name)

    def to_json(self) -> list[Any]:
        """What tells it from others."""
        return [self.instrument, [asdict(one) for one in self.adapted]]


def stem(voice: str, pitch: float, velocity: float, seed: int = 0, *rest: str) -> str:
    """Name of a note and of its file, without suffix, in NSynth's manner; the seed is in it unless it is 0.

    Args:
        voice: See `Voice.name`.
        pitch: MIDI note number.
        velocity: MIDI velocity.
        seed: The note's seed.
        rest: What else tells it from others; empty parts are left out.

    >>> stem("church_organ", 60.5, 100.0, 7, "d1.5", "")
    'church_organ-060.5-100-s7-d1.5'
    """
    numbers = [f"{value:010.6f}".rstrip("0").rstrip(".") for value in (pitch, velocity)]
    return "-".join(filter(None, [voice, *numbers, f"s{seed}" if seed else "", *rest]))


def hashed(description: Any, columns: Iterable[bytes] = ()) -> str:
    """SHA-256 of JSON values and of raw columns, in hexadecimal."""
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for column in columns:
        digest.update(column)
    return digest.hexdigest()


def check_labels(voices: Iterable[Voice], where: str) -> None:
    """Raise UserError where two different fitted instruments share a name: their notes could not be told apart."""
    known: dict[str, Adapted] = {}
    for one in (one for voice in voices for one in voice.adapted):
        if known.setdefault(one.label, one) != one:
            raise UserError(f"{where}: two instruments are called {one.label}; rename one of them in its file")
