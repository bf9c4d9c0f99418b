"""A note as a sampler keeps it, and plays it for as long as a key is held."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthgen.data.tuning import CLARITY, TOLERANCE_CENTS, measure
from synthgen.rendering.note import Note
from synthgen.rendering.sampler.loops import Loop, with_loop
from synthgen.signal.pitch import midi_to_hz

FADE_DB = 80.0
"""A release is over when it has fallen by this much."""
RELEASE_SECONDS = (0.1, 4.0)
PLAIN_RELEASE_SECONDS = 1.0
"""Release of an instrument whose notes are all silent before the key is let go."""
HOP_SECONDS = 0.01
SUSTAINED_DB = 4.0
AUDIBLE_DB = -80.0
HALF_A_STEP = 0.5 / 32768
MARGIN = 64


@dataclass(frozen=True, kw_only=True)
class Character:
    """What the notes of an instrument have in common.

    Attributes:
        sustains: Whether it sounds on while a key is held, as an organ, rather than dying away, as a piano.
        release_seconds: How long it takes to fall by 80 dB when the key is let go.
    """

    sustains: bool
    release_seconds: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """A recording that can be transposed, and sustained if it has a loop.

    Attributes:
        audio: float32 (T,).
        sample_rate: Samples per second.
        loop: What is repeated while a key is held; None plays to the end.
        tune: Cents, whole ones, that bring it into tune; None where no pitch could be measured.
    """

    audio: np.ndarray
    sample_rate: int
    loop: Loop | None
    tune: int | None


def held_samples(note: Note) -> int:
    """Samples until the key is let go: three quarters of a note, as of NSynth's 4 s."""
    return len(note.audio) * 3 // 4


def listen(notes: Sequence[Note]) -> Character:
    """The character of an instrument, the middle one of what some of its notes have.

    A note sustains if its level between 3/4 and 19/20 of the time that it is held is no more than 4 dB below that
    between 1/4 and 1/2.
    """
    falls, releases = zip(*(_fall_and_release(note) for note in notes), strict=True)
    heard = [seconds for seconds in releases if seconds is not None] or [PLAIN_RELEASE_SECONDS]
    return Character(sustains=bool(np.median(falls) < SUSTAINED_DB), release_seconds=float(np.median(heard)))


def to_sample(note: Note, character: Character, *, key: int, sample_rate: int | None = None) -> Sample:
    """A note as a sample.

    Args:
        note: What the model made.
        character: That of its instrument.
        key: The MIDI key that it is meant to sound at.
        sample_rate: That of the sample; the note's own if None.
    """
    import soxr

    tuning = measure(note.audio, sample_rate=note.sample_rate, hz=midi_to_hz(float(key)))
    beside = tuning.cents - 1200 * round(tuning.cents / 1200)
    measured = tuning.clarity >= CLARITY and abs(beside) <= TOLERANCE_CENTS
    rate = sample_rate or note.sample_rate
    audio, held = note.audio, held_samples(note)
    if rate != note.sample_rate:
        audio, held = soxr.resample(audio, note.sample_rate, rate), held * rate // note.sample_rate
    audio, loop = with_loop(audio, held=held) if character.sustains else (audio, None)
    if loop is None:
        audio = _without_silence(audio)
    return Sample(audio=audio, sample_rate=rate, loop=loop, tune=-round(beside) if measured else None)


def play(sample: Sample, *, seconds: float, release_seconds: float, semitones: float = 0.0) -> np.ndarray:
    """What is heard of a key that is held for `seconds`, float32 (T,), silence at its end left out.

    Args:
        sample: What is played, in tune.
        seconds: From its beginning until the key is let go.
        release_seconds: How long it then takes to fall by 80 dB.
        semitones: How much higher than it was made.
    """
    import soxr

    ratio = 2 ** ((semitones + (sample.tune or 0) / 100) / 12)
    held = round(seconds * sample.sample_rate)
    length = held + round(release_seconds * sample.sample_rate)
    source = _sustained(sample, math.ceil(length * ratio) + MARGIN)
    audio = (source if ratio == 1 else soxr.resample(source, ratio, 1))[:length]
    fading = np.arange(max(len(audio) - held, 0)) / (release_seconds * sample.sample_rate)
    return np.concatenate([audio[:held], audio[held:] * 10 ** (-FADE_DB / 20 * fading)]).astype(np.float32)


def _sustained(sample: Sample, length: int) -> np.ndarray:
    if sample.loop is None:
        return sample.audio[:length]
    start, end = sample.loop.start, sample.loop.end
    rounds = np.resize(sample.audio[start:end], max(length - end, 0))
    return np.concatenate([sample.audio[: min(length, end)], rounds])


def _without_silence(audio: np.ndarray) -> np.ndarray:
    """Up to the last sample that 16 bits can hold, and at least one."""
    loud = np.flatnonzero(np.abs(audio) >= HALF_A_STEP)
    return audio[: loud[-1] + 1 if len(loud) else 1]


def _fall_and_release(note: Note) -> tuple[float, float | None]:
    """By how many dB a note falls while it is held, and in how many seconds by 80 dB when it is released, if heard."""
    hop, held = max(round(HOP_SECONDS * note.sample_rate), 1), held_samples(note)

    def level(first: float, last: float) -> float:
        return _decibels(note.audio[round(first) : round(last)])

    sounding, before = level(held / 4, held / 2), level(held * 0.9, held * 0.98)
    fall = sounding - level(held * 0.75, held * 0.95) if sounding > AUDIBLE_DB else math.inf
    after = [level(i, i + hop) - before for i in range(held, len(note.audio) - hop + 1, hop)]
    if before < AUDIBLE_DB or not after:
        return fall, None
    reached = next((i for i, decibels in enumerate(after) if decibels <= -FADE_DB / 4), len(after) - 1)
    slope = max(-after[reached], 1) / ((reached + 1) * hop / note.sample_rate)
    return fall, float(np.clip(FADE_DB / slope, *RELEASE_SECONDS))


def _decibels(audio: np.ndarray) -> float:
    return 10 * math.log10(float(np.mean(np.square(audio, dtype=np.float64))) + 1e-13) if len(audio) else -130.0
