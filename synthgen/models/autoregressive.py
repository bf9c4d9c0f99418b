"""Models that make an example element by element, and the one scan that does it."""

from __future__ import annotations

import math
import warnings
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from synthgen import checks
from synthgen.checks import UserError
from synthgen.heads import PLAIN, Head, Sampling
from synthgen.records import Batch, Labels, Loss

from .base import GenerativeModel
from .scanning import Generators, Scanner, StepScanner, runs, streams

Progress = Callable[[int, int], object]
"""Called with the number of elements done and the number of all; what it raises ends the sampling."""
CHUNK = 1024
"""Elements between two calls of `Progress`; uniforms are always drawn for so many."""


class Autoregressive(GenerativeModel):
    """p(x) as the product of p(element | elements before it).

    An element is one entry of an example. They are drawn in raster order, and where there are several channels, all
    channels of a place one after the other before the next place. `E` are the axes of the elements: those of the
    example, without its channels where there is but one.

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
        """Levels (B, *E) -> parameters of the head (B, channels, *E), each element's from those before it alone."""

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
        return math.prod(self.spec.shape)

    def loss(self, batch: Batch) -> Loss:
        x = self.elements(batch.x)
        nats = -self.head.log_prob(self(x, batch.labels).float(), x).mean()
        return Loss(nats, {"bits": nats / math.log(2)})

    @torch.no_grad()
    def surprise(self, batch: Batch) -> Tensor:
        """Bits that each element takes after those before it, (B, *E)."""
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
            Levels (n, C, *S) int64.

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
        """Go on from given beginnings, which are kept; the rest is as in `sample`.

        Args:
            known: The first levels (n, T0) in the order of drawing, see `in_order`.
            labels: As in `sample`, and so are the others.

        The same generator draws the same for an element whether those before it were known or drawn.

        Raises:
            UserError: nothing is known, or nothing is left to make, or a level that does not exist.
        """
        checks.shape("known beginning", known, (None, None))
        if not known.numel():
            raise UserError("the beginning to continue is empty; give at least one sample, or sample without one")
        self._check_levels(known, "the beginning to continue")
        return self._scan(known.to(self.device), labels, rng=rng, samples=samples, sampling=sampling, progress=progress)

    def fill(
        self,
        x: Tensor,
        known: Tensor,
        labels: Labels,
        *,
        rng: Generators,
        sampling: Sampling = PLAIN,
        progress: Progress | None = None,
    ) -> Tensor:
        """Draw all of pictures but a known region, each element from those before it alone, known or drawn.

        Args:
            x: Examples, levels (n, C, H, W); what lies outside the region is not looked at.
            known: The region (H, W) bool, the same for all.
            labels: As in `sample`, and so are the others.
            rng: As in `sample`.
            sampling: As in `sample`.
            progress: As in `sample`.

        Returns:
            Levels (n, C, H, W) int64.

        Raises:
            UserError: another shape, nothing is left to draw, or a level that does not exist.
        """
        checks.shape("picture to fill", x, (None, *self.spec.shape))
        checks.shape("known region", known, self.spec.shape[1:])
        if known.all():
            raise UserError("known=everything leaves nothing to draw; leave some of the picture open")
        x = torch.where(known, x, 0).to(self.device)
        self._check_levels(x, "the picture to fill")
        region = known.expand(1, *self.spec.shape)
        keep = self.in_order(self.elements(region))[0].tolist()
        levels = self.in_order(self.elements(x))
        return self._scan(levels, labels, rng=rng, keep=keep, sampling=sampling, progress=progress)

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
        """Examples (B, C, *S) as the levels (B, *E) of their elements."""
        checks.shape("example", x, (None, self.spec.shape[0], *[None] * self.spec.ndim))
        return x[:, 0] if self.spec.shape[0] == 1 else x

    def in_order(self, elements: Tensor) -> Tensor:
        """Elements (B, *E) in the order in which they are drawn, (B, N)."""
        return (elements if self.spec.shape[0] == 1 else elements.movedim(1, -1)).flatten(1)

    def _check_levels(self, x: Tensor, name: str) -> None:
        if x.min() < 0 or x.max() >= self.head.levels:
            raise UserError(f"{name} must have levels from 0 to {self.head.levels - 1}")

    @torch.no_grad()
    def _scan(
        self,
        known: Tensor,
        labels: Labels,
        *,
        rng: Generators,
        samples: int | None = None,
        keep: Sequence[bool] | None = None,
        sampling: Sampling,
        progress: Progress | None,
    ) -> Tensor:
        """Draw all elements but the first known ones (n, K), or of known (n, N) those that `keep` (N) names."""
        n, total = len(known), self._total(samples)
        if keep is None:
            if known.shape[1] >= total:
                raise UserError(f"the beginning of {known.shape[1]} samples must be shorter than the whole of {total}")
            keep = [i < known.shape[1] for i in range(total)]
        generators = streams(rng, n)
        if sampling.temperature is None:
            sampling = replace(sampling, temperature=self.temperature)
        scanner = self._scanner(labels, n)
        parts = []
        for start in range(0, total, CHUNK):
            drawn = torch.stack([torch.rand(CHUNK, self.head.draws, generator=stream) for stream in generators])
            uniforms = drawn.transpose(1, 2).to(self.device)
            stop = min(start + CHUNK, total)
            for a, middle, b in runs(keep, start, stop):
                parts.append(scanner(uniforms[:, :, a - start : b - start], known[:, a:middle], sampling))
            if progress:
                progress(stop, total)
        x = torch.cat(parts, dim=1)
        if samples is not None:
            return x[:, None]
        channels, *axes = self.spec.shape
        return x.view(n, *axes, channels).movedim(-1, 1).contiguous()

    def _total(self, samples: int | None) -> int:
        if samples is None:
            return math.prod(self.spec.shape)
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
