"""What a network's output says of a discrete value: how likely each is, and how to draw one."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from synthgen import checks


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How to draw from a distribution."""

    temperature: float | None = None
    """Below 1 the likelier values get likelier still; 0 always takes the likeliest. None: the model's own, or 1."""
    top_k: int | None = None
    """Draw among so many of the likeliest values only; all if None."""
    top_p: float | None = None
    """Draw among the fewest values that hold this much probability together; all if None."""

    def __post_init__(self) -> None:
        checks.between("temperature", self.heat, 0, 100)
        if self.top_k is not None:
            checks.between("top_k", self.top_k, 1, 2**31)
        if self.top_p is not None:
            checks.between("top_p", self.top_p, 1e-9, 1)

    @property
    def heat(self) -> float:
        """The temperature, 1 where it was left open."""
        return 1.0 if self.temperature is None else self.temperature


PLAIN = Sampling()
"""Draw as the model does of its own accord."""


class Head(ABC):
    """A distribution over the levels 0 to `levels` - 1 of every element, given by a network's output.

    Subclasses are frozen dataclasses. `S` is whatever axes the elements lie on: none, time, or height and width.
    """

    levels: int
    """Number of values that an element takes."""

    @property
    @abstractmethod
    def channels(self) -> int:
        """Parameters an element."""

    @property
    @abstractmethod
    def draws(self) -> int:
        """Uniform random numbers that a sample of an element takes."""

    @abstractmethod
    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Parameters (B, channels, *S) and levels (B, *S) -> log probabilities in nats (B, *S)."""

    @abstractmethod
    def sample(self, parameters: Tensor, uniforms: Tensor, sampling: Sampling) -> Tensor:
        """Draw by inverting the distribution function.

        Args:
            parameters: (B, channels, *S).
            uniforms: Random numbers in [0, 1), (B, draws, *S).
            sampling: Temperature and cuts.

        Returns:
            Levels (B, *S) int64.
        """

    @abstractmethod
    def mean(self, parameters: Tensor) -> Tensor:
        """Parameters (B, channels, *S) -> expected level of each element, float (B, *S), between levels."""

    def initial(self) -> Tensor:
        """A first bias of the layer that makes the parameters, (channels,)."""
        return torch.zeros(self.channels)

    def relative(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Read parameters as relative to a value that is known.

        Args:
            parameters: (B, channels, *S).
            value: Guess of each element on [-1, 1], (B, *S), e.g. the one before it.

        Returns:
            Parameters (B, channels, *S), the same unless the head has locations.
        """
        return parameters

    def surprise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Bits that each element takes, (B, *S); their mean is known as bits per dimension."""
        return -self.log_prob(parameters, x) / math.log(2)

    def scale(self, x: Tensor) -> Tensor:
        """Levels as float32 in [-1, 1], equally spaced."""
        return x.float() * (2 / (self.levels - 1)) - 1

    def value_before(self, x: Tensor) -> Tensor:
        """The same for the level before an element, where `levels` stands for none and is 0."""
        return torch.where(x == self.levels, 0.0, self.scale(x))
