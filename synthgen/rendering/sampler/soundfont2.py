"""SoundFont 2: an instrument as one file of nested chunks.

"SoundFont Technical Specification", version 2.04 (E-mu Systems, 2006), whose sections are named below. A file holds
samples, one instrument whose zones choose among them, and one preset that plays the instrument.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable

import numpy as np

from synthgen.data.audio import to_int16
from synthgen.rendering.sampler.instrument import Region, SampledInstrument
from synthgen.rendering.sampler.sample import FADE_DB

VERSION = (2, 4)
ENGINE = "EMU8000"
NAME_BYTES = 20
SILENCE = 46
"""Zeros after every sample (6.1)."""
SHORTEST = 48
"""Samples that a recording has at least (7.10); shorter ones end in silence."""
ENVELOPE_DB = 100.0
"""By how much a release falls in the time that its generator says (8.1.2, releaseVolEnv)."""
MONO = 1
LOOP_WITHOUT_END, NO_LOOP = 1, 0

# Generators (8.1.2).
RELEASE_VOLUME_ENVELOPE, INSTRUMENT, KEY_RANGE, VELOCITY_RANGE = 38, 41, 43, 44
FINE_TUNE, SAMPLE_ID, SAMPLE_MODES = 52, 53, 54
INITIAL_FILTER_CUTOFF, INITIAL_ATTENUATION = 8, 48

VELOCITY_LEVEL, VELOCITY_BRIGHTNESS, VELOCITY_SWITCH = 0x0502, 0x0102, 0x0D02
UNMODULATED = (
    (VELOCITY_LEVEL, INITIAL_ATTENUATION, 0, 0, 0),
    (VELOCITY_BRIGHTNESS, INITIAL_FILTER_CUTOFF, 0, 0, 0),
    (VELOCITY_BRIGHTNESS, INITIAL_FILTER_CUTOFF, 0, VELOCITY_SWITCH, 0),
)
"""The default modulators that make soft notes quieter (8.4.1) and darker (8.4.2, and as version 2.01 had it), with an
amount of zero: one of an instrument takes the place of its default (9.5)."""


def soundfont(instrument: SampledInstrument) -> bytes:
    """The content of an .sf2 file. A sample is as loud as it was made: velocity chooses it and no more."""
    information = [
        _chunk(b"ifil", struct.pack("<HH", *VERSION)),
        _chunk(b"isng", _text(ENGINE)),
        _chunk(b"INAM", _text(instrument.name)),
        _chunk(b"ISFT", _text("synthgen")),
    ]
    audio = [_at_least(SHORTEST, to_int16(region.sample.audio)) for region in instrument.regions]
    pool = b"".join(samples.astype("<i2").tobytes() + bytes(2 * SILENCE) for samples in audio)
    lists = [
        _list(b"INFO", information),
        _list(b"sdta", [_chunk(b"smpl", pool)]),
        _list(b"pdta", [*_preset(instrument), *_instrument(instrument), _headers(instrument.regions, audio)]),
    ]
    return _chunk(b"RIFF", b"sfbk" + b"".join(lists))


def _at_least(count: int, samples: np.ndarray) -> np.ndarray:
    return np.pad(samples, (0, max(count - len(samples), 0)))


def _preset(instrument: SampledInstrument) -> list[bytes]:
    """Preset 0 of bank 0, of one zone, which is the whole instrument (7.2 to 7.5)."""
    headers = [(_name(instrument.name), 0, 0, 0, 0, 0, 0), (_name("EOP"), 0, 0, 1, 0, 0, 0)]
    return [
        _records(b"phdr", "<20sHHHIII", headers),
        _records(b"pbag", "<HH", [(0, 0), (1, 0)]),
        _records(b"pmod", "<HHhHH", [(0, 0, 0, 0, 0)]),
        _records(b"pgen", "<HH", [(INSTRUMENT, 0), (0, 0)]),
    ]


def _instrument(instrument: SampledInstrument) -> list[bytes]:
    """A global zone with what all have in common, and a zone for every sample, which is named last (7.6 to 7.9).

    A generator tunes each sample. The pitch correction of its header (7.10) would mean the same, but FluidSynth (2.3)
    then rounds down to whole cents what float32 has made a little less than a whole one.
    """
    release = instrument.release_seconds * ENVELOPE_DB / FADE_DB
    generators = [(RELEASE_VOLUME_ENVELOPE, _timecents(release))]
    bags = [(0, 0)]
    for index, region in enumerate(instrument.regions):
        bags.append((len(generators), len(UNMODULATED)))
        tune = (region.sample.tune or 0) & 0xFFFF
        generators += [*_ranges(region), (FINE_TUNE, tune), (SAMPLE_MODES, _mode(region)), (SAMPLE_ID, index)]
    bags.append((len(generators), len(UNMODULATED)))
    return [
        _records(b"inst", "<20sH", [(_name(instrument.name), 0), (_name("EOI"), len(bags) - 1)]),
        _records(b"ibag", "<HH", bags),
        _records(b"imod", "<HHhHH", [*UNMODULATED, (0, 0, 0, 0, 0)]),
        _records(b"igen", "<HH", [*generators, (0, 0)]),
    ]


def _headers(regions: Iterable[Region], audio: Iterable[np.ndarray]) -> bytes:
    """Where each sample lies, and how it is pitched; the end of a loop is the first sample behind it (7.10)."""
    headers, start = [], 0
    for region, samples in zip(regions, audio, strict=True):
        sample, end = region.sample, start + len(samples)
        first, last = (start + sample.loop.start, start + sample.loop.end) if sample.loop else (start, end)
        places = (start, end, first, last, sample.sample_rate)
        headers.append((_name(region.name), *places, region.zone.root, 0, 0, MONO))
        start = end + SILENCE
    return _records(b"shdr", "<20sIIIIIBbHH", [*headers, (_name("EOS"), *(0,) * 9)])


def _ranges(region: Region) -> list[tuple[int, int]]:
    """Keys and velocities; the lower end lies in the lower byte, and keys come first (8.1.2)."""
    zone = region.zone
    keys, velocities = zone.low_key | zone.high_key << 8, zone.low_velocity | zone.high_velocity << 8
    return [(KEY_RANGE, keys), (VELOCITY_RANGE, velocities)]


def _mode(region: Region) -> int:
    return LOOP_WITHOUT_END if region.sample.loop else NO_LOOP


def _timecents(seconds: float) -> int:
    """A time as 1200 times its base-2 logarithm (2.3), as the bits of a 16-bit word."""
    return round(1200 * math.log2(seconds)) & 0xFFFF


def _records(kind: bytes, layout: str, rows: Iterable[tuple]) -> bytes:
    return _chunk(kind, b"".join(struct.pack(layout, *row) for row in rows))


def _list(kind: bytes, chunks: Iterable[bytes]) -> bytes:
    return _chunk(b"LIST", kind + b"".join(chunks))


def _chunk(kind: bytes, content: bytes) -> bytes:
    """A name, a length, the content, and a zero where its length is odd (3.1)."""
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _text(text: str) -> bytes:
    """ASCII that ends in one zero or two, so that its length is even (5)."""
    content = text.encode("ascii", "replace")[:254]
    return content + bytes(2 - len(content) % 2)


def _name(text: str) -> bytes:
    """Up to 19 characters and at least one zero (7.2)."""
    return text.encode("ascii", "replace")[: NAME_BYTES - 1].ljust(NAME_BYTES, b"\0")
