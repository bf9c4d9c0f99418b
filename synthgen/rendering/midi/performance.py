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
from synthgen.rendering.request import Request, parse_seed
from synthgen.rendering.sampler.making import Wanted, make, probe
from synthgen.rendering.sampler.sample import RELEASE_SECONDS, Character, Sample, play
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
    workers: int = 1,
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
        workers: Processes; 1 works here, 0 takes one a core where there is enough to do.

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
    wanted = [_wanted(plain, which, characters[which.instrument]) for which in notes]
    made = zip(notes, make(synthesizer, wanted, sampling=sampling, workers=workers), strict=True)
    voices = (voice for which, sample in made for voice in _voices(which, sample, asked[which], characters))
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


def _wanted(plain: Request, made: _Made, character: Character) -> Wanted:
    request = replace(plain, instrument=made.instrument, pitch=made.key, velocity=made.velocity)
    return Wanted(request=request, character=character, key=made.key)


def _voices(
    made: _Made, sample: Sample, played: Sequence[Played], characters: Mapping[str, Character]
) -> Iterator[tuple[float, np.ndarray]]:
    """Where each note begins that is played by one that was made, and what is heard of it."""
    release = characters[made.instrument].release_seconds
    for one in played:
        options = {"release_seconds": release, "semitones": one.key - made.key}
        yield one.begin, play(sample, seconds=one.seconds, **options) * np.float32(one.gain)
