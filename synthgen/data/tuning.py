"""Does a note sound at the pitch that its label says? A measurement cheap enough for every note of a builder.

McLeod & Wyvill 2005, "A smarter way to find pitch": the first high peak of the normalised autocorrelation. Here the
autocorrelation is oversampled (high notes last few samples a period) and searched only around the expected period.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

TOLERANCE_CENTS = 50.0
CLARITY = 0.7
ATTACK_SECONDS, END_SECONDS = 0.2, 1.5
OCTAVES = 2
FIRST_PEAK = 0.9
FRAME_LENGTH = 2048
LOWEST_HZ, HIGHEST_HZ = 25.0, 4300.0
LOUD = 0.1
SHORT_ATTACK_SECONDS = 0.02

Verdict = Literal["tuned", "octave", "mistuned", "unpitched"]


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Where a note's pitch lies beside its label.

    Attributes:
        cents: Measured minus expected pitch.
        clarity: Height of the autocorrelation's peak; 1 is strictly periodic, noise is near 0.
    """

    cents: float
    clarity: float

    @property
    def verdict(self) -> Verdict:
        """``unpitched`` where nothing clear is heard; ``octave`` where the pitch is right but for whole octaves."""
        if self.clarity < CLARITY:
            return "unpitched"
        if abs(self.cents) <= TOLERANCE_CENTS:
            return "tuned"
        beside = self.cents - 1200 * round(self.cents / 1200)
        return "octave" if abs(beside) <= TOLERANCE_CENTS else "mistuned"


def find_pitch(audio: np.ndarray, *, sample_rate: int) -> float | None:
    """Fundamental frequency in Hz of a note of which nothing is known; None where no steady pitch is heard.

    The median of YIN (de Cheveigné & Kawahara 2002) over the loud frames, most of which must agree. Where `measure`
    finds the note an octave or two higher it is right: YIN's lags are whole samples, too coarse above 2 kHz.

    Args:
        audio: Samples (T,).
        sample_rate: Samples per second; 16000 is enough for every piano key.
    """
    import librosa

    frames = {"frame_length": FRAME_LENGTH, "hop_length": FRAME_LENGTH // 4}
    if len(audio) < FRAME_LENGTH:
        return None
    track = librosa.yin(audio, fmin=LOWEST_HZ, fmax=HIGHEST_HZ, sr=sample_rate, **frames)
    loudness = librosa.feature.rms(y=audio, **frames)[0]
    track = track[loudness > LOUD * loudness.max()]
    hz = float(np.median(track)) if len(track) else LOWEST_HZ
    agreeing = np.abs(1200 * np.log2(track / hz)) < TOLERANCE_CENTS
    tuning = measure(audio, sample_rate=sample_rate, hz=hz)
    if tuning.verdict == "unpitched":  # perhaps a note that is over so soon
        tuning = measure(audio, sample_rate=sample_rate, hz=hz, first_second=SHORT_ATTACK_SECONDS)
    if tuning.verdict == "unpitched" or not len(track) or agreeing.mean() < 0.5:
        return None
    return hz * 2 ** (tuning.cents / 1200) if tuning.cents > -600 else hz


def measure(audio: np.ndarray, *, sample_rate: int, hz: float, first_second: float = ATTACK_SECONDS) -> Tuning:
    """Pitch of a note after its attack, searched within two octaves of what is expected.

    Args:
        audio: Samples (T,).
        sample_rate: Samples per second.
        hz: The expected fundamental frequency.
        first_second: Where to begin, in seconds; an attack is often noisy.

    >>> t = np.arange(32000) / 16000
    >>> round(measure(np.sin(2 * np.pi * 445 * t), sample_rate=16000, hz=440.0).cents)
    20
    """
    segment = audio[int(first_second * sample_rate) : int(END_SECONDS * sample_rate)].astype(np.float64)
    oversampling = max(1, math.ceil(32 * hz / sample_rate))
    longest = math.ceil(2**OCTAVES * sample_rate / hz) + 1
    if len(segment) < 2 * longest:
        return Tuning(cents=0.0, clarity=0.0)
    likeness = _normalised_autocorrelation(segment - segment.mean(), longest, oversampling)
    peaks = np.flatnonzero((likeness[1:-1] > likeness[:-2]) & (likeness[1:-1] >= likeness[2:])) + 1
    peaks = peaks[peaks >= oversampling * sample_rate / hz / 2**OCTAVES / 1.1]
    best = float(likeness[peaks].max(initial=0.0))
    if best <= 0:
        return Tuning(cents=0.0, clarity=0.0)
    first = peaks[likeness[peaks] >= FIRST_PEAK * best][0]
    before, top, after = likeness[first - 1 : first + 2]
    period = first + 0.5 * (before - after) / (before - 2 * top + after)
    return Tuning(cents=1200 * math.log2(oversampling * sample_rate / period / hz), clarity=best)


def _normalised_autocorrelation(segment: np.ndarray, longest: int, oversampling: int) -> np.ndarray:
    """Autocorrelation at lags of 0, 1/oversampling, ... up to `longest` samples, each over the energy that it spans."""
    size = 1 << (len(segment) + longest).bit_length()
    power = np.abs(np.fft.rfft(segment, size)) ** 2
    lags = np.arange(longest * oversampling) / oversampling
    products = oversampling * np.fft.irfft(power, size * oversampling)[: len(lags)]
    energy = np.concatenate([[0.0], np.cumsum(segment**2)])
    at = np.arange(len(energy))
    spans = np.interp(len(segment) - lags, at, energy) + energy[-1] - np.interp(lags, at, energy)
    return 2 * products / np.maximum(spans, 1e-12)
