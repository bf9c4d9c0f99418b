"""Build a data set of notes in NSynth's layout from a SoundFont's General MIDI programs, played by FluidSynth.

Every note is held for 3 s and released for 1 s, 16 kHz mono, as loud as the SoundFont plays it. Notes that are silent,
that clip, or that sound at another pitch than their label's are left out and counted.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal

import numpy as np

from synthgen import checks, files
from synthgen.checks import UserError
from synthgen.data import building
from synthgen.data.audio import to_int16
from synthgen.data.building import Report, Row
from synthgen.data.fluid import SAMPLE_RATE, Fluid
from synthgen.data.general_midi import PROGRAMS, parse_numbers, parse_programs
from synthgen.data.layout import FAMILIES, SOURCES, Entry, safe_name
from synthgen.data.processes import in_processes
from synthgen.data.tuning import measure

SILENT_PEAK = 1e-4
PITCHES_A_UNIT = 22
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which notes of which SoundFont."""

    soundfont: Path
    """SoundFont file (.sf2 or .sf3)."""
    out: Path
    """Folder of the data set; an interrupted build goes on where it was."""
    programs: str = "all"
    """General MIDI programs: numbers from 0, ranges and names, such as 0-15,40,flute; "all" that the SoundFont has."""
    pitches: str = "21:108"
    """MIDI pitches: numbers and inclusive ranges LOW:HIGH[:STEP]."""
    velocities: str = "25,50,75,100,127"
    """MIDI velocities: numbers and inclusive ranges LOW:HIGH[:STEP]."""
    format: Literal["wav", "flac"] = "wav"
    """Audio files, 16 bit."""
    gain: float = 1.2
    """Factor on FluidSynth's output; at 1.2 the loudest notes of MuseScore General peak at 0.9."""
    mistuned: Literal["drop", "keep"] = "drop"
    """Notes with a clear pitch more than 50 cents beside their label's, whole octaves apart."""
    octave: Literal["drop", "keep"] = "keep"
    """Notes whose pitch is right but for whole octaves, as an organ's with stops of 16 or 4 feet."""
    workers: int = 0
    """Processes; 0 for one a core. The result does not depend on it."""


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What a worker needs to know."""

    soundfont: Path
    gain: float
    velocities: tuple[int, ...]
    out: Path
    state: Path
    suffix: str
    drop: frozenset[str]


_Unit = tuple[int, tuple[int, ...]]
"""A program and some of its pitches: what a worker does in one go, and what is not lost when a build is interrupted."""


def build(config: Config) -> Report:
    """Render the notes, in parallel, and write the data set.

    Raises:
        UserError: FluidSynth is missing, the SoundFont is damaged or lacks a program, or `out` cannot be used.
    """
    from tqdm import tqdm

    checks.between("gain", config.gain, 0.001, 100)
    checks.between("workers", config.workers, 0, 1024)
    pitches = parse_numbers("pitches", config.pitches, 0, 127)
    velocities = parse_numbers("velocities", config.velocities, 1, 127)
    units = [
        (program, pitches[first : first + PITCHES_A_UNIT])
        for program in _present(config)
        for first in range(0, len(pitches), PITCHES_A_UNIT)
    ]
    drop = {"silent", "clipped"} | {outcome for outcome in ("mistuned", "octave") if getattr(config, outcome) == "drop"}
    state = building.begin(config.out, _settings(config, units, velocities))
    job = _Job(
        soundfont=config.soundfont,
        gain=config.gain,
        velocities=velocities,
        out=config.out,
        state=state,
        suffix=f".{config.format}",
        drop=frozenset(drop),
    )
    left = [unit for unit in units if not _record(job, unit).is_file()]
    notes = len(velocities) * sum(len(unit[1]) for unit in units)
    done = notes - len(velocities) * sum(len(unit[1]) for unit in left)
    with tqdm(total=notes, initial=done, unit="note", desc=str(config.out), disable=None) as bar:
        for unit in in_processes(partial(_render, job), left, workers=config.workers):
            bar.update(len(unit[1]) * len(velocities))
    rows = [Row(**row) for unit in units for row in json.loads(_record(job, unit).read_bytes())]
    return building.finish(config.out, _entries(rows), rows)


def _present(config: Config) -> tuple[int, ...]:
    """The programs that are asked for; the SoundFont has them all."""
    wanted = parse_programs(config.programs)
    fluid = _fluid(config.soundfont, config.gain)
    present = [program for program in wanted if fluid.has(program)]
    missing = [program for program in wanted if not fluid.has(program)]
    if not present or (missing and config.programs.strip().lower() != "all"):
        raise UserError(f"{config.soundfont}: has no program {', '.join(map(str, missing[:8]))}; choose other programs")
    return tuple(present)


def _settings(config: Config, units: list[_Unit], velocities: tuple[int, ...]) -> dict[str, object]:
    kept = {k: v for k, v in asdict(config).items() if k in ("format", "gain", "mistuned", "octave")}
    return {
        **kept,
        "version": _VERSION,
        "soundfont": building.sha256(config.soundfont),
        "units": units,
        "velocities": velocities,
    }


@lru_cache(maxsize=1)
def _fluid(soundfont: Path, gain: float) -> Fluid:
    """One FluidSynth a process."""
    return Fluid(soundfont, gain=gain)


def _record(job: _Job, unit: _Unit) -> Path:
    program, pitches = unit
    return job.state / f"{program:03d}-{pitches[0]:03d}.json"


def _render(job: _Job, unit: _Unit) -> _Unit:
    """Write a unit's notes and then the record of them."""
    program, pitches = unit
    fluid = _fluid(job.soundfont, job.gain)
    rows = []
    for pitch in pitches:
        notes = {velocity: fluid.note(program, pitch, velocity) for velocity in job.velocities}
        verdict, cents = _verdict(notes[job.velocities[-1]], pitch)
        for velocity, audio in notes.items():
            outcome = _flaw(audio) or verdict
            name = "" if outcome in job.drop else _stem(program, pitch, velocity)
            if name:
                _write(job.out / building.AUDIO / f"{name}{job.suffix}", audio)
            labels = {"instrument": PROGRAMS[program].name, "pitch": pitch, "velocity": velocity}
            rows.append({"source": f"program {program}", "note": name, "outcome": outcome, "cents": cents, **labels})
    os.sync()  # once a unit: several times faster than each file by itself
    files.write_bytes(_record(job, unit), json.dumps(rows).encode())
    return unit


