"""What an instrument is worth that was made from three recordings: the others of them, played by it and without it.

python recipes/benchmarks/adapt.py --folders ~/instruments/bassoon ~/instruments/celtic_harp --picture adapted.png

A folder holds recordings of one instrument, named by their frequency in Hz (110.0.wav). Three are given and those of
other pitches are played by (a) the instrument adapted to the three, (b) the instrument of the model that comes nearest
to the three, and (c) the nearest of the three itself, played faster or slower. Nobody is told how loud a held-out note
is: (a) and (b) play with the velocity and the gain that suit the three given ones best, (c) as loud as the recording.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from synthgen import checks
from synthgen.data.conform import SAMPLE_RATE, read_note
from synthgen.data.layout import Entry
from synthgen.evaluation.baselines import transpose
from synthgen.evaluation.distance import multi_resolution_distance
from synthgen.evaluation.loudness import level_db
from synthgen.evaluation.machine import machine
from synthgen.evaluation.pictures import spectrogram_comparison
from synthgen.evaluation.pitch import deviation, verdict
from synthgen.rendering.request import Instrument
from synthgen.rendering.synthesizer import Synthesizer
from synthgen.script import run
from synthgen.signal.pitch import hz_to_midi

GAINS_DB = (-9.0, -6.0, -3.0, 0.0, 3.0, 6.0, 9.0)
"""Tried around the gain at which played and given notes are equally loud."""
FINALISTS = 5
"""Instruments that are tried at every velocity, and gain after all were tried at 100."""


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is measured."""

    folders: tuple[Path, ...]
    """Recordings of one instrument each, named by frequency."""
    models: tuple[str, ...] = ("spectrogram", "waveform", "ddsp")
    """Names of bundled models, or paths."""
    given: int = 3
    """Recordings that are given, of pitches spread over the range."""
    limit: int | None = None
    """Judge so many held-out notes of each folder; None judges all."""
    seed: int = 0
    """Seed of the choice, the fit and the notes."""
    picture: Path | None = None
    """PNG file to write: two held-out notes of each folder, real and played by the first model."""


@dataclass(frozen=True)
class Recorded:
    """A recording and its pitch."""

    path: Path
    pitch: float
    audio: Tensor


@dataclass(frozen=True)
class Choice:
    """How an instrument comes nearest to the given notes."""

    distance: float
    velocity: float
    gain_db: float


Play = Callable[[float, float], Tensor]
"""Pitch and velocity -> a note (T,)."""


def read(folder: Path, pitches: tuple[float, float]) -> list[Recorded]:
    """The recordings that are within a semitone's half of a model's range, by pitch."""
    checks.between(f"number of recordings in {folder}", len(paths := list(folder.glob("*.wav"))), 4, 10_000)
    found = [Recorded(p, hz_to_midi(float(p.stem)), torch.from_numpy(read_note(p, shortest=0.05)[0])) for p in paths]
    low, high = pitches
    return sorted((note for note in found if low - 0.5 <= note.pitch <= high + 0.5), key=lambda note: note.pitch)


