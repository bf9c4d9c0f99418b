"""Random changes of what a critic sees, real or generated, that gradients pass through."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from synthgen import checks


@dataclass(frozen=True, kw_only=True)
class Disturbance:
    """Differentiable augmentation (Zhao et al., 2020, arXiv:2006.10738): few examples keep a critic busy for longer.

    Because generated examples are changed as real ones are, the generator does not learn the changes. Deviation from
    the paper: saturation is left alone, and all works along any number of axes.
    """

    translation: float = 0.0
    """Largest shift along each axis, as a share of its length; zeros move in."""
    cutout: float = 0.0
    """Length of a block of zeros along each axis, as a share of its length."""
    level: float = 0.0
    """Range of a number that is added to all entries, and of another that their contrast is multiplied with."""

    def __post_init__(self) -> None:
        for name in ("translation", "cutout", "level"):
            checks.between(name, getattr(self, name), 0, 1)

    def __call__(self, x: Tensor) -> Tensor:
        """(B, C, *S) -> the same shape; draws from torch's global generator, seeded by the trainer."""
        if self.level:
            x = self._levelled(x)
        if self.translation:
            x = self._translated(x)
        return x * self._window(x) if self.cutout else x

    def _levelled(self, x: Tensor) -> Tensor:
        shift, contrast = ((torch.rand(2, len(x), *[1] * (x.ndim - 1)) - 0.5) * self.level).to(x)
        mean = x.flatten(1).mean(1).view_as(shift)
        return mean + (x - mean) * (1 + contrast) + shift

    def _translated(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        most = [int(self.translation * s) for s in size]
        padded = F.pad(x, [m for m in reversed(most) for _ in range(2)])
        places = torch.stack([torch.randint(2 * m + 1, (len(x),)) for m in most], dim=1).tolist()
        return torch.stack([_excerpt(e, place, size) for e, place in zip(padded, places, strict=True)])

    def _window(self, x: Tensor) -> Tensor:
        """(B, 1, *S): zero in the block, one elsewhere."""
        inside = torch.ones(len(x), *[1] * (x.ndim - 1), dtype=torch.bool)
        for axis, size in enumerate(x.shape[2:], start=2):
            middle = torch.rand(len(x), *[1] * (x.ndim - 1)) * size
            place = (torch.arange(size) + 0.5).view(*[-1 if a == axis else 1 for a in range(x.ndim)])
            inside = inside & ((place - middle).abs() <= self.cutout * size / 2)
        return 1 - inside.to(x)


def _excerpt(x: Tensor, place: list[int], size: tuple[int, ...]) -> Tensor:
    """The part of (C, *S) of the given size that begins at `place`."""
    return x[(..., *(slice(p, p + s) for p, s in zip(place, size, strict=True)))]
