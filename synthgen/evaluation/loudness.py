"""Does a note get louder as its key is struck harder?"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

FLOOR_DB = -120.0


def level_db(audio: Tensor) -> Tensor:
    """RMS level of samples (..., T) in dB, (...); a full-scale square wave has 0, silence -120.

    >>> level_db(torch.tensor([0.5, -0.5]))
    tensor(-6.0206)
    """
    return 10 * audio.square().mean(-1).clamp(min=10 ** (FLOOR_DB / 10)).log10()


def rank_correlation(velocities: Sequence[float], levels: Sequence[float]) -> float:
    """Spearman's rank correlation of levels with velocities, -1 to 1; 0 where all levels are the same.

    >>> rank_correlation([25, 75, 127], [-40.0, -20.0, -10.0])
    1.0
    """
    from scipy.stats import spearmanr

    if len(set(levels)) == 1:
        return 0.0
    return round(float(spearmanr(velocities, levels).statistic), 12)
