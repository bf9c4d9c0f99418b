"""Which notes are trained on, and which are held out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from synthgen.checks import UserError
from synthgen.data.layout import Entry

PARTS = ("train", "valid", "test")
HELD_OUT = 0.1
"""Share of the (instrument, pitch) pairs in each of valid and test."""


def completion(entries: Sequence[Entry], *, seed: int) -> dict[str, list[int]]:
    """Indices of the entries of each part; whole (instrument, pitch) pairs are held out, all velocities together.

    Pairs are ranked by a hash of seed, instrument name and pitch, so the split depends neither on the order of the
    notes nor on the platform, and where notes are added or filtered away, few pairs change sides.

    Raises:
        UserError: there are fewer than three pairs.
    """
    pairs = sorted({(e.instrument_str, float(e.pitch)) for e in entries}, key=lambda pair: _rank(seed, *pair))
    if len(pairs) < len(PARTS):
        raise UserError(f"{len(pairs)} (instrument, pitch) pairs are too few to hold any out; give at least 3")
    held_out = max(1, round(HELD_OUT * len(pairs)))
    part_of = dict.fromkeys(pairs, "train")
    part_of.update(dict.fromkeys(pairs[:held_out], "test"))
    part_of.update(dict.fromkeys(pairs[held_out : 2 * held_out], "valid"))
    parts: dict[str, list[int]] = {part: [] for part in PARTS}
    for index, entry in enumerate(entries):
        parts[part_of[entry.instrument_str, float(entry.pitch)]].append(index)
    return parts


def split_hash(parts: Mapping[str, Sequence[Entry]]) -> str:
    """SHA-256 of which note lies in which part, whatever their order."""
    lines = sorted(f"{entry.note_str}\t{part}\n" for part, entries in parts.items() for entry in entries)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _rank(seed: int, instrument: str, pitch: float) -> bytes:
    return hashlib.sha256(f"completion\t{seed}\t{instrument}\t{pitch!r}".encode()).digest()
