"""Any audio file as a note of NSynth's kind: 16 kHz, mono, 4 s, neither normalised nor trimmed at its start."""

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
LOWEST_RATE, HIGHEST_RATE, MOST_CHANNELS = 2000, 768000, 32


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
    import soxr

    channels, rate = _read(path)
    if len(channels) < shortest * rate:
        raise UnusableError("too short", f"lasts {len(channels) / rate:.3f} s, less than {shortest:g} s")
    remarks = []
    audio = soxr.resample(channels.mean(axis=1), rate, SAMPLE_RATE)
    if len(audio) > SAMPLES:
        audio = audio[:SAMPLES]
        fade = int(FADE_SECONDS * SAMPLE_RATE)
        audio[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        remarks.append(f"cut to {SECONDS} s")
    peak = float(np.abs(audio).max(initial=0))
    if not peak >= SILENT_PEAK:
        raise UnusableError("silent", f"its peak is {peak:.5f} of full scale")
    if peak > 1:
        audio = audio / peak
        remarks.append(f"turned down by {20 * math.log10(peak):.1f} dB to full scale")
    return np.pad(audio, (0, SAMPLES - len(audio))), remarks


def _read(path: Path) -> tuple[np.ndarray, int]:
    """The first seconds of a file, float32 (frames, channels), and its sample rate."""
    import soundfile

    if not path.is_file():
        raise UnusableError("missing", "no such file")
    try:
        with soundfile.SoundFile(path) as sound:
            rate = sound.samplerate
            if not LOWEST_RATE <= rate <= HIGHEST_RATE or sound.channels > MOST_CHANNELS:
                raise UnusableError("unreadable", f"has {sound.channels} channels at {rate} Hz")
            wanted = min(sound.frames, math.ceil((SECONDS + 0.1) * rate))
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