def _write(path: Path, audio: np.ndarray) -> None:
    """Write a note; the record of its unit, not its name, says whether the file is whole."""
    import soundfile

    content = io.BytesIO()
    soundfile.write(content, to_int16(audio), SAMPLE_RATE, subtype="PCM_16", format=path.suffix[1:].upper())
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.getvalue())
    except OSError as error:
        raise UserError(files.describe(path, error)) from error


def _flaw(audio: np.ndarray) -> str | None:
    peak = float(abs(audio).max())
    return "silent" if peak < SILENT_PEAK else "clipped" if peak >= 1 else None


def _verdict(audio: np.ndarray, pitch: int) -> tuple[str, int | None]:
    """How well the loudest note of a pitch is in tune; the softer ones are the same samples, filtered."""
    hz = 440 * 2 ** ((pitch - 69) / 12)  # signal.pitch would bring torch into every worker
    tuning = measure(audio, sample_rate=SAMPLE_RATE, hz=hz)
    return tuning.verdict, None if tuning.verdict == "unpitched" else round(tuning.cents)


def _stem(program: int, pitch: int, velocity: int) -> str:
    kind = PROGRAMS[program]
    return f"{safe_name(kind.name)}_{kind.source}_{program:03d}-{pitch:03d}-{velocity:03d}"


def _entries(rows: list[Row]) -> Iterator[Entry]:
    for index, row in enumerate(row for row in rows if row.note):
        number = int(row.source.removeprefix("program "))
        yield Entry(
            note_str=row.note,
            note=index,
            instrument=number,
            instrument_str=row.instrument,
            pitch=row.pitch,
            velocity=row.velocity,
            instrument_family=FAMILIES.index(PROGRAMS[number].family),
            instrument_source=SOURCES.index(PROGRAMS[number].source),
        )
