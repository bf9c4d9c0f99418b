"""What may be asked of a model: an instrument or a blend, a pitch, a velocity and a seed, all checked before use."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

from synthgen import checks
from synthgen.checks import UserError
from synthgen.rendering.adapted import SUFFIX, Adapted, Owner, read

Name = str | Path | Adapted
"""An instrument's name; or one that was fitted to recordings, or the path of its file."""
Instrument = Name | Mapping[Name, float]
"""An instrument, ``"flute=0.5,church organ=0.5"``, or the same blend as a mapping of names to weights."""

SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ACCIDENTALS = {"#": 1, "\N{MUSIC SHARP SIGN}": 1, "b": -1, "\N{MUSIC FLAT SIGN}": -1}
NOTE_NAME = re.compile(
    r"(?P<letter>[A-Ga-g])(?P<accidentals>[#b\u266f\u266d]*)(?P<octave>-?\d{1,2})(?P<cents>[+-]\d{1,3})?"
)
BLEND_TOLERANCE = 1e-3
SEED_BITS = 63


@dataclass(frozen=True, kw_only=True)
class Request:
    """One note to make.

    Attributes:
        instrument: Name of the instrument, or the weights of several that sum up to 1.
        pitch: MIDI note number, perhaps between two keys, or a note name such as ``"A4"`` (69).
        velocity: MIDI velocity, 1 to 127; outside the velocities that a model has learned it plays the nearest of them.
        seed: Where the model and its representation draw from; the same seed gives the same samples.
        adapted: Those instruments that were fitted to recordings; the others are the model's own.
    """

    instrument: Instrument
    pitch: float | str
    velocity: float = 100
    seed: int = 0
    adapted: tuple[Adapted, ...] = ()

    @property
    def instrument_name(self) -> str:
        """The instrument, or the blend as it is written on the command line.

        >>> Request(instrument={"church organ": 0.5, "flute": 0.5}, pitch=60).instrument_name
        'church organ=0.5,flute=0.5'
        """
        if isinstance(self.instrument, str):
            return self.instrument
        return ",".join(f"{name}={weight:g}" for name, weight in self.instrument.items())


@dataclass(frozen=True, kw_only=True)
class Repertoire:
    """What a model can play.

    Attributes:
        instruments: Names of the instruments, in the model's order.
        pitches: Lowest and highest MIDI note.
        velocities: Learned velocities, ascending; empty where the model knows none.
        owner: Whose instruments may be named by their files; None takes no files.
    """

    instruments: tuple[str, ...]
    pitches: tuple[float, float]
    velocities: tuple[float, ...] = ()
    owner: Owner | None = None

    def resolve(self, request: Request) -> Request:
        """The same request in the model's own names and in numbers.

        Raises:
            UserError: the model cannot play it; the message names the field.
        """
        adapted: dict[str, Adapted] = {}
        for one in request.adapted:
            self._adapted(one, adapted)
        instrument = self._instrument(request.instrument, adapted)
        named = [instrument] if isinstance(instrument, str) else instrument
        return Request(
            instrument=instrument,
            pitch=self.pitch(request.pitch),
            velocity=parse_velocity(request.velocity),
            seed=parse_seed(request.seed),
            adapted=tuple(adapted[name] for name in named if name in adapted),
        )

    def instrument(self, value: Instrument) -> str | dict[str, float]:
        """The model's own name of an instrument, or a blend of such names, sorted, its weights scaled to sum 1.

        Case, spaces, underscores, hyphens and brackets in names do not matter.

        Raises:
            UserError: an unknown name, or weights that are negative, not finite, or do not sum up to 1.
        """
        return self._instrument(value, {})

    def _instrument(self, value: Instrument, adapted: dict[str, Adapted]) -> str | dict[str, float]:
        """As `instrument`; those fitted to recordings are found in `adapted`, and what was in a file is put there."""
        if isinstance(value, Path | Adapted):
            return self._name(value, adapted)
        if isinstance(value, str):
            if "=" not in value or value in self.instruments:
                return self._name(value, adapted)
            value = _parse_blend(value)
        if not isinstance(value, Mapping):
            raise UserError(f"instrument={value!r} must be a name such as 'flute', or names and weights to blend")
        blend: dict[str, float] = {}
        for key, weight in value.items():
            name = self._name(key, adapted)
            if name in blend:
                raise UserError(f"instrument={name!r} is named twice in a blend; add the weights up")
            blend[name] = _weight(name, weight)
        return _normalised(blend)

    def _name(self, value: Name, adapted: dict[str, Adapted]) -> str:
        if isinstance(value, Adapted):
            return self._adapted(value, adapted)
        value = str(value)
        if value in self.instruments or value in adapted:
            return value
        if value.endswith(SUFFIX) and self.owner:
            return self._adapted(read(value), adapted, value)
        same = [name for name in self.instruments if _plain(name) == _plain(value)]
        if len(same) > 1:
            raise UserError(f"instrument={value!r} may be {' or '.join(map(repr, same))}; write one of them exactly")
        if not same:
            checks.one_of("instrument", value, self.instruments)
        return same[0]

    def _adapted(self, value: Adapted, adapted: dict[str, Adapted], where: str = "") -> str:
        """Take an instrument into `adapted`; its name there."""
        if self.owner is None:
            raise UserError(f"instrument={value.label!r} must be one of the model's own here")
        self.owner.check(value, where or value.label)
        if adapted.setdefault(value.label, value) != value:
            raise UserError(f"{where or value.label}: another instrument is called so; rename one in its file")
        return value.label

    def pitch(self, value: float | str) -> float:
        """MIDI number of a pitch that the model reaches.

        Raises:
            UserError: no pitch, or one outside the model's range.
        """
        midi = parse_pitch(value)
        low, high = self.pitches
        if not low <= midi <= high:
            shown = value if isinstance(value, str) else f"{midi:g}"
            raise UserError(
                f"pitch={shown} must be between {low:g} and {high:g} ({note_name(low)} to {note_name(high)})"
            )
        return midi


