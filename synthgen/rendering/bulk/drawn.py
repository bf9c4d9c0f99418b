"""Plans without rows on disk: every combination of labels, or combinations drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

from synthgen import checks
from synthgen.checks import UserError
from synthgen.data.layout import check_name
from synthgen.rendering.bulk.plan import Row, Skipped, Tally, Voice, check_labels, hashed, stem
from synthgen.rendering.library import ModelInfo
from synthgen.rendering.request import parse_seed, parse_velocity

STEPS = (0.01, 127)
MAX_ROWS = 2**32
MAX_SEED = 2**31 - 1
GOLDEN, WORD = 0x9E3779B97F4A7C15, 2**64 - 1


@dataclass(frozen=True, kw_only=True)
class Axes:
    """The values that each label takes.

    Attributes:
        voices: Instruments.
        names: The same as parts of file names.
        pitches: MIDI note numbers.
        velocities: MIDI velocities.
    """

    voices: tuple[Voice, ...]
    names: tuple[str, ...]
    pitches: tuple[float, ...]
    velocities: tuple[float, ...]

    @classmethod
    def parse(
        cls,
        model: ModelInfo,
        where: str,
        *,
        instruments: str | None = None,
        pitches: str | None = None,
        velocities: str | None = None,
    ) -> Axes:
        """From text.

        Args:
            model: What plays.
            where: The option that asks for it, for messages.
            instruments: Names, comma separated; every one if None.
            pitches: Pitches or inclusive ranges LOW:HIGH[:STEP], comma separated; every whole one if None.
            velocities: As pitches; every learned one if None.

        Raises:
            UserError: a value that the model cannot play, or one that is asked for twice.
        """
        known = model.with_files
        low, high = known.pitches
        pitches = pitches or f"{low:g}:{high:g}"
        velocities = velocities or ",".join(f"{v:g}" for v in known.velocities) or "100"
        asked = known.instruments if instruments is None else [n.strip() for n in instruments.split(",")]
        every_pitch = tuple(_values("pitches", pitches, known.pitch))
        every_velocity = tuple(_values("velocities", velocities, parse_velocity))
        voices = tuple(Voice.find(known, name) for name in asked)
        names = tuple(voice.name for voice in voices)
        axes = cls(voices=voices, names=names, pitches=every_pitch, velocities=every_velocity)
        axes._check(where)
        return axes

    def __len__(self) -> int:
        """Number of combinations."""
        return prod(self._sizes)

    @property
    def _sizes(self) -> tuple[int, int, int]:
        return len(self.voices), len(self.pitches), len(self.velocities)

    def combination(self, index: int, seed: int, *, model: int = 0) -> Row:
        """A combination with a seed; the velocity changes fastest."""
        rest, velocity = divmod(index, len(self.velocities))
        voice, pitch = divmod(rest, len(self.pitches))
        labels = (self.pitches[pitch], self.velocities[velocity], seed)
        return Row(name=stem(self.names[voice], *labels), model=model, request=self.voices[voice].request(*labels))

    def to_json(self) -> list[object]:
        """What tells these axes from others."""
        return [[voice.to_json() for voice in self.voices], self.pitches, self.velocities]

    def _check(self, where: str) -> None:
        check_labels(self.voices, where)
        numbers = [[f"{value:.6f}" for value in axis] for axis in (self.pitches, self.velocities)]
        firsts = [0, 0, 0]
        for axis, values in enumerate((self.names, *numbers)):
            twice = next((i for i, value in enumerate(values) if value in values[:i]), None) if _repeats(values) else 0
            if twice:
                firsts[axis] = twice
                voice, pitch, velocity = firsts
                name = stem(self.names[voice], self.pitches[pitch], self.velocities[velocity])
                raise UserError(f"{where}: note {name} is asked for twice; remove one")
        longest = max(self.names, key=len)
        check_name(stem(longest, self.pitches[0], self.velocities[0], 2**63 - 1), where)


@dataclass(frozen=True, kw_only=True)
class _Combined:
    """What both plans have in common.

    Attributes:
        model: What plays.
        axes: The values that each label takes.
        seed: Of the notes.
    """

    model: ModelInfo
    axes: Axes
    seed: int = 0
    skipped: Skipped = Skipped()

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """The one that plays."""
        return (self.model,)

    def __len__(self) -> int:
        """Number of combinations."""
        return len(self.axes)

    def tally(self) -> list[Tally]:
        """See `Plan.tally`."""
        return [Tally(len(self), len(self) * self.model.samples)]


class GridPlan(_Combined):
    """Every combination, in the order of the axes, all with the same seed."""

    def row(self, index: int) -> Row:
        """See `Plan.row`."""
        return self.axes.combination(index, self.seed)

    def digest(self) -> str:
        """See `Plan.digest`."""
        return hashed(["grid", self.axes.to_json(), self.seed])


@dataclass(frozen=True, kw_only=True)
class RandomPlan(_Combined):
    """Combinations drawn evenly and independently, each note with a seed of its own.

    A row follows from the plan's seed and its number alone: there is no stream to be at the right place of, which is
    why no `torch.Generator` is used here. Row 10^8 costs as much as the first. The function is SplitMix64 (Steele, Lea
    and Flood 2014, "Fast splittable pseudorandom number generators").

    Attributes:
        count: Number of notes.
        seed: Another seed draws other notes.
    """

    count: int

    def __len__(self) -> int:
        """Number of notes."""
        return self.count

    def row(self, index: int) -> Row:
        """See `Plan.row`; the seeds of the notes follow each other."""
        drawn = mixed(mixed(self.seed) + index)
        return self.axes.combination(drawn * len(self.axes) >> 64, self.seed * MAX_ROWS + index)

    def digest(self) -> str:
        """See `Plan.digest`."""
        return hashed(["random", self.axes.to_json(), self.count, self.seed])


def grid(
    model: ModelInfo,
    *,
    instruments: str | None = None,
    pitches: str | None = None,
    velocities: str | None = None,
    seed: int = 0,
) -> GridPlan:
    """Every instrument at every pitch and velocity; see `Axes.parse`.

    Raises:
        UserError: a value that the model cannot play, or one that is asked for twice.
    """
    axes = {"instruments": instruments, "pitches": pitches, "velocities": velocities}
    return GridPlan(model=model, axes=Axes.parse(model, "--grid", **axes), seed=parse_seed(seed))


def random(
    model: ModelInfo,
    count: int,
    *,
    instruments: str | None = None,
    pitches: str | None = None,
    velocities: str | None = None,
    seed: int = 0,
) -> RandomPlan:
    """`count` notes drawn from the same space; see `Axes.parse`.

    Raises:
        UserError: as `grid`, or a count or seed that is too large.
    """
    checks.between("--random", count, 1, MAX_ROWS)
    checks.between("seed", seed, 0, MAX_SEED)
    axes = {"instruments": instruments, "pitches": pitches, "velocities": velocities}
    return RandomPlan(model=model, axes=Axes.parse(model, "--random", **axes), count=count, seed=seed)


def mixed(value: int) -> int:
    """64 bits that look random, a different one for each value of 64 bits.

    >>> hex(mixed(0))
    '0xe220a8397b1dcdaf'
    """
    value = (value + 1) * GOLDEN & WORD
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & WORD
    value = (value ^ value >> 27) * 0x94D049BB133111EB & WORD
    return value ^ value >> 31


def _repeats(values: Sequence[str]) -> bool:
    return len(set(values)) < len(values)


def _values(name: str, text: str, parse: Callable[[str], float]) -> Iterator[float]:
    """Each value of a comma-separated list of values and inclusive ranges LOW:HIGH[:STEP]."""
    for part in text.split(","):
        ends = part.split(":")
        if len(ends) > 3:
            raise UserError(f"{name}={part!r} must read LOW:HIGH or LOW:HIGH:STEP, e.g. 48:72:12")
        low, high = parse(ends[0].strip()), parse(ends[min(1, len(ends) - 1)].strip())
        if low > high:
            raise UserError(f"{name}={part!r} must rise; write the lower end first")
        step = _step(name, ends[2]) if len(ends) == 3 else 1.0
        yield from (low + index * step for index in range(int((high - low) / step + 1e-6) + 1))


def _step(name: str, text: str) -> float:
    try:
        step = float(text)
    except ValueError as error:
        raise UserError(f"step={text!r} of {name} must be a number") from error
    checks.between(f"step of {name}", step, *STEPS)
    return step
