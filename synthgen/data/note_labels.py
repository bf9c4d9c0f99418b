"""What a sample's file name, or a row of a table about it, says of its instrument, pitch and velocity."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Literal, TextIO

from synthgen import checks
from synthgen.checks import UserError
from synthgen.data.general_midi import BY_NAME
from synthgen.data.layout import FAMILIES, SOURCES

COLUMNS = ("file", "instrument", "pitch", "velocity", "family", "source")
REQUIRED = COLUMNS[:3]

_NSYNTH = re.compile(r"(?P<instrument>.+)-(?P<pitch>\d{3})-(?P<velocity>\d{3})")
_NSYNTH_INSTRUMENT = re.compile(rf"({'|'.join(FAMILIES)})_({'|'.join(SOURCES)})_\d+")
_START, _END = r"(?:(?<=[\s_.()-])|^)", r"(?=[\s_.()-]|$)"
_VELOCITY = re.compile(rf"{_START}(?:v|vel|velocity)[_ -]?(\d{{1,3}}){_END}", re.IGNORECASE)
_NOTE = re.compile(rf"{_START}(?:([A-G])([#♯b♭]?)|([CDFGA])(s))(-?\d){_END}", re.IGNORECASE)
_HZ = re.compile(rf"{_START}(?:(\d{{1,5}}(?:\.\d+)?)\s?hz|(\d{{1,5}}\.\d+)){_END}", re.IGNORECASE)
_SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "s": 1, "b": -1, "♭": -1}

_FAMILY_WORDS = {  # the first that fits: a bass clarinet is a reed, a bass guitar a bass
    "reed": "bassoon clarinet oboe sax saxophone harmonica bagpipe",
    "flute": "flute piccolo recorder whistle ocarina panflute shakuhachi",
    "brass": "trumpet trombone tuba horn cornet brass",
    "mallet": "marimba vibraphone xylophone glockenspiel celesta bell bells kalimba timpani drum gong",
    "bass": "bass",
    "guitar": "guitar guitars nylon banjo ukulele mandolin lute sitar shamisen",
    "string": "violin viola cello contrabass fiddle harp koto dulcimer string strings",
    "keyboard": "piano keyboard harpsichord clavinet clavichord rhodes wurlitzer keys",
    "organ": "organ accordion harmonium",
    "vocal": "voice vocal vocals choir soprano alto tenor baritone",
    "synth_lead": "synth synthesizer lead pad",
}
_SOURCE_WORDS = {
    "electronic": "electric electronic rhodes wurlitzer",
    "synthetic": "synth synthetic synthesizer lead pad",
}


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What is known of a sample before anything was measured.

    Attributes:
        instrument: Name, as it shall be in the data set.
        pitch: MIDI pitch, perhaps between two keys; None where nothing says it.
        velocity: MIDI velocity; None where nothing says it.
        family: One of `FAMILIES`; None where the name does not tell.
        source: One of `SOURCES`; None where the name does not tell.
    """

    instrument: str
    pitch: float | None = None
    velocity: float | None = None
    family: str | None = None
    source: str | None = None


def from_path(path: PurePath, *, folder: str, middle_c: Literal["C3", "C4"] = "C4") -> Labels:
    """Labels in a file's name: NSynth's (`name-060-100.wav`), a note's (`Flute_A4_v100.wav`) or a frequency's.

    A frequency has a decimal point or the unit (`110.0.wav`, `Flute 440Hz.wav`), or is a whole number above MIDI's 127;
    it stands for the key that is nearest.
    The instrument is what is left of the name, else the name of the folder.

    Args:
        path: Path of the file, relative to the folder that is read.
        folder: Name of that folder, for files directly in it.
        middle_c: What the names call MIDI pitch 60.

    >>> from_path(PurePath("Church_Organ_Db3_v100.wav"), folder="in")
    Labels(instrument='church organ', pitch=49.0, velocity=100.0, family='organ', source='acoustic')
    >>> from_path(PurePath("bassoon/110.0.wav"), folder="in").pitch
    45.0
    """
    stem = path.stem
    nsynth = _NSYNTH.fullmatch(stem)
    if nsynth and int(nsynth["pitch"]) <= 127 and 1 <= int(nsynth["velocity"]) <= 127:
        labels = Labels(
            instrument=nsynth["instrument"], pitch=float(nsynth["pitch"]), velocity=float(nsynth["velocity"])
        )
        return with_family(labels)
    rest, velocity = _take(_VELOCITY, stem, lambda match: _in_range(float(match[1]), 1, 127))
    rest, pitch = _take(_NOTE, rest, lambda match: _note_pitch(match, middle_c))
    if pitch is None:
        rest, pitch = _take(_HZ, rest, lambda match: nearest_key(float(match[1] or match[2])))
    if pitch is None and rest.isdecimal() and int(rest[:9]) > 127:
        rest, pitch = "", nearest_key(float(rest[:9]))
    name = _instrument(rest, pitch is not None, path.parent.name, folder)
    return with_family(Labels(instrument=name, pitch=pitch, velocity=velocity))


