"""Playing a recording faster or slower."""

from __future__ import annotations

import torch
from torch import Tensor


def transposed(x: Tensor, *, semitones: float) -> Tensor:
    """A recording (T,) played faster or slower so that it sounds `semitones` higher, by soxr, (T',).

    >>> transposed(torch.zeros(64), semitones=12.0).shape
    torch.Size([32])
    """
    import soxr

    return torch.from_numpy(soxr.resample(x.float().numpy(), 2 ** (semitones / 12), 1))
