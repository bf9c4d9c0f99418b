"""A song played by a model: every note that is asked for is made once."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from synthgen.rendering.midi.score import Played, Score
from synthgen.rendering.mixing import mix, normalised
from synthgen.rendering.note import Note
from synthgen.rendering.request import Request, parse_seed
from synthgen.rendering.sampler.making import make, probe
from synthgen.rendering.sampler.sample import RELEASE_SECONDS, Character, play, to_sample
from synthgen.rendering.synthesizer import Synthesizer

if TYPE_CHECKING:
    from synthgen.heads import Sampling


class _Made(NamedTuple):
    """What tells one note that is made from another."""

    instrument: str
    key: int
    velocity: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Performance:
    """A song that was played.

    Attributes:
        audio: float32 (T,), its peak 1 dB below full scale.
        sample_rate: Samples per second.
        notes: How many were played.
        made: How many the model made for them.
        transposed: How many lie outside the model's pitches.
        gain_db: By how much the sum of the notes was turned up.
    """

    audio: np.ndarray
    sample_rate: int
    notes: int
    made: int
    transposed: int
    gain_db: float

    def __str__(self) -> str:
        """A line for the terminal."""
        turned = f"turned {'up' if self.gain_db > 0 else 'down'} by {abs(self.gain_db):.1f} dB to a peak of -1 dB"
        seconds = len(self.audio) / self.sample_rate
        return f"{seconds:.1f} s at {self.sample_rate} Hz, {self.notes} notes of {self.made} made, {turned}"


def perform(
    synthesizer: Synthesizer,
    score: Score,
    instruments: Mapping[int, str],
    *,
    seed: int = 0,
    sampling: Sampling | None = None,
) -> Performance:
    """Play a song.

    A note is cut where it is let go and fades as its instrument does; one that is held for longer than the model's
    goes round a loop if its instrument sustains, and dies away otherwise. A key outside the model's pitches is the
    nearest one, transposed: the harmony stays what it was, as in a sampler.

    Args:
        synthesizer: What makes the notes.
        score: The song.
        instruments: An instrument for every program of it.
        seed: Seed of every note.
        sampling: See `Synthesizer.note`.

    Raises:
        UserError: the model cannot play that.
    """
    low, high = synthesizer.pitches
    asked: dict[_Made, list[Played]] = defaultdict(list)
    for note in score.notes:
        key = min(max(note.key, math.ceil(low)), math.floor(high))
        asked[_Made(instruments[note.program], key, note.velocity)].append(note)
    plain = Request(instrument="", pitch=low, seed=parse_seed(seed))
    names = sorted({made.instrument for made in asked})
    characters = {name: probe(synthesizer, replace(plain, instrument=name), sampling=sampling) for name in names}
    notes = sorted(asked)
    requests = [replace(plain, instrument=n.instrument, pitch=n.key, velocity=n.velocity) for n in notes]
    made = zip(notes, make(synthesizer, requests, sampling), strict=True)
    voices = (voice for which, note in made for voice in _voices(which, note, asked[which], characters))
    total = mix(voices, seconds=score.seconds + RELEASE_SECONDS[1], sample_rate=synthesizer.sample_rate)
    audio, gain_db = normalised(total)
    return Performance(
        audio=audio,
        sample_rate=synthesizer.sample_rate,
        notes=len(score.notes),
        made=len(asked),
        transposed=sum(not low <= note.key <= high for note in score.notes),
        gain_db=gain_db,
    )


def _voices(
    made: _Made, note: Note, played: Sequence[Played], characters: Mapping[str, Character]
) -> Iterator[tuple[float, np.ndarray]]:
    """Where each note begins that is played by one that was made, and what is heard of it."""
    character = characters[made.instrument]
    sample = to_sample(note, character, key=made.key)
    for one in played:
        options = {"release_seconds": character.release_seconds, "semitones": one.key - made.key}
        yield one.begin, play(sample, seconds=one.seconds, **options) * np.float32(one.gain)
