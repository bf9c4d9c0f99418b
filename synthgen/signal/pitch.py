"""MIDI pitch and frequency."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

A4_MIDI, A4_HZ = 69, 440.0
Number = TypeVar("Number", float, "Tensor")


def midi_to_hz(midi: Number) -> Number:
    """Frequency in Hz of a MIDI pitch in equal temperament.

    >>> midi_to_hz(69.0), midi_to_hz(81.0)
    (440.0, 880.0)
    """
    return A4_HZ * 2.0 ** ((midi - A4_MIDI) / 12)


def hz_to_midi(hz: float) -> float:
    """MIDI pitch of a frequency in Hz.

    >>> hz_to_midi(880.0)
    81.0
    """
    return A4_MIDI + 12 * math.log2(hz / A4_HZ)