def split(notes: list[Recorded], b: Benchmark) -> tuple[list[Recorded], list[Recorded]]:
    """Given recordings, one take each, and those of other pitches."""
    rng, groups = torch.Generator().manual_seed(b.seed), {}
    for note in notes:
        groups.setdefault(round(note.pitch), []).append(note)
    keys = list(groups)
    chosen = {keys[(2 * i + 1) * len(keys) // (2 * b.given)] for i in range(b.given)}
    given = [groups[key][torch.randint(len(groups[key]), (), generator=rng)] for key in sorted(chosen)]
    others = [note for note in notes if round(note.pitch) not in chosen]
    order = torch.randperm(len(others), generator=rng)[: b.limit].sort().values
    return given, [others[i] for i in order.tolist()]


def player(synthesizer: Synthesizer, instrument: Instrument, seed: int) -> Play:
    """Plays an instrument at any pitch, at the ends of the range a few cents beside it."""
    low, high = synthesizer.pitches

    def play(pitch: float, velocity: float) -> Tensor:
        inside = min(max(pitch, low), high)
        return torch.from_numpy(synthesizer.note(instrument, pitch=inside, velocity=velocity, seed=seed).audio)

    return play


def settle(
    play: Play, given: list[Recorded], velocities: tuple[float, ...], gains_db: tuple[float, ...] = GAINS_DB
) -> Choice:
    """The velocity and gain of all given notes that make them nearest to the recordings."""
    choices = []
    for velocity in velocities:
        notes = [play(note.pitch, velocity) for note in given]
        louder = fmean((level_db(r.audio) - level_db(x)).item() for r, x in zip(given, notes, strict=True))
        for gain in (louder + offset for offset in gains_db):
            distances = [apart(amplify(x, gain), r) for r, x in zip(given, notes, strict=True)]
            choices.append(Choice(fmean(distances), velocity, gain))
    return min(choices, key=lambda choice: choice.distance)


def nearest_known(synthesizer: Synthesizer, given: list[Recorded], seed: int) -> tuple[str, Choice]:
    """The model's own instrument that comes nearest to the given notes."""
    plays = {name: player(synthesizer, name, seed) for name in synthesizer.instruments}
    first = {name: settle(play, given, (100.0,), (0.0,)) for name, play in plays.items()}
    best = sorted(first, key=lambda name: first[name].distance)[:FINALISTS]
    every = {name: settle(plays[name], given, velocities(synthesizer)) for name in best}
    name = min(every, key=lambda name: every[name].distance)
    return name, every[name]


def velocities(synthesizer: Synthesizer) -> tuple[float, ...]:
    """Those that the model has learned."""
    return synthesizer.info.repertoire.velocities or (100.0,)


def amplify(audio: Tensor, gain_db: float) -> Tensor:
    """The same, louder by `gain_db`."""
    return audio * 10 ** (gain_db / 20)


def apart(audio: Tensor, note: Recorded) -> float:
    """Multi-resolution log-spectral distance in dB."""
    return multi_resolution_distance(audio, note.audio).item()


def in_tune(notes: list[Recorded], played: list[Tensor]) -> str:
    """How many notes are within 50 cents of the pitch of their recording."""
    cents = [deviation(x.numpy(), sample_rate=SAMPLE_RATE, midi=n.pitch) for n, x in zip(notes, played, strict=True)]
    return f"{[verdict(c) for c in cents].count('within')} of {len(cents)}"


def measure(b: Benchmark, folder: Path, model: str) -> tuple[list[str], list[tuple[Recorded, list[np.ndarray]]]]:
    """A row of the table; each held-out note and what it is played as."""
    synthesizer = Synthesizer.load(model)
    given, others = split(read(folder, synthesizer.pitches), b)
    started = time.process_time()
    pitches = [min(max(note.pitch, synthesizer.pitches[0]), synthesizer.pitches[1]) for note in given]
    adapted = synthesizer.adapt([note.path for note in given], name=folder.name, pitches=pitches, seed=b.seed)
    seconds = time.process_time() - started
    play = player(synthesizer, adapted, b.seed)
    ours = settle(play, given, velocities(synthesizer))
    known, theirs = nearest_known(synthesizer, given, b.seed)
    play_known = player(synthesizer, known, b.seed)
    sounds = []
    for note in others:
        near = min(given, key=lambda one, at=note.pitch: (abs(one.pitch - at), -one.pitch))
        sounds.append(
            [
                amplify(play(note.pitch, ours.velocity), ours.gain_db),
                amplify(play_known(note.pitch, theirs.velocity), theirs.gain_db),
                transpose(near.audio, semitones=note.pitch - near.pitch),
            ]
        )
    means = [fmean(apart(s[i], note) for s, note in zip(sounds, others, strict=True)) for i in range(3)]
    tuned = [in_tune(others, [s[0] for s in sounds]), in_tune(others, [note.audio for note in others])]
    figures = [f"{mean:.2f}" for mean in means]
    row = [folder.name, model, str(len(others)), *figures, known, f"{ours.distance:.2f}", f"{theirs.distance:.2f}"]
    drawn = [(note, [x.numpy() for x in (note.audio, *s)]) for note, s in zip(others, sounds, strict=True)]
    return [*row, *tuned, f"{seconds:.0f}"], drawn


def draw(path: Path, folder_notes: dict[str, list[tuple[Recorded, list[np.ndarray]]]]) -> None:
    """Two notes of each folder, at a third and two thirds of its held-out ones."""
    rows = []
    for name, notes in folder_notes.items():
        for note, sounds in (notes[len(notes) // 3], notes[2 * len(notes) // 3]):
            stem = f"{name}-{note.pitch:.1f}"
            labels = {"instrument_str": name, "pitch": round(note.pitch, 1), "velocity": 100.0}
            entry = Entry(note_str=stem, note=0, instrument=0, instrument_family=0, instrument_source=0, **labels)
            rows.append((entry, sounds))
    spectrogram_comparison(path, rows, names=("adapted", "nearest known", "resampled"), sample_rate=SAMPLE_RATE)


def main(b: Benchmark) -> None:
    """Measure and print."""
    checks.between("given", b.given, 1, 100)
    print(f"{machine()}; {b.given} notes given, seed {b.seed}; held-out notes: multi-resolution distance in dB\n")
    columns = ["folder", "model", "notes", "adapted", "nearest known", "resampled", "which is known"]
    columns += ["adapted, given", "known, given", "in tune", "recordings in tune", "CPU s to adapt"]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    pictures: dict[str, list[tuple[Recorded, list[np.ndarray]]]] = {}
    for model, folder in itertools.product(b.models, b.folders):
        row, notes = measure(b, folder, model)
        pictures.setdefault(folder.name, notes)
        print(f"| {' | '.join(row)} |", flush=True)
    if b.picture:
        draw(b.picture, pictures)


if __name__ == "__main__":
    run(main, Benchmark, description=__doc__)
