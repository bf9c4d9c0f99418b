"""Notes for the page: every request checked, recent notes kept, and never more than two notes made at once."""

from __future__ import annotations

import base64
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from synthgen import checks, config
from synthgen.checks import UserError
from synthgen.data.audio import to_int16
from synthgen.rendering.request import Request
from synthgen.rendering.synthesizer import Synthesizer

Answer = dict[str, Any]
"""What the page gets: what it asked for, or ``{"error": one line}``."""

CACHE_BYTES = 128 * 2**20
MAX_BLEND = 8
MAX_NAME = 200
MAX_WAITING = 16
MAX_LINE = 300


@dataclass(frozen=True, kw_only=True)
class NoteRequest:
    """What the page sends for one note.

    Attributes:
        model: One of the service's models.
        instrument: Weights by name.
        pitch: MIDI note number.
        velocity: MIDI velocity.
        seed: See `Synthesizer.note`.
        pressed: A key waits for it, so it does not queue behind notes that are made in advance.
        ticket: Any name of this request that is not in use, by which the page asks how far it is and stops it.
    """

    model: str
    instrument: dict
    pitch: int
    velocity: int
    seed: int = 0
    pressed: bool = False
    ticket: str = ""

    def __post_init__(self) -> None:
        checks.between("length of a ticket", len(self.ticket), 0, MAX_NAME)
        checks.between("instruments in a blend", len(self.instrument), 1, MAX_BLEND)
        for name in self.instrument:
            checks.between("length of an instrument's name", len(name), 1, MAX_NAME)


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """What the page sends to learn about a model."""

    model: str


@dataclass(frozen=True, kw_only=True)
class TicketRequest:
    """What the page sends about a note that is being made."""

    ticket: str


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """The page no longer wants the note."""


class Making:
    """A note that is being made: how far it is, and whether it is still wanted."""

    def __init__(self) -> None:
        self.done, self.total, self.stopped = 0, 0, False

    def report(self, done: int, total: int) -> None:
        """Take down how many samples are made.

        Raises:
            Stopped: the note is no longer wanted.
        """
        self.done, self.total = done, total
        if self.stopped:
            raise Stopped


class Recent:
    """The answers used last, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._answers: OrderedDict[tuple, Answer] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple) -> Answer | None:
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def put(self, key: tuple, answer: Answer) -> None:
        with self._lock:
            if key not in self._answers:
                self.size += len(answer["pcm"])
            self._answers[key] = answer
            while self.size > self.limit:
                _, oldest = self._answers.popitem(last=False)
                self.size -= len(oldest["pcm"])


class Lane:
    """Lets one caller in at a time and a few wait; more are turned away."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(MAX_WAITING)
        self._turn = threading.Lock()

    def __enter__(self) -> None:
        if not self._places.acquire(blocking=False):
            raise UserError("too many notes are being made; try again in a moment")
        self._turn.acquire()

    def __exit__(self, *_: object) -> None:
        self._turn.release()
        self._places.release()


class NoteService:
    """Makes notes for any number of pages.

    Args:
        models: What the page calls a model -> what `load` takes.
        load: Makes a synthesizer; it is called once a model.
        cache_bytes: Limit of the notes that are kept.
    """

    def __init__(
        self,
        models: Mapping[str, str],
        *,
        load: Callable[[str], Synthesizer] = Synthesizer.load,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.models = dict(models)
        self._load = load
        self._loaded: dict[str, Synthesizer] = {}
        self._loading = threading.Lock()
        self._recent = Recent(cache_bytes)
        self._pressed, self._ahead = Lane(), Lane()
        self._making: dict[str, Making] = {}

    def describe(self, request: Any) -> Answer:
        """What a model can play, for a `ModelRequest` as a dictionary."""
        return _answer(lambda: self._describe(config.from_dict(ModelRequest, request, where="request")))

    def note(self, request: Any) -> Answer:
        """The samples of a note as base64 of little-endian int16, for a `NoteRequest` as a dictionary."""
        return _answer(lambda: self._note(config.from_dict(NoteRequest, request, where="request")))

    def progress(self, request: Any) -> Answer:
        """Samples made and wanted of the note of a `TicketRequest`, both 0 before and after it is made."""
        return _answer(lambda: self._progress(config.from_dict(TicketRequest, request, where="request")))

    def stop(self, request: Any) -> Answer:
        """Stop making the note of a `TicketRequest`; its own answer is then ``{"stopped": True}``."""
        return _answer(lambda: self._stop(config.from_dict(TicketRequest, request, where="request")))

    def synthesizer(self, name: str) -> Synthesizer:
        """The synthesizer that the page calls `name`.

        Raises:
            UserError: there is none, or its checkpoint cannot be read.
        """
        checks.one_of("model", name, self.models)
        with self._loading:
            if name not in self._loaded:
                self._loaded[name] = self._load(self.models[name])
            return self._loaded[name]

    def _describe(self, request: ModelRequest) -> Answer:
        synthesizer = self.synthesizer(request.model)
        return {
            "model": request.model,
            "models": list(self.models),
            "instruments": synthesizer.instruments,
            "pitches": synthesizer.pitches,
            "velocities": synthesizer.info.repertoire.velocities,
            "sample_rate": synthesizer.sample_rate,
            "slow": synthesizer.draws_samples,
        }

    def _note(self, asked: NoteRequest) -> Answer:
        synthesizer = self.synthesizer(asked.model)
        request = synthesizer.info.repertoire.resolve(
            Request(instrument=asked.instrument, pitch=asked.pitch, velocity=asked.velocity, seed=asked.seed)
        )
        key = (asked.model, request.instrument_name, request.pitch, request.velocity, request.seed)
        answer = self._recent.get(key)
        if answer is None:
            making = self._making.setdefault(asked.ticket, Making()) if asked.ticket else Making()
            try:
                with self._pressed if asked.pressed else self._ahead:
                    answer = self._recent.get(key) or _make(synthesizer, request, making)
            finally:
                self._making.pop(asked.ticket, None)
            self._recent.put(key, answer)
        return answer

    def _progress(self, asked: TicketRequest) -> Answer:
        making = self._making.get(asked.ticket) or Making()
        return {"done": making.done, "total": making.total}

    def _stop(self, asked: TicketRequest) -> Answer:
        making = self._making.get(asked.ticket)
        if making is not None:
            making.stopped = True
        return {"stopped": making is not None}


def _make(synthesizer: Synthesizer, request: Request, making: Making) -> Answer:
    making.report(0, synthesizer.info.samples)
    asked = {"pitch": request.pitch, "velocity": request.velocity, "seed": request.seed}
    started = time.perf_counter()
    note = synthesizer.note(request.instrument, **asked, progress=making.report)
    seconds = time.perf_counter() - started
    pcm = base64.b64encode(to_int16(note.audio).astype("<i2").tobytes()).decode("ascii")
    return {"pcm": pcm, "sample_rate": note.sample_rate, "seconds": seconds}


def _answer(make: Callable[[], Answer]) -> Answer:
    try:
        return make()
    except Stopped:
        return {"stopped": True}
    except UserError as error:
        line = " ".join(str(error).split())
        return {"error": line if len(line) <= MAX_LINE else line[: MAX_LINE - 3] + "..."}
