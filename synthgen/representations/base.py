"""The contract of a representation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

from synthgen.config import to_dict
from synthgen.records import DataSpec, Field


class Representation(ABC):
    """An (almost) invertible map between media and what a model sees: decode(encode(m)) is close to m.

    Subclasses are frozen dataclasses, so that a checkpoint can hold them; that of learned codes (`models.codes`) is
    none. Both directions take whole batches on any device.
    """

    name: ClassVar[str]

    @abstractmethod
    def spec(self, fields: tuple[Field, ...] = ()) -> DataSpec:
        """Shape, levels and axes of an encoded example that carries the labels `fields`."""

    @abstractmethod
    def encode(self, media: Tensor) -> Tensor:
        """Turn media (B, C, ...) into examples (B, *spec.shape)."""

    @abstractmethod
    def decode(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Turn examples (B, *spec.shape) into media (B, C, ...).

        `rng` is drawn from where an example leaves something open, e.g. the phase of noise; None takes zeros.
        """

    def described(self) -> dict[str, Any]:
        """Name and options, in JSON values."""
        return {"name": self.name, **to_dict(self)}


class AudioRepresentation(Representation):
    """Media are samples in [-1, 1], (B, 1, T) with T = `samples`."""

    sample_rate: int
    """Samples per second."""
    samples: int
    """Length of a note in samples."""


class ImageRepresentation(Representation):
    """Media are pictures with values in [0, 1], (B, channels, height, width)."""

    height: int
    """Rows."""
    width: int
    """Columns."""
    channels: int
    """1 for grey, 3 for red, green and blue."""
