"""Normal random numbers whose first rows do not depend on how many rows are drawn."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def normal_noise(n: int, shape: tuple[int, ...], *, rng: torch.Generator) -> Tensor:
    """Independent standard normal numbers (n, *shape), float32, on the device of `rng`.

    `torch.randn` draws the end of a tensor otherwise than its middle, so that an example would change with the number
    of those after it. Here each number is a uniform one through the inverse of the normal distribution function.

    >>> few, many = (normal_noise(n, (3,), rng=torch.Generator().manual_seed(0)) for n in (2, 40))
    >>> torch.equal(few, many[:2])
    True
    """
    uniform = torch.rand(n, *shape, generator=rng, device=rng.device, dtype=torch.float64)
    tiny = 2.0**-54
    return (torch.erfinv((2 * uniform - 1).clamp(tiny - 1, 1 - tiny)) * math.sqrt(2)).float()
