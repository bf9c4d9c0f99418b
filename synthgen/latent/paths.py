"""Ways from one point to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["linear", "spherical"]


def linear(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """Points (F, D) on the straight line from a (D,) to b at shares (F,) of the way; the ends are exact.

    >>> linear(torch.tensor([0.0, 4.0]), torch.tensor([2.0, 0.0]), torch.tensor([0.25])).tolist()
    [[0.5, 3.0]]
    """
    return torch.lerp(a, b, share[:, None].to(a))


def spherical(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """The same along a great circle about the origin, the distance from it changing evenly (Shoemake, 1985).

    Normal noise lies near a sphere in many dimensions, and the straight line between two points of it leads inwards
    (White, 2016, arXiv:1609.04468). Opposite points are joined by one of their half circles; from or to the origin, and
    between points of nearly one direction, the way is straight.

    >>> spherical(torch.tensor([0.0, 2.0]), torch.tensor([2.0, 0.0]), torch.tensor([0.5])).norm().round(decimals=3)
    tensor(2.)
    """
    x, y = a.double(), b.double()
    sizes = x.norm(), y.norm()
    if min(sizes) < 1e-12:
        return linear(a, b, share)
    x, y = x / sizes[0], y / sizes[1]
    across = y - (x @ y) * x
    if across.norm() < 1e-6:
        if x @ y > 0 or len(x) == 1:
            return linear(a, b, share)
        axis = torch.zeros_like(x)
        axis[x.abs().argmin()] = 1
        across = axis - (x @ axis) * x
    across = across / across.norm()
    share = share.double()[:, None]
    angle = torch.atan2(y @ across, x @ y).abs() * share
    found = (angle.cos() * x + angle.sin() * across) * torch.lerp(*sizes, share)
    return torch.where(share == 0, a.double(), torch.where(share == 1, b.double(), found)).to(a)


PATHS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"linear": linear, "spherical": spherical}
