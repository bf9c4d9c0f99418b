"""Build a data set of notes in NSynth's layout from a folder of one's own samples.

Labels come from the files' names or from a table (see `note_labels`); where they do not say the pitch it is measured.
Whatever the rate, channels and length, a sample becomes a note of 16 kHz mono and 4 s (see `conform`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from synthgen import checks
from synthgen.checks import UserError
from synthgen.data import building
from synthgen.data.building import Report, Row
from synthgen.data.conform import SAMPLE_RATE, UnusableError, read_note
from synthgen.data.layout import FAMILIES, SOURCES, Entry, safe_name, write_audio
from synthgen.data.note_labels import Labels, from_path, nearest_key, read_table

SUFFIXES = (".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".rf64", ".w64", ".wav")
UNKNOWN_FAMILY, UNKNOWN_SOURCE = "synth_lead", "acoustic"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which samples, and what their names do not say."""

    folder: Annotated[Path, arg(name="in")]
    """Folder of samples (WAV, FLAC, OGG, MP3, AIFF, ...), also in folders within it."""
    out: Path
    """Folder of the data set."""
    labels: Path | None = None
    """CSV with columns file,instrument,pitch[,velocity,family,source]; only the files that it names are read."""
    velocity: int = 100
    """MIDI velocity of samples that do not say theirs."""
    middle_c: Literal["C3", "C4"] = "C4"
    """What the note names call MIDI pitch 60."""
    family: str | None = None
    """NSynth's instrument family of all samples; guessed from the instrument's name if not given."""
    source: str | None = None
    """acoustic, electronic or synthetic, for all samples; guessed from the instrument's name if not given."""
    shortest: float = 0.05
    """Length in seconds below which a sample is dropped."""
    format: Literal["wav", "flac"] = "wav"
    """Audio files, 16 bit."""
    mistuned: Literal["drop", "keep"] = "keep"
    """Samples with a clear pitch more than 50 cents beside their label's, whole octaves apart."""
    bad: Literal["drop", "stop"] = "drop"
    """At a sample that cannot be used: drop and report it, or stop."""


@dataclass(frozen=True, kw_only=True)
class _Sample:
    path: Path
    shown: str
    labels: Labels


def build(config: Config) -> Report:
    """Read the samples and write the data set.

    Raises:
        UserError: no samples, a bad table, `out` cannot be used, or no sample could be kept.
    """
    from tqdm import tqdm

    _check(config)
    samples = list(_from_table(config, config.labels) if config.labels else _from_names(config))
    if not samples:
        raise UserError(f"{config.folder}: holds no samples ({', '.join(SUFFIXES)})")
    building.begin(config.out, {k: str(v) for k, v in asdict(config).items()})
    taken: set[str] = set()
    entries: list[Entry] = []
    rows: list[Row] = []
    for sample in tqdm(samples, unit="file", desc=str(config.out), disable=None):
        try:
            row, entry = _convert(sample, config, taken)
        except UnusableError as error:
            if config.bad == "stop":
                raise UserError(f"{sample.path}: {error}; mend or remove it, or use --bad drop") from error
            row, entry = Row(source=sample.shown, note="", outcome=error.outcome, detail=str(error)), None
        rows.append(row)
        if entry:
            entries.append(entry)
    return building.finish(config.out, _numbered(entries), rows)


def _check(config: Config) -> None:
    checks.between("velocity", config.velocity, 1, 127)
    checks.between("shortest", config.shortest, 0, 4)
    if config.family is not None:
        checks.one_of("family", config.family, FAMILIES)
    if config.source is not None:
        checks.one_of("source", config.source, SOURCES)
    if not config.folder.is_dir():
        raise UserError(f"{config.folder}: no such folder; give the folder of your samples as --in")
    if config.out.resolve().is_relative_to(config.folder.resolve()):
        raise UserError(f"{config.out}: lies within --in {config.folder}; choose an --out beside it")


def _from_names(config: Config) -> Iterator[_Sample]:
    for path in sorted(config.folder.rglob("*")):
        shown = path.relative_to(config.folder)
        hidden = any(part.startswith(".") for part in shown.parts)
        if path.suffix.lower() in SUFFIXES and not hidden and path.is_file():
            labels = from_path(shown, folder=config.folder.resolve().name, middle_c=config.middle_c)
            yield _Sample(path=path, shown=shown.as_posix(), labels=labels)


def _from_table(config: Config, table: Path) -> Iterator[_Sample]:
    for name, labels in sorted(read_table(table, middle_c=config.middle_c).items()):
        yield _Sample(path=config.folder / name, shown=name, labels=labels)


def _convert(sample: _Sample, config: Config, taken: set[str]) -> tuple[Row, Entry | None]:
    """Write a sample as a note; its line in the report, and its labels if it is kept."""
    from synthgen.data.tuning import find_pitch, measure
    from synthgen.signal.pitch import midi_to_hz

    audio, remarks = read_note(sample.path, shortest=config.shortest)
    labels = sample.labels
    pitch = labels.pitch
    if pitch is None:
        hz = find_pitch(audio, sample_rate=SAMPLE_RATE)
        pitch = None if hz is None else nearest_key(hz)
        if pitch is None:
            raise UnusableError("no pitch", "no steady pitch is heard; say it in the file's name or in a table")
        remarks.append("pitch measured")
    if config.family is None and labels.family is None:
        remarks.append(f"family unknown, written as {UNKNOWN_FAMILY}")
    tuning = measure(audio, sample_rate=SAMPLE_RATE, hz=midi_to_hz(pitch))
    entry = _entry(labels, config, pitch)
    row = Row(
        source=sample.shown,
        note="",
        outcome=tuning.verdict,
        instrument=entry.instrument_str,
        pitch=entry.pitch,
        velocity=entry.velocity,
        cents=None if tuning.verdict == "unpitched" else round(tuning.cents),
        detail="; ".join(remarks),
    )
    if row.outcome == "mistuned" and config.mistuned == "drop":
        return row, None
    name = _free_name(entry.note_str, taken)
    write_audio(config.out / building.AUDIO / f"{name}.{config.format}", audio, sample_rate=SAMPLE_RATE)
    return replace(row, note=name), replace(entry, note_str=name)


def _entry(labels: Labels, config: Config, pitch: float) -> Entry:
    velocity = float(config.velocity) if labels.velocity is None else labels.velocity
    return Entry(
        note_str=f"{safe_name(labels.instrument)}-{_padded(pitch)}-{_padded(velocity)}",
        note=0,
        instrument=0,
        instrument_str=labels.instrument,
        pitch=pitch,
        velocity=velocity,
        instrument_family=FAMILIES.index(config.family or labels.family or UNKNOWN_FAMILY),
        instrument_source=SOURCES.index(config.source or labels.source or UNKNOWN_SOURCE),
    )


def _padded(value: float) -> str:
    """A label in a name: 060, or 060.5 between two keys."""
    return f"{value:03.0f}" if value.is_integer() else f"{value:07.3f}".rstrip("0")


def _free_name(name: str, taken: set[str]) -> str:
    """`name`, or with a number for a further take; names that differ in case are one file on some systems."""
    free, take = name, 1
    while free.lower() in taken:
        take += 1
        free = f"{name}-{take}"
    taken.add(free.lower())
    return free


def _numbered(entries: list[Entry]) -> list[Entry]:
    instruments = sorted({entry.instrument_str for entry in entries})
    number = {name: index for index, name in enumerate(instruments)}
    return [replace(e, note=index, instrument=number[e.instrument_str]) for index, e in enumerate(entries)]