Asked = Request | Mapping[str, Any] | tuple[Any, ...]
"""A `Request`, its fields as a mapping, or a tuple (instrument, pitch[, velocity[, seed]])."""


def as_request(asked: Asked) -> Request:
    """What was asked for as a `Request`.

    Raises:
        UserError: it is none.
    """
    if isinstance(asked, Request):
        return asked
    try:
        if isinstance(asked, tuple):
            return Request(**dict(zip(("instrument", "pitch", "velocity", "seed")[: len(asked)], asked, strict=True)))
        return Request(**asked)
    except (TypeError, ValueError) as error:
        parts = "instrument, pitch and perhaps velocity and seed"
        raise UserError(f"{asked!r} must be a Request, a mapping or a tuple of {parts}") from error


def parse_pitch(value: float | str) -> float:
    """MIDI number of a number or of a note name, with the meaning that librosa gives to names.

    Raises:
        UserError: it is neither.

    >>> parse_pitch("A4"), parse_pitch("C#3"), parse_pitch("Bb2"), parse_pitch("57.5"), parse_pitch("C-1+50")
    (69.0, 49.0, 46.0, 57.5, 0.5)
    """
    named = NOTE_NAME.fullmatch(value.strip()) if isinstance(value, str) else None
    if named:
        semitone = SEMITONES[named["letter"].upper()] + sum(ACCIDENTALS[a] for a in named["accidentals"])
        return float(12 * (int(named["octave"]) + 1) + semitone + int(named["cents"] or 0) / 100)
    midi = _number(value)
    if midi is None:
        raise UserError(f"pitch={value!r} must be a MIDI number such as 69 or 57.5, or a note such as A4, C#3 or Bb2")
    return midi


def note_name(midi: float) -> str:
    """Name of the key nearest to a MIDI pitch.

    >>> note_name(69), note_name(48.2), note_name(46)
    ('A4', 'C3', 'A#2')
    """
    key = round(midi)
    return f"{('C', 'C#', 'D', 'D#', 'E', 'F', 'F#', 'G', 'G#', 'A', 'A#', 'B')[key % 12]}{key // 12 - 1}"


def parse_velocity(value: float | str) -> float:
    """A MIDI velocity.

    Raises:
        UserError: no number from 1 to 127.
    """
    velocity = _number(value)
    if velocity is None or not 1 <= velocity <= 127:
        raise UserError(f"velocity={_shown(value)} must be a number between 1 and 127")
    return velocity


def parse_seed(value: int | str) -> int:
    """A seed.

    Raises:
        UserError: no whole number from 0 to 2 ** 63 - 1.
    """
    text = str(value).strip()
    if not re.fullmatch(r"\d{1,19}", text) or int(text) >= 2**SEED_BITS:
        raise UserError(f"seed={_shown(value)} must be a whole number between 0 and 2 ** {SEED_BITS} - 1")
    return int(text)


def _parse_blend(text: str) -> dict[str, str]:
    blend: dict[str, str] = {}
    for part in text.split(","):
        name, _, weight = part.rpartition("=")
        if not name.strip():
            raise UserError(f"instrument={text!r} must read NAME=WEIGHT,NAME=WEIGHT, e.g. 'flute=0.5,church organ=0.5'")
        if name.strip() in blend:
            raise UserError(f"instrument={name.strip()!r} is named twice in a blend; add the weights up")
        blend[name.strip()] = weight
    return blend


def _weight(name: str, value: float | str) -> float:
    weight = _number(value)
    if weight is None or weight < 0:
        raise UserError(f"weight of {name!r} in a blend={_shown(value)} must be a number of at least 0")
    return weight


def _normalised(blend: dict[str, float]) -> str | dict[str, float]:
    total = math.fsum(blend.values())
    if not abs(total - 1) <= BLEND_TOLERANCE:
        parts = ", ".join(f"{name}={weight:g}" for name, weight in blend.items())
        raise UserError(f"weights of a blend ({parts}) sum up to {total:g}; they must sum up to 1")
    heard = sorted(name for name, weight in blend.items() if weight > 0)
    return heard[0] if len(heard) == 1 else {name: blend[name] / total for name in heard}


def _number(value: object) -> float | None:
    """`value` as a finite float, or None where it is no number."""
    if isinstance(value, bool) or not isinstance(value, Real | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _plain(name: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", name.lower()))


def _shown(value: object) -> str:
    number = _number(value)
    text = repr(value) if number is None else f"{number:g}"
    return text if len(text) <= 40 else text[:37] + "..."
