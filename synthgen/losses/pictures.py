"""Losses on pictures."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from synthgen.records import Batch, Loss

FULL = 0.1
"""A pixel whose darkest channel is so far from white, of a range of 1, is wholly covered."""


@dataclass(frozen=True, kw_only=True)
class PictureError:
    """Squared error of pictures in [-1, 1], and of their silhouettes (Dosovitskiy et al., 2015, equation 1)."""

    silhouette: float = 0.0
    """Weight of the silhouette beside the colours; unlike the paper's it is made from the picture."""

    def __call__(self, estimate: Tensor, batch: Batch) -> Loss:
        """Estimates of ``batch.x``, (B, C, H, W) -> loss."""
        colour = F.mse_loss(estimate, batch.x)
        if not self.silhouette:
            return Loss(colour, {"colour": colour})
        outline = F.mse_loss(coverage((estimate + 1) / 2), coverage((batch.x + 1) / 2))
        return Loss(colour + self.silhouette * outline, {"colour": colour, "silhouette": outline})


def coverage(media: Tensor) -> Tensor:
    """How much of each pixel of pictures on white (B, C, H, W) is covered, (B, H, W) in [0, 1].

    >>> coverage(torch.tensor([1.0, 0.5]).view(1, 1, 1, 2)).tolist()
    [[[0.0, 1.0]]]
    """
    return ((1 - media.amin(1)) / FULL).clamp(0, 1)
