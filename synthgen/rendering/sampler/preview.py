"""A short recording of an instrument as a sampler would play it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from synthgen.rendering.mixing import mix, normalised
from synthgen.rendering.sampler.instrument import SampledInstrument
from synthgen.rendering.sampler.sample import play

SCALE, CHORD = (0, 2, 4, 5, 7, 9, 11, 12), (0, 4, 7, 12)
NOTE_SECONDS, CHORD_SECONDS, PAUSE_SECONDS = 0.3, 4.0, 1.0


def preview(instrument: SampledInstrument) -> np.ndarray:
    """A scale and a chord at every velocity, softest first, in the middle of the keys, normalised, float32 (T,).

    The chord lasts longer than what the model made: a sustained sound is heard going round its loop.
    """
    zones = [region.zone for region in instrument.regions]
    lowest, highest = min(zone.root for zone in zones), max(zone.root for zone in zones)
    tonic = min(12 * round((lowest + highest - SCALE[-1]) / 24), 127 - SCALE[-1])
    velocities = sorted({zone.velocity for zone in zones})
    rate, part = instrument.regions[0].sample.sample_rate, len(SCALE) * NOTE_SECONDS + CHORD_SECONDS + PAUSE_SECONDS
    events = [
        (index * part + begin, tonic + interval, velocity, seconds)
        for index, velocity in enumerate(velocities)
        for begin, interval, seconds in _part()
    ]

    def voices() -> Iterator[tuple[float, np.ndarray]]:
        for begin, key, velocity, seconds in events:
            region = instrument.region(key, velocity)
            options = {"release_seconds": instrument.release_seconds, "semitones": key - region.zone.root}
            yield begin, play(region.sample, seconds=seconds, **options)

    return normalised(mix(voices(), seconds=len(velocities) * part + instrument.release_seconds, sample_rate=rate))[0]


def _part() -> Iterator[tuple[float, int, float]]:
    """Beginning, interval above the tonic, and length of each note of a scale and a chord."""
    for index, interval in enumerate(SCALE):
        yield index * NOTE_SECONDS, interval, NOTE_SECONDS
    for interval in CHORD:
        yield len(SCALE) * NOTE_SECONDS, interval, CHORD_SECONDS
