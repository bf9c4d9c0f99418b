"""The notes of a MIDI file: when each sounds, for how long, and on which program."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from synthgen.checks import UserError

if TYPE_CHECKING:
    import mido

MOST_BYTES, MOST_NOTES, MOST_MINUTES, MOST_HOURS = 2**21, 50_000, 60, 24
DRUM_CHANNEL = 9
DEFAULT_TEMPO = 500_000
VOLUME, EXPRESSION, PEDAL = 7, 11, 64
SOUND_OFF, RESET, NOTES_OFF = 120, 121, 123
PEDAL_DOWN = 64
DEFAULT_VOLUME, FULL = 100, 127
SHORTEST_SECONDS = 0.03


@dataclass(frozen=True, kw_only=True)
class Played:
    """A note as it sounds, pedal included.

    Attributes:
        begin: Seconds from the start of the song.
        seconds: Until it is let go.
        program: General MIDI program, from 0.
        key: MIDI key.
        velocity: 1 to 127.
        gain: Factor for the volume and expression of its channel when it begins.
    """

    begin: float
    seconds: float
    program: int
    key: int
    velocity: int
    gain: float


@dataclass(frozen=True, kw_only=True)
class Score:
    """A song.

    Attributes:
        notes: Channel by channel.
        drums: Notes of the drum channel, which are left out.
    """

    notes: tuple[Played, ...]
    drums: int

    @property
    def seconds(self) -> float:
        """When the last note is let go."""
        return max(note.begin + note.seconds for note in self.notes)


def read_score(path: Path) -> Score:
    """The notes of a standard MIDI file of type 0 or 1.

    Tempo changes, the sustain pedal, and volume and expression at the beginning of each note count; pitch bends and
    other controllers do not. A key that is struck again ends its earlier note.

    Raises:
        UserError: the file is missing, no MIDI file, damaged, too large or too long, or has no notes to play.
    """
    song = _parsed(path)
    hands = [_Hands() for _ in range(16)]
    drums = 0
    now = 0.0
    for now, message in _timed(song, path):
        if message.type == "note_on" and message.velocity and message.channel == DRUM_CHANNEL:
            drums += 1
        else:
            hands[message.channel].take(message, now)
        if sum(len(channel.played) for channel in hands) + drums > MOST_NOTES:
            raise UserError(f"{path}: has more than {MOST_NOTES} notes; cut it into parts")
    for channel in hands:
        channel.lift(now)
    notes = [note for number, channel in enumerate(hands) if number != DRUM_CHANNEL for note in channel.played]
    if not notes:
        raise UserError(f"{path}: has no notes{' but drums' if drums else ''}; choose a song with some")
    if sum(note.seconds for note in notes) > 3600 * MOST_HOURS:
        raise UserError(f"{path}: has notes of more than {MOST_HOURS} hours together; cut it into parts")
    return Score(notes=tuple(notes), drums=drums)


@dataclass
class _Hands:
    """What is going on in a channel: keys that are down, keys that the pedal holds, and notes that are over."""

    program: int = 0
    volume: int = DEFAULT_VOLUME
    expression: int = FULL
    pedal: bool = False
    sounding: dict[int, tuple[float, int, int, float]] = field(default_factory=dict)
    let_go: set[int] = field(default_factory=set)
    played: list[Played] = field(default_factory=list)

    def take(self, message: mido.Message, now: float) -> None:
        if message.type == "note_on" and message.velocity:
            self._end(message.note, now)
            gain = (self.volume * self.expression / (DEFAULT_VOLUME * FULL)) ** 2
            self.sounding[message.note] = (now, self.program, message.velocity, gain)
        elif message.type in ("note_on", "note_off"):
            self._release(message.note, now)
        elif message.type == "program_change":
            self.program = message.program
        elif message.type == "control_change":
            self._control(message.control, message.value, now)

    def lift(self, now: float) -> None:
        """End every note."""
        for key in list(self.sounding):
            self._end(key, now)

    def _control(self, control: int, value: int, now: float) -> None:
        if control == VOLUME:
            self.volume = value
        elif control == EXPRESSION:
            self.expression = value
        elif control in (PEDAL, RESET):
            self.pedal = control == PEDAL and value >= PEDAL_DOWN
            for key in [] if self.pedal else list(self.let_go):
                self._end(key, now)
            self.expression = FULL if control == RESET else self.expression
        elif control == SOUND_OFF:
            self.lift(now)
        elif control == NOTES_OFF:
            for key in list(self.sounding):
                self._release(key, now)

    def _release(self, key: int, now: float) -> None:
        if not self.pedal:
            self._end(key, now)
        elif key in self.sounding:
            self.let_go.add(key)

    def _end(self, key: int, now: float) -> None:
        self.let_go.discard(key)
        if key in self.sounding:
            begin, program, velocity, gain = self.sounding.pop(key)
            note = {"key": key, "velocity": velocity, "gain": gain, "program": program}
            self.played.append(Played(begin=begin, seconds=max(now - begin, SHORTEST_SECONDS), **note))


def _parsed(path: Path) -> mido.MidiFile:
    try:
        import mido
    except ModuleNotFoundError as error:
        raise UserError("playing MIDI files needs mido; pip install 'synthgen[midi]'") from error
    content = _content(path)
    try:
        song = mido.MidiFile(file=io.BytesIO(content))
    except EOFError as error:
        raise UserError(f"{path}: is cut off; get it again") from error
    except (OSError, ValueError, LookupError, TypeError, mido.KeySignatureError) as error:
        raise UserError(f"{path}: is damaged ({_line(error)}); get it again") from error
    if song.type not in (0, 1) or song.ticks_per_beat < 1:
        kind = f"of type {song.type} with {song.ticks_per_beat} ticks a beat"
        raise UserError(f"{path}: is {kind}; save it as type 0 or 1, timed in beats")
    return song


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot read ({error.strerror}); name a MIDI file") from error
    if len(content) > MOST_BYTES:
        raise UserError(f"{path}: is larger than {MOST_BYTES // 2**20} MiB; cut it into parts")
    if not content:
        raise UserError(f"{path}: is empty; name a MIDI file")
    if not content.startswith(b"MThd"):
        raise UserError(f"{path}: is no MIDI file; name a standard one (.mid)")
    return content


def _timed(song: mido.MidiFile, path: Path) -> Iterator[tuple[float, mido.Message]]:
    """Every message to a channel and when it comes, in seconds."""
    import mido

    now, tempo = 0.0, DEFAULT_TEMPO
    for message in mido.merge_tracks(song.tracks):
        now += mido.tick2second(message.time, song.ticks_per_beat, tempo)
        if message.type == "set_tempo":
            tempo = message.tempo
        elif not message.is_meta and hasattr(message, "channel"):  # a meta message may bear a channel, too
            if now > 60 * MOST_MINUTES:
                raise UserError(f"{path}: lasts more than {MOST_MINUTES} minutes; cut it into parts")
            yield now, message


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:100]
