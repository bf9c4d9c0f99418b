"""How likely an example is, given what a network makes of its cause."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import get_args

import torch
from torch import Tensor, nn

from synthgen import checks
from synthgen.heads import PLAIN, HeadName, make_head
from synthgen.records import DataSpec

FIRST_DEVIATION = 0.3
"""Of continuous entries in [-1, 1]; learned from there."""
LEAST_LOG_DEVIATION = -7.0
"""A thousandth: less than the step of 8-bit values, which must not count as infinitely dense."""


class Likelihood(nn.Module, ABC):
    """Independent entries of an example (C, *S), each with a distribution of its own.

    Attributes:
        channels: Numbers that a network gives for each position of S.
    """

    channels: int

    @abstractmethod
    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        """(B, channels, *S) and examples (B, C, *S) -> nats (B,)."""

    @abstractmethod
    def mean(self, parameters: Tensor) -> Tensor:
        """(B, channels, *S) -> the expected example (B, C, *S), float32."""

    @abstractmethod
    def sample(self, parameters: Tensor, *, rng: torch.Generator) -> Tensor:
        """(B, channels, *S) -> examples (B, C, *S)."""


class GaussianLikelihood(Likelihood):
    """Continuous entries around the network's output, with one learned standard deviation for all.

    The deviation weighs errors against the divergence of the posterior (Rybkin et al., 2021, arXiv:2006.13202). The
    result is a density: it may be above one, and depends on the unit of the entries.
    """

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        self.channels = spec.shape[0]
        self.log_deviation = nn.Parameter(torch.tensor([math.log(FIRST_DEVIATION)]))

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        log_deviation = self.log_deviation.clamp(min=LEAST_LOG_DEVIATION)
        squares = ((x - parameters).square() * (-2 * log_deviation).exp()).flatten(1).sum(1)
        return -0.5 * squares - x[0].numel() * (log_deviation + 0.5 * math.log(2 * math.pi))

    def mean(self, parameters: Tensor) -> Tensor:
        return parameters

    def sample(self, parameters: Tensor, *, rng: torch.Generator) -> Tensor:
        noise = torch.randn(parameters.shape, generator=rng, device=rng.device).to(parameters)
        return parameters + self.log_deviation.clamp(min=LEAST_LOG_DEVIATION).exp() * noise


class LevelLikelihood(Likelihood):
    """Entries with levels, by one of the `heads`."""

    def __init__(self, spec: DataSpec, name: HeadName, *, components: int) -> None:
        super().__init__()
        self.head = make_head(name, levels=spec.levels, components=components)
        self.planes = spec.shape[0]
        self.channels = self.planes * self.head.channels
        self.initial = self.head.initial().repeat(self.planes)

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        return self.head.log_prob(self._each(parameters), x.flatten(0, 1)).view(len(x), -1).sum(1)

    def mean(self, parameters: Tensor) -> Tensor:
        return self.head.mean(self._each(parameters)).unflatten(0, (-1, self.planes))

    def sample(self, parameters: Tensor, *, rng: torch.Generator) -> Tensor:
        each = self._each(parameters)
        shape = (len(each), self.head.draws, *each.shape[2:])
        uniforms = torch.rand(shape, generator=rng, device=rng.device).to(each)
        return self.head.sample(each, uniforms, PLAIN).unflatten(0, (-1, self.planes))

    def _each(self, parameters: Tensor) -> Tensor:
        """Every plane as an example of its own, (B * C, head.channels, *S)."""
        return parameters.unflatten(1, (self.planes, -1)).flatten(0, 1)


def make_likelihood(spec: DataSpec, name: HeadName, *, components: int) -> Likelihood:
    """The head called `name` where the data have levels, a Gaussian where they are continuous.

    Raises:
        UserError: that head does not fit the data.
    """
    checks.one_of("head", name, get_args(HeadName))
    if spec.levels is None:
        return GaussianLikelihood(spec)
    return LevelLikelihood(spec, name, components=components)
