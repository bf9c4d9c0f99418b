"""mu-law companding (ITU-T G.711), by torchaudio."""

from __future__ import annotations

from torch import Tensor
from torchaudio import functional as audio


def mu_law_encode(x: Tensor, *, levels: int) -> Tensor:
    """Samples in [-1, 1] to int64 levels 0 to levels - 1.

    >>> mu_law_encode(torch.tensor([-1.0, 0.0, 1.0]), levels=256)
    tensor([  0, 128, 255])
    """
    return audio.mu_law_encoding(x.clamp(-1, 1), levels)


def mu_law_decode(codes: Tensor, *, levels: int) -> Tensor:
    """Levels to samples in [-1, 1]: the centre of each level."""
    return audio.mu_law_decoding(codes, levels)
