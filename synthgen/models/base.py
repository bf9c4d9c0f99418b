"""What models can do: train, sample, code. A model inherits only what it can keep."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from synthgen.nn.quantize import health
from synthgen.records import Batch, DataSpec, Labels, Loss, Phase


class Model(nn.Module, ABC):
    """A network that can be trained on batches.

    Subclasses nest a frozen dataclass `Config` and take (spec, config), so that a checkpoint can rebuild them.
    """

    Config: ClassVar[type]
    config: Any

    def __init__(self, spec: DataSpec, config: Any) -> None:
        super().__init__()
        self.spec, self.config = spec, config

    @abstractmethod
    def loss(self, batch: Batch) -> Loss:
        """The loss of a batch of encoded examples; the trainer minimises `Loss.total`."""

    def phases(self) -> list[Phase]:
        """The optimizers' turns within a training step, in order."""
        return [Phase("model", self, self.loss)]

    def averaged(self) -> nn.Module:
        """The part whose weights the trainer averages over steps; of others the checkpoint has the newest."""
        return self

    def advance(self, fraction: float) -> None:
        """Told by the trainer before each step which fraction of its budget is used, 0 to 1; what follows is a buffer.

        Most models take no notice.
        """


class GenerativeModel(Model):
    """A model that can be sampled from."""

    @abstractmethod
    def sample(self, n: int, labels: Labels, *, rng: torch.Generator) -> Tensor:
        """Draw n examples, (n, *spec.shape); the same state of `rng` gives the same examples."""


class Latent(Model):
    """A model that makes an example from a point of a continuous space: an autoencoder's latents, a GAN's noise.

    Attributes:
        latents: Numbers of a point.
    """

    latents: int

    @abstractmethod
    def decode(self, z: Tensor, labels: Labels) -> Tensor:
        """Points (n, latents) and what labels the model is given -> examples (n, *spec.shape)."""


class Autoencoder(Model):
    """A model that turns examples into codes and back.

    It cannot be sampled from: that is for a `GenerativeModel` of its codes, see `models.codes`.

    Attributes:
        code_spec: The codes (C, *grid) of an example of the size that the model learns from.
    """

    code_spec: DataSpec

    @abstractmethod
    def grid(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Size of the codes of an example of any other size (both without channels)."""

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Examples (B, C, *S) of any size -> codes (B, *code_spec.shape[:1], *grid(S)) int64."""

    @abstractmethod
    def decode(self, codes: Tensor, *, size: tuple[int, ...] | None = None) -> Tensor:
        """Codes -> examples (B, C, *size), of the size that the model learns from if None."""

    def health(self, codes: Tensor) -> dict[str, Tensor]:
        """``used`` and ``perplexity`` of codes (B, C, *grid), see `nn.quantize.health`."""
        return health(codes, self.code_spec.levels)

    @abstractmethod
    def embed(self, codes: Tensor) -> Tensor:
        """Codes (B, C, *grid) -> the vectors that they stand for, (B, D, *grid), between which there are others."""

    @abstractmethod
    def decode_embedded(self, z: Tensor, *, size: tuple[int, ...] | None = None) -> Tensor:
        """As `decode`, of vectors."""
