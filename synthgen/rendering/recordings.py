"""Recordings of single notes, made comparable with what a model plays: its rate and length, the onset at the start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthgen import checks
from synthgen.checks import UserError
from synthgen.data.conform import SAMPLE_RATE, UnusableError, looks_clipped, read_note
from synthgen.data.tuning import find_pitch, measure
from synthgen.rendering.library import ModelInfo
from synthgen.rendering.request import note_name
from synthgen.signal.pitch import hz_to_midi, midi_to_hz

SHORTEST = 0.25
"""Seconds of a note that are enough to tell how an instrument sounds."""
SOUNDING = 0.01
"""Share of the peak at which a note begins, and above which one that ends has been cut off: 40 dB below it."""
LEAD_SECONDS, LONGEST_LEAD, TAIL_SECONDS = 0.005, 0.02, 0.02


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A recorded note.

    Attributes:
        path: Where it is from.
        audio: float32 (T,), as long as the model's notes.
        recorded: Samples from the start that the recording tells of; the note goes on unheard after them.
        pitch: MIDI pitch that it sounds at.
        remarks: What was done to it, and what is wrong with it.
    """

    path: Path
    audio: np.ndarray
    recorded: int
    pitch: float
    remarks: tuple[str, ...] = ()


def read_recordings(
    paths: Sequence[Path], pitches: Sequence[float | str | None] | None, model: ModelInfo
) -> list[Recording]:
    """Read recordings for a model.

    Args:
        paths: Files of any rate and number of channels.
        pitches: What each plays, a MIDI number or a note name, or None where it shall be measured; None measures all.
        model: Says rate, length and pitches.

    Raises:
        UserError: a file is no recording of a note that the model can play, or a pitch is wrong.
    """
    pitches = [None] * len(paths) if pitches is None else pitches
    checks.equal("number of pitches", len(pitches), "number of recordings", len(paths))
    checks.equal("sample_rate of the model", model.sample_rate, "that of recordings for it", SAMPLE_RATE)
    return [_read(path, pitch, model) for path, pitch in zip(paths, pitches, strict=True)]


def _read(path: Path, pitch: float | str | None, model: ModelInfo) -> Recording:
    try:
        audio, remarks = read_note(path, shortest=SHORTEST)
    except UnusableError as error:
        raise UserError(f"{path}: {error.outcome}: {error}; give a recording of one note") from error
    start, last = _onset(audio), len(audio) - int(np.argmax(audio[::-1] != 0))
    if last - start < SHORTEST * SAMPLE_RATE:
        raise UserError(f"{path}: too short: sounds for less than {SHORTEST:g} s; give a recording of a longer note")
    recorded = model.samples
    if start:
        remarks.append(f"{start / SAMPLE_RATE:.2f} s before the note are left out")
    if _sounds(audio, last):
        recorded = min(last - start, model.samples)
        if recorded < model.samples:
            remarks.append(f"ends while it sounds: only {recorded / SAMPLE_RATE:.2f} s are compared")
    if _is_clipped(path):
        remarks.append("clipped, which adds partials that the instrument does not have")
    try:
        midi = _pitch(audio[start:], pitch, model, remarks)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    note = audio[start : start + model.samples]
    note = np.pad(note, (0, model.samples - len(note)))
    return Recording(path=path, audio=note, recorded=recorded, pitch=midi, remarks=tuple(remarks))


def _onset(audio: np.ndarray) -> int:
    """First sample of the note; 0 unless a good deal of silence lies before it."""
    first = int(np.argmax(np.abs(audio) > SOUNDING * np.abs(audio).max()))
    return first - int(LEAD_SECONDS * SAMPLE_RATE) if first > LONGEST_LEAD * SAMPLE_RATE else 0


def _sounds(audio: np.ndarray, last: int) -> bool:
    """Whether a note still sounds where its recording ends: it was cut off, and has not died away."""
    tail = audio[max(last - int(TAIL_SECONDS * SAMPLE_RATE), 0) : last]
    return bool(np.abs(tail).max() > SOUNDING * np.abs(audio).max())


def _is_clipped(path: Path) -> bool:
    """Whether the first seconds of a file look so."""
    import soundfile

    with soundfile.SoundFile(path) as sound:
        return looks_clipped(sound.read(4 * sound.samplerate, dtype="float32", always_2d=True)[:, 0])


def _pitch(audio: np.ndarray, pitch: float | str | None, model: ModelInfo, remarks: list[str]) -> float:
    """What the note sounds at: the pitch that was given, corrected by up to half a semitone, or measured."""
    if pitch is None:
        hz = find_pitch(audio, sample_rate=SAMPLE_RATE)
        if hz is None:
            raise UserError("no steady pitch is heard; say which it is in --pitches")
        midi = float(hz_to_midi(hz))
        low, high = model.repertoire.pitches
        if not low - 0.5 <= midi <= high + 0.5:
            raise UserError(
                f"sounds at {note_name(midi)}, pitch {midi:.1f}; the model plays {low:g} to {high:g}: leave it out"
            )
        remarks.append("pitch measured")
        return midi
    midi = model.repertoire.pitch(pitch)
    tuning = measure(audio, sample_rate=SAMPLE_RATE, hz=float(midi_to_hz(midi)))
    if tuning.verdict == "tuned":
        return midi + tuning.cents / 100
    if tuning.verdict == "mistuned":
        remarks.append(f"sounds {tuning.cents:+.0f} cents beside the pitch that was given")
    return midi
