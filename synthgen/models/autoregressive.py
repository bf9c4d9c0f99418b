"""Models that make an example element by element, and the one scan that does it."""

from __future__ import annotations

import math
import warnings
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from synthgen import checks
from synthgen.checks import UserError
from synthgen.heads import PLAIN, Head, Sampling
from synthgen.records import Batch, Labels, Loss

from .base import GenerativeModel

Progress = Callable[[int, int], object]
"""Called with the number of elements done and the number of all; what it raises ends the sampling."""
Generators = torch.Generator | Sequence[torch.Generator]
CHUNK = 1024
"""Elements between two calls of `Progress`; uniforms are always drawn for so many."""


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


class Autoregressive(GenerativeModel):
    """p(x) as the product of p(element | elements before it), in raster order, of examples with one channel.

    Attributes:
        head: What the outputs mean.
        temperature: What examples are drawn at unless another is asked for.
        backend: ``numba`` or ``torch``; ``auto`` takes numba on the CPU where the model has kernels and they compile.
    """

    head: Head
    temperature: float = 1.0
    backend: Literal["auto", "torch", "numba"] = "auto"

    @abstractmethod
    def forward(self, x: Tensor, labels: Labels) -> Tensor:
        """Levels (B, *S) -> parameters of the head (B, channels, *S), each element's from those before it alone."""

    @abstractmethod
    def init_cache(self, labels: Labels, n: int) -> Any:
        """Whatever `step` has to know before the first element of n examples."""

    @abstractmethod
    def step(self, cache: Any, previous: Tensor | None) -> Tensor:
        """What `forward` gives at the next element.

        Args:
            cache: From `init_cache`; moves on by one element.
            previous: Levels (n,) of the element before; None at the first.

        Returns:
            Parameters (n, channels).
        """

    def compiled(self, labels: Labels, n: int) -> Scanner | None:
        """A faster scanner for the CPU, already compiled; None where the model has none.

        Raises:
            ImportError: numba is not installed.
            RuntimeError: the kernel does not compile.
        """
        return None

    @property
    def longest(self) -> int:
        """The largest number of elements that can be made."""
        return math.prod(self.spec.shape[1:])

    def loss(self, batch: Batch) -> Loss:
        x = self.elements(batch.x)
        nats = -self.head.log_prob(self(x, batch.labels).float(), x).mean()
        return Loss(nats, {"bits": nats / math.log(2)})

    @torch.no_grad()
    def surprise(self, batch: Batch) -> Tensor:
        """Bits that each element takes after those before it, (B, *S)."""
        x = self.elements(batch.x)
        return self.head.surprise(self(x, self.told(batch)).float(), x)

    def told(self, batch: Batch) -> Labels:
        """What the network is told of real examples: their labels, and more where a subclass knows more."""
        return batch.labels

    def sample(
        self,
        n: int,
        labels: Labels,
        *,
        rng: Generators,
        samples: int | None = None,
        sampling: Sampling = PLAIN,
        progress: Progress | None = None,
    ) -> Tensor:
        """Draw n examples.

        Args:
            n: Number of examples.
            labels: See `records.Labels`.
            rng: One generator, or one an example, which then does not depend on the others.
            samples: Length where there is one axis; the data's if None.
            sampling: Temperature and cuts.
            progress: Told of every `CHUNK` elements.

        Returns:
            Levels (n, 1, *S) int64.

        Raises:
            UserError: a length that the model cannot make.
        """
        known = torch.empty(n, 0, dtype=torch.int64, device=self.device)
        return self._scan(known, labels, rng=rng, samples=samples, sampling=sampling, progress=progress)

    def complete(
        self,
        known: Tensor,
        labels: Labels,
        *,
        rng: Generators,
        samples: int | None = None,
        sampling: Sampling = PLAIN,
        progress: Progress | None = None,
    ) -> Tensor:
        """Go on from given beginnings, levels (n, T0) in raster order, which are kept; the rest is as in `sample`.

        The same generator draws the same for an element whether those before it were known or drawn.

        Raises:
            UserError: nothing is known, or nothing is left to make, or a level that does not exist.
        """
        checks.shape("known beginning", known, (None, None))
        if not known.numel():
            raise UserError("the beginning to continue is empty; give at least one sample, or sample without one")
        if known.min() < 0 or known.max() >= self.head.levels:
            raise UserError(f"the beginning to continue must have levels from 0 to {self.head.levels - 1}")
        return self._scan(known.to(self.device), labels, rng=rng, samples=samples, sampling=sampling, progress=progress)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def keeps_examples_apart(self) -> bool:
        """Whether samples are the same, bit for bit, whatever else is made and on however many threads.

        Kernels promise it; the last bits of the torch step may differ.
        """
        return not isinstance(self._scanner({}, 1), StepScanner)

    def elements(self, x: Tensor) -> Tensor:
        """Examples (B, 1, *S) as the levels (B, *S) of their elements."""
        checks.shape("example", x, (None, 1, *[None] * self.spec.ndim))
        return x[:, 0]

    @torch.no_grad()
    def _scan(
        self,
        known: Tensor,
        labels: Labels,
        *,
        rng: Generators,
        samples: int | None,
        sampling: Sampling,
        progress: Progress | None,
    ) -> Tensor:
        n, total = len(known), self._total(samples)
        if known.shape[1] >= total:
            raise UserError(f"the beginning of {known.shape[1]} samples must be shorter than the whole of {total}")
        streams = _streams(rng, n)
        if sampling.temperature is None:
            sampling = replace(sampling, temperature=self.temperature)
        scanner = self._scanner(labels, n)
        parts = []
        for start in range(0, total, CHUNK):
            drawn = torch.stack([torch.rand(CHUNK, self.head.draws, generator=stream) for stream in streams])
            stop = min(start + CHUNK, total)
            uniforms = drawn[:, : stop - start].transpose(1, 2).to(self.device)
            parts.append(scanner(uniforms, known[:, start:stop], sampling))
            if progress:
                progress(stop, total)
        x = torch.cat(parts, dim=1)
        return x.view(n, 1, *(self.spec.shape[1:] if samples is None else (samples,)))

    def _total(self, samples: int | None) -> int:
        if samples is None:
            return math.prod(self.spec.shape[1:])
        checks.equal("axes of an example of given length", self.spec.ndim, "number of axes", 1)
        checks.between("samples", samples, 1, self.longest)
        return samples

    def _scanner(self, labels: Labels, n: int) -> Scanner:
        if self.backend == "numba" or (self.backend == "auto" and self.device.type == "cpu"):
            try:
                scanner = self.compiled(labels, n)
            except (ImportError, RuntimeError) as error:
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                warnings.warn(f"no numba kernel ({reason}); sampling takes the slower torch step", stacklevel=2)
                self.backend = "torch"
            else:
                if scanner is not None:
                    return scanner
        return StepScanner(self, labels, n)


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


def _streams(rng: Generators, n: int) -> list[torch.Generator]:
    """A generator on the CPU for each example, so that each draws the same numbers whatever the others do."""
    if isinstance(rng, torch.Generator):
        seeds = _seeds(rng, n)
    else:
        checks.equal("number of generators", len(rng), "number of examples", n)
        seeds = [seed for generator in rng for seed in _seeds(generator, 1)]
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def _seeds(rng: torch.Generator, n: int) -> list[int]:
    return torch.randint(2**31, (n,), generator=rng, device=rng.device).tolist()
