"""Rows of a plan as encoded notes, each with what it is and what was measured of it."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from synthgen.checks import UserError
from synthgen.data.audio import to_int16
from synthgen.data.general_midi import BY_NAME
from synthgen.data.layout import FAMILIES, SOURCES
from synthgen.data.tuning import TOLERANCE_CENTS, measure
from synthgen.rendering.bulk.plan import Row
from synthgen.rendering.library import ModelInfo
from synthgen.signal.pitch import midi_to_hz

if TYPE_CHECKING:
    from synthgen.heads import Sampling
    from synthgen.rendering.synthesizer import Synthesizer

AudioFormat = Literal["wav", "flac"]
FADE_SECONDS = 0.02
"""A note that is cut short ends in such a half cosine, or one of half its length."""
SILENT_PEAK = 1e-4
"""-80 dB below full scale."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A note.

    Attributes:
        audio: A whole audio file.
        record: Labels and measurements, JSON values; its name is under `id`.
    """

    audio: bytes
    record: dict[str, Any]


class Maker:
    """Makes notes of a plan's models, each of which is loaded when it is first needed.

    A note is a function of its model and its row alone, whatever it is made together with.

    Args:
        models: The plan's.
        audio: 16-bit WAV, or FLAC.
        sampling: See `Synthesizer.note`.
        device: Where the models compute: another kind of device may round other bits.
    """

    def __init__(
        self, models: Sequence[ModelInfo], *, audio: AudioFormat, sampling: Sampling | None = None, device: str = "cpu"
    ) -> None:
        self._models, self._audio, self._sampling, self._device = models, audio, sampling, device
        self._loaded: dict[int, Synthesizer] = {}

    def make(self, rows: Sequence[Row]) -> Iterator[Made]:
        """The notes of `rows`, in their order.

        Raises:
            UserError: a model cannot be loaded, or what it makes is no sound.
        """
        from synthgen.threads import one_thread

        for model, group in itertools.groupby(rows, lambda row: row.model):
            synthesizer, together = self._synthesizer(model), list(group)
            for start in range(0, len(together), synthesizer.together):
                part = together[start : start + synthesizer.together]
                with one_thread():
                    notes = synthesizer.notes([row.request for row in part], sampling=self._sampling)
                for row, note in zip(part, notes, strict=True):
                    yield self._made(row, note.audio)

    def make_each(self, rows: Iterable[Row], size: int) -> Iterator[Made]:
        """As `make`, for rows that come one by one: `size` of them are taken at once."""
        rows = iter(rows)
        while group := list(itertools.islice(rows, size)):
            yield from self.make(group)

    def _synthesizer(self, model: int) -> Synthesizer:
        if model not in self._loaded:
            from synthgen.rendering.synthesizer import Synthesizer

            check_device(self._device)
            self._loaded[model] = Synthesizer.load(self._models[model].path, device=self._device)
        return self._loaded[model]

    def _made(self, row: Row, audio: np.ndarray) -> Made:
        info = self._models[row.model]
        if audio.ndim != 1 or not np.isfinite(audio).all():
            raise UserError(f"note {row.name}: model {info.name!r} made {audio.shape} values that are no sound")
        audio = lasting(audio, row.seconds, sample_rate=info.sample_rate)
        encoded = encode(audio, info.sample_rate, self._audio)
        return Made(audio=encoded, record=Described(row, info).to_json() | measured(row, audio, info))


def check_device(device: str) -> None:
    """Raise UserError unless this machine can compute on `device`."""
    if device == "cpu":
        return
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0][:200]
        raise UserError(f"device={device!r} cannot be used here ({reason}); choose cpu, or mend its driver") from error


@dataclass(frozen=True)
class Described:
    """What a note is, for its record and for NSynth's labels."""

    row: Row
    info: ModelInfo

    @cached_property
    def kind(self) -> tuple[int, int]:
        """Family and source: of a General MIDI program, as NSynth's names begin, or those of a synthesizer."""
        instrument = self.row.request.instrument
        blend = isinstance(instrument, Mapping)
        return _kind(max(instrument, key=lambda name: instrument[name]) if blend else str(instrument))

    def to_json(self) -> dict[str, Any]:
        """Labels; weights are there for blends, a duration where one was asked for."""
        request, (family, source) = self.row.request, self.kind
        return {
            "id": self.row.name,
            "model": self.info.name,
            "instrument": request.instrument_name,
            "weights": None if isinstance(request.instrument, str) else request.instrument,
            "pitch": request.pitch,
            "velocity": request.velocity,
            "seed": request.seed,
            "duration": self.row.seconds,
            "family": FAMILIES[family],
            "source": SOURCES[source],
            "sample_rate": self.info.sample_rate,
        }


def lasting(audio: np.ndarray, seconds: float | None, *, sample_rate: int) -> np.ndarray:
    """A note cut short, with a fade-out of `FADE_SECONDS`, or followed by silence; None keeps its length.

    >>> len(lasting(np.ones(16000), 1.5, sample_rate=16000)), len(lasting(np.ones(16000), 0.1, sample_rate=16000))
    (24000, 1600)
    """
    if seconds is None:
        return audio
    length = max(1, round(seconds * sample_rate))
    if length >= len(audio):
        return np.pad(audio, (0, length - len(audio)))
    fade = max(1, min(round(FADE_SECONDS * sample_rate), length // 2))
    audio = audio[:length].copy()
    audio[-fade:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(1, fade + 1) / (fade + 1), dtype=np.float32)
    return audio


def encode(audio: np.ndarray, sample_rate: int, kind: AudioFormat) -> bytes:
    """A 16-bit file of samples (T,); never normalised, clipped beyond [-1, 1]."""
    import soundfile

    content = io.BytesIO()
    soundfile.write(content, to_int16(audio), sample_rate, subtype="PCM_16", format=kind.upper())
    return content.getvalue()


def measured(row: Row, audio: np.ndarray, info: ModelInfo) -> dict[str, Any]:
    """Peak before clipping, fundamental in Hz and cents off (None where none is clear), and what is wrong with a note.

    An octave off counts as off.
    """
    hz = float(midi_to_hz(float(row.request.pitch)))
    tuning, peak = measure(audio, sample_rate=info.sample_rate, hz=hz), float(np.abs(audio).max(initial=0.0))
    clear = tuning.verdict != "unpitched" and math.isfinite(tuning.cents)
    return {
        "peak": float(f"{peak:.6g}"),
        "f0": round(hz * 2 ** (tuning.cents / 1200), 3) if clear else None,
        "cents": round(tuning.cents, 2) if clear else None,
        "silent": peak < SILENT_PEAK,
        "clipped": peak > 1,
        "off_pitch": clear and abs(tuning.cents) > TOLERANCE_CENTS,
    }


def _kind(name: str) -> tuple[int, int]:
    if name in BY_NAME:
        return FAMILIES.index(BY_NAME[name].family), SOURCES.index(BY_NAME[name].source)
    for pair in itertools.product(FAMILIES, SOURCES):
        if name.startswith("_".join(pair)):
            return FAMILIES.index(pair[0]), SOURCES.index(pair[1])
    return FAMILIES.index("synth_lead"), SOURCES.index("synthetic")