def read_table(path: Path, *, middle_c: Literal["C3", "C4"] = "C4") -> dict[str, Labels]:
    """Labels by file from a CSV with columns file, instrument, pitch and perhaps velocity, family and source.

    A pitch is a MIDI number or a note name; where it is empty it is measured.

    Raises:
        UserError: a file that is no such table; the message names line and column.
    """
    labels: dict[str, Labels] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            for where, row in _rows(stream, str(path)):
                file = PurePath(row["file"])
                name = file.as_posix()
                if not row["file"] or file.is_absolute() or ".." in file.parts:
                    raise UserError(f"{where}: file={name!r} must be a path within the folder of samples; correct it")
                if name in labels:
                    raise UserError(f"{where}: file={name!r} was named before; keep one of the rows")
                labels[name] = _row_labels(row, where, middle_c)
    except OSError as error:
        raise UserError(
            f"{path}: cannot read ({error.strerror}); give a CSV with columns {', '.join(COLUMNS)}"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a CSV in UTF-8 ({error}); save it as one") from error
    if not labels:
        raise UserError(f"{path}: names no file; add a row for each")
    return labels


def with_family(labels: Labels) -> Labels:
    """The same labels with family and source as far as the instrument's name tells them."""
    nsynth = _NSYNTH_INSTRUMENT.fullmatch(labels.instrument)
    if nsynth:
        family, source = nsynth.groups()
    elif labels.instrument.lower() in BY_NAME:
        program = BY_NAME[labels.instrument.lower()]
        family, source = program.family, program.source
    else:
        words = re.findall(r"[a-z]+", labels.instrument.lower())
        family, source = _by_word(_FAMILY_WORDS, words), _by_word(_SOURCE_WORDS, words)
    return replace(labels, family=labels.family or family, source=labels.source or source)


def nearest_key(hz: float) -> float | None:
    """MIDI pitch of the key that is nearest to a frequency; None outside MIDI's range."""
    from synthgen.signal.pitch import hz_to_midi

    return _in_range(float(round(hz_to_midi(hz))), 0, 127) if hz > 0 else None


def _take(
    pattern: re.Pattern[str], text: str, value: Callable[[re.Match[str]], float | None]
) -> tuple[str, float | None]:
    """The last match in `text` that means something, cut out of it, and what it means."""
    for match in reversed(list(pattern.finditer(text))):
        meant = value(match)
        if meant is not None:
            return f"{text[: match.start()]} {text[match.end() :]}", meant
    return text, None


def _in_range(value: float, low: float, high: float) -> float | None:
    return value if low <= value <= high else None


def _note_pitch(match: re.Match[str], middle_c: str) -> float | None:
    letter, accidental = (match[1], match[2]) if match[1] else (match[3], match[4])
    octave = int(match[5]) + (2 if middle_c == "C3" else 1)
    return _in_range(float(12 * octave + _SEMITONES[letter.lower()] + _ACCIDENTALS[accidental.lower()]), 0, 127)


def _instrument(rest: str, pitch_known: bool, parent: str, folder: str) -> str:
    words = [word for word in re.split(r"[\s_.()-]+", rest) if word and not word.isdecimal()]
    if pitch_known or not parent:
        name = " ".join(words) if pitch_known else " ".join(words).rstrip("0123456789")
    else:
        name = ""  # a take of the instrument that its folder is named after
    return name.strip().lower() or (parent or folder).replace("_", " ").strip().lower() or "instrument"


def _by_word(families: dict[str, str], words: list[str]) -> str | None:
    return next((family for family, names in families.items() if set(names.split()) & set(words)), None)


def _rows(stream: TextIO, path: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows by column, and where each is."""
    reader = csv.reader(stream, strict=True)
    header = [cell.strip().lower() for cell in next(reader, [])]
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise UserError(
            f"{path}, line 1: lacks column {', '.join(missing)}; the first line must name {', '.join(COLUMNS)}"
        )
    for name in header:
        checks.one_of(f"{path}, line 1: column", name, COLUMNS)
    for cells in reader:
        where = f"{path}, line {reader.line_num}"
        if len(cells) != len(header) and any(cells):
            raise UserError(f"{where}: has {len(cells)} cells, the header {len(header)}; mend the row")
        if any(cells):
            yield where, dict(zip(header, (cell.strip() for cell in cells), strict=True))


def _row_labels(row: dict[str, str], where: str, middle_c: Literal["C3", "C4"]) -> Labels:
    if not row["instrument"]:
        raise UserError(f"{where}: instrument is empty; name it")
    pitch = _row_pitch(row["pitch"], where, middle_c)
    velocity = _row_number("velocity", row.get("velocity", ""), where, 1)
    family, source = row.get("family") or None, row.get("source") or None
    if family:
        checks.one_of(f"{where}: family", family, FAMILIES)
    if source:
        checks.one_of(f"{where}: source", source, SOURCES)
    labels = Labels(instrument=row["instrument"], pitch=pitch, velocity=velocity, family=family, source=source)
    return with_family(labels)


def _row_pitch(text: str, where: str, middle_c: Literal["C3", "C4"]) -> float | None:
    note = _NOTE.fullmatch(text)
    pitch = _note_pitch(note, middle_c) if note else None
    return pitch if pitch is not None else _row_number("pitch", text, where, 0)


def _row_number(name: str, text: str, where: str, low: int) -> float | None:
    if not text:
        return None
    try:
        number = _in_range(float(text), low, 127)
    except ValueError:
        number = None
    if number is None:
        also = " or a note such as A4" if name == "pitch" else ""
        raise UserError(f"{where}: {name}={text!r} must be a number from {low} to 127{also}; correct it")
    return number
