"""How the one scan of autoregressive models goes through their elements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from synthgen import checks
from synthgen.heads import Sampling
from synthgen.records import Labels

if TYPE_CHECKING:
    from .autoregressive import Autoregressive

Generators = torch.Generator | Sequence[torch.Generator]


class Scanner(Protocol):
    """Goes through n examples in lockstep, from their beginning, and remembers where it is."""

    def __call__(self, uniforms: Tensor, known: Tensor, sampling: Sampling) -> Tensor:
        """Take the next L elements of every example.

        Args:
            uniforms: Random numbers in [0, 1), (n, draws, L); those of known elements are not used.
            known: Levels of the first K <= L of these elements, (n, K) int64, which are kept.
            sampling: How to draw the others.

        Returns:
            Levels (n, L) int64.
        """
        ...


class StepScanner:
    """A `Scanner` of any model, by its `step`."""

    def __init__(self, model: Autoregressive, labels: Labels, n: int) -> None:
        self.model, self.cache = model, model.init_cache(labels, n)
        self.previous: Tensor | None = None

    def __call__(self, uniforms: Tensor, known: Tensor, sampling: Sampling) -> Tensor:
        n, _, length = uniforms.shape
        x = known.new_empty(n, length)
        x[:, : known.shape[1]] = known
        for i in range(length):
            parameters = self.model.step(self.cache, self.previous)
            if i >= known.shape[1]:
                x[:, i] = self.model.head.sample(parameters.float(), uniforms[:, :, i], sampling)
            self.previous = x[:, i]
        return x


def runs(keep: Sequence[bool], start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Cut [start, stop) into runs of elements to keep and then to draw: where one begins, where drawing does, its end.

    >>> list(runs([True, True, False, False, True], 0, 5))
    [(0, 2, 4), (4, 5, 5)]
    """
    while start < stop:
        middle = next((i for i in range(start, stop) if not keep[i]), stop)
        end = next((i for i in range(middle, stop) if keep[i]), stop)
        yield start, middle, end
        start = end


def streams(rng: Generators, n: int) -> list[torch.Generator]:
    """A generator on the CPU for each example, so that each draws the same numbers whatever the others do."""
    if isinstance(rng, torch.Generator):
        seeds = _seeds(rng, n)
    else:
        checks.equal("number of generators", len(rng), "number of examples", n)
        seeds = [seed for generator in rng for seed in _seeds(generator, 1)]
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def _seeds(rng: torch.Generator, n: int) -> list[int]:
    return torch.randint(2**31, (n,), generator=rng, device=rng.device).tolist()
