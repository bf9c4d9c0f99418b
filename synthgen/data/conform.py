"""Any audio file as a mono sound, whole, or as a note of NSynth's kind: 16 kHz, 4 s, not trimmed at its start."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import soundfile

SAMPLE_RATE, SECONDS = 16000, 4
SAMPLES = SAMPLE_RATE * SECONDS
FADE_SECONDS = 0.01
SILENT_PEAK = 1e-3
FLAT_SAMPLES, FLAT_SHARE, FLAT_LEVEL = 4, 1e-3, 0.5
"""A clipped recording has many runs of equal samples far from zero."""
LOWEST_RATE, HIGHEST_RATE, MOST_CHANNELS, MOST_VALUES = 2000, 768000, 32, 2**28


class UnusableError(Exception):
    """A file that cannot become a note.

    Attributes:
        outcome: One or two words to count it under, e.g. ``"too short"``.
    """

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome


def read_note(path: Path, *, shortest: float) -> tuple[np.ndarray, list[str]]:
    """The first 4 s of a file, and what was done to them that is worth a remark.

    Args:
        path: A file that libsndfile reads; no more than its first seconds are held in memory.
        shortest: Length in seconds below which it is refused.

    Returns:
        float32 (64000,): the mean of the channels, resampled, cut with a short fade or followed by silence; turned
        down to full scale where it exceeds it.

    Raises:
        UnusableError: it is unreadable, cut off, too short or silent.
    """
    channels, rate = _read(path, seconds=SECONDS + 0.1)
    audio, remarks = _mono(channels, rate, SAMPLE_RATE, shortest=shortest), []
    if len(audio) > SAMPLES:
        audio = audio[:SAMPLES]
        fade = int(FADE_SECONDS * SAMPLE_RATE)
        audio[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        remarks.append(f"cut to {SECONDS} s")
    audio = _within_full_scale(audio, remarks)
    return np.pad(audio, (0, SAMPLES - len(audio))), remarks


def read_sound(path: Path, *, sample_rate: int, shortest: float, longest: float) -> tuple[np.ndarray, list[str]]:
    """A whole file, and what is wrong with it or was done to it.

    Args:
        path: A file that libsndfile reads.
        sample_rate: Samples per second to resample to.
        shortest: Length in seconds below which it is refused.
        longest: Length in seconds above which it is refused, before more is read.

    Returns:
        float32 (T,): the mean of the channels, resampled, turned down to full scale where it exceeds it.

    Raises:
        UnusableError: it is unreadable, cut off, too short, too long or silent.
    """
    channels, rate = _read(path, seconds=longest + 0.1)
    return as_sound(channels, rate, sample_rate=sample_rate, shortest=shortest, longest=longest)


def as_sound(
    channels: np.ndarray, rate: int, *, sample_rate: int, shortest: float, longest: float
) -> tuple[np.ndarray, list[str]]:
    """The same of samples (T, C) in memory, at `rate`."""
    if len(channels) > longest * rate:
        raise UnusableError("too long", f"lasts more than {longest:g} s; cut it into parts")
    audio, remarks = _mono(channels, rate, sample_rate, shortest=shortest), []
    audio = _within_full_scale(audio, remarks)
    if any(map(looks_clipped, channels.T)):
        remarks.append("clipped, which adds partials that were not played")
    return audio, remarks


def looks_clipped(channel: np.ndarray) -> bool:
    """Whether many samples (T,) far from zero equal the ones after them, as where the tops of waves were cut."""
    if len(channel) < FLAT_SAMPLES:
        return False
    far = np.abs(channel) >= FLAT_LEVEL * np.abs(channel).max()
    equal = np.diff(channel) == 0
    runs = np.lib.stride_tricks.sliding_window_view(equal, FLAT_SAMPLES - 1).all(-1)
    return bool((runs & far[: len(runs)]).mean() > FLAT_SHARE)


def _mono(channels: np.ndarray, rate: int, sample_rate: int, *, shortest: float) -> np.ndarray:
    import soxr

    if len(channels) < shortest * rate:
        raise UnusableError("too short", f"lasts {len(channels) / rate:.3f} s, less than {shortest:g} s")
    return soxr.resample(channels.mean(axis=1), rate, sample_rate)


def _within_full_scale(audio: np.ndarray, remarks: list[str]) -> np.ndarray:
    peak = float(np.abs(audio).max(initial=0))
    if not peak >= SILENT_PEAK:
        raise UnusableError("silent", f"its peak is {peak:.5f} of full scale")
    if peak > 1:
        audio = audio / peak
        remarks.append(f"turned down by {20 * math.log10(peak):.1f} dB to full scale")
    return audio


def _read(path: Path, *, seconds: float) -> tuple[np.ndarray, int]:
    """The first seconds of a file, float32 (frames, channels), and its sample rate."""
    import soundfile

    if not path.is_file():
        raise UnusableError("missing", "no such file")
    try:
        with soundfile.SoundFile(path) as sound:
            rate = sound.samplerate
            if not LOWEST_RATE <= rate <= HIGHEST_RATE or sound.channels > MOST_CHANNELS:
                raise UnusableError("unreadable", f"has {sound.channels} channels at {rate} Hz")
            wanted = min(sound.frames, math.ceil(seconds * rate))
            if wanted * sound.channels > MOST_VALUES:
                raise UnusableError(
                    "too large", f"has {sound.channels} channels of {wanted} samples; mix it down first"
                )
            channels = sound.read(wanted, dtype="float32", always_2d=True)
            if len(channels) < wanted or _is_cut_off(sound):
                raise UnusableError("cut off", "the file ends before its header says; copy it again")
    except (soundfile.SoundFileError, OSError) as error:
        raise UnusableError("unreadable", str(error).strip().rstrip(".")) from error
    if not np.isfinite(channels).all():
        raise UnusableError("unreadable", "holds values that are no numbers")
    return channels, rate


def _is_cut_off(sound: soundfile.SoundFile) -> bool:
    """Whether libsndfile, which reads what is there without complaint, noted a chunk larger than the file."""
    return "should be" in sound.extra_info
