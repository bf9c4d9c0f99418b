"""Does a note sound at the pitch that it should?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from synthgen.signal.pitch import midi_to_hz

TOLERANCE_CENTS = 50.0
LOWEST_HZ, HIGHEST_HZ = 25.0, 4500.0
START_SECONDS, END_SECONDS = 0.3, 1.5
FRAME = 2048
OVERSAMPLING = 3
"""High notes last few samples a period; at 16 kHz yin misses the octave of some above 2 kHz."""
LOUD_DB, SILENT_DB = 30.0, -80.0
"""A frame counts within `LOUD_DB` of the loudest; a note whose loudest frame lies below `SILENT_DB` is silent."""
SUSTAINED_DB = 20.0

Verdict = Literal["within", "octave", "off", "silent"]


def deviation(audio: np.ndarray, *, sample_rate: int, midi: float) -> float | None:
    """Median pitch of a note's sustained part, measured minus expected.

    yin (de Cheveigne and Kawahara, 2002, doi:10.1121/1.1458024) by librosa, over the frames between 0.3 and 1.5 s
    that are loud enough.

    Args:
        audio: Samples (T,).
        sample_rate: Samples per second.
        midi: The expected pitch.

    Returns:
        Cents, or None where the note is silent or shorter than a frame.
    """
    import librosa
    import soxr

    start = int(min(START_SECONDS, len(audio) / sample_rate / 4) * sample_rate)
    segment = np.asarray(audio[start : int(END_SECONDS * sample_rate)], np.float32)
    if len(segment) < FRAME:
        return None
    fine, frame = soxr.resample(segment, 1, OVERSAMPLING), FRAME * OVERSAMPLING
    hop = frame // 4
    windows = np.lib.stride_tricks.sliding_window_view(fine, frame)[::hop]
    level = 10 * np.log10(np.maximum(np.square(windows).mean(-1), 1e-20))
    if level.max() < SILENT_DB:
        return None
    hz = librosa.yin(
        fine,
        fmin=LOWEST_HZ,
        fmax=HIGHEST_HZ,
        sr=sample_rate * OVERSAMPLING,
        frame_length=frame,
        hop_length=hop,
        center=False,
    )
    return 1200 * math.log2(float(np.median(hz[level > level.max() - LOUD_DB])) / midi_to_hz(float(midi)))


def sustains(audio: np.ndarray, *, sample_rate: int) -> bool:
    """Whether a note (T,) sounds on: in its third second it comes within 20 dB of its loudest tenth of a second."""
    tenth = sample_rate // 10
    parts = np.asarray(audio[: len(audio) // tenth * tenth], np.float64).reshape(-1, tenth)
    level = 10 * np.log10(np.maximum(np.square(parts).mean(1), 1e-20))
    return bool(level[20:30].max(initial=-200.0) > level.max(initial=-200.0) - SUSTAINED_DB)


def verdict(cents: float | None) -> Verdict:
    """``within`` 50 cents, an ``octave`` or several away, otherwise ``off``, or ``silent``.

    >>> [verdict(c) for c in (-20.0, 1210.0, 700.0, None)]
    ['within', 'octave', 'off', 'silent']
    """
    if cents is None:
        return "silent"
    if abs(cents) <= TOLERANCE_CENTS:
        return "within"
    return "octave" if abs(cents - 1200 * round(cents / 1200)) <= TOLERANCE_CENTS else "off"


@dataclass(frozen=True, kw_only=True)
class PitchShares:
    """Shares of notes by `verdict`; they sum up to 1."""

    within: float
    octave: float
    off: float
    silent: float

    @classmethod
    def of(cls, cents: Sequence[float | None]) -> PitchShares:
        """Shares over the deviations of at least one note."""
        verdicts = [verdict(c) for c in cents]
        return cls(**{name: verdicts.count(name) / len(verdicts) for name in cls.__dataclass_fields__})

    def to_json(self) -> dict[str, float]:
        """Share of each verdict."""
        return asdict(self)
