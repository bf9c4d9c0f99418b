"""What all models have in common that learn from a critic."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from synthgen import checks
from synthgen.losses.adversarial import Game, critic_loss, generator_loss, gradient_penalty, r1_penalty
from synthgen.nn.disturbance import Disturbance
from synthgen.records import Batch, DataSpec, Labels, Loss, Phase

from .base import GenerativeModel


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How a generator and its critic learn from each other."""

    game: Game = "hinge"
    """See `losses.adversarial.critic_loss`."""
    r1: float = 0.02
    """Weight of the critic's slope at real examples, gamma of R1; 0 leaves it out. More of it makes a weaker critic."""
    gradient_penalty: float = 0.0
    """Weight of the critic's slope between real and generated examples, lambda of WGAN-GP; 0 leaves it out."""
    every: int = 8
    """Steps from one penalty to the next, which then weighs as much more (Karras et al., 2020, arXiv:1912.04958, B)."""
    critic_rate: float = 2.0
    """The critic's learning rate, as a multiple of the trainer's (Heusel et al., 2017, arXiv:1706.08500)."""
    disturbance: Disturbance = field(default_factory=Disturbance)
    """Changes of all that the critic sees."""

    def __post_init__(self) -> None:
        checks.between("r1", self.r1, 0, 1e6)
        checks.between("gradient_penalty", self.gradient_penalty, 0, 1e6)
        checks.between("every", self.every, 1, 1_000_000)
        checks.between("critic_rate", self.critic_rate, 1e-6, 1e6)


class AdversarialModel(GenerativeModel):
    """A generator and a critic that take turns on the same batch; the generator alone is averaged.

    Subclasses set `generator` and `critic`, and say what the one makes and the other thinks of it.

    Attributes:
        generator: What is kept in the end.
        critic: What it learns from.
        steps: Steps of training so far.
    """

    generator: nn.Module
    critic: nn.Module

    def __init__(self, spec: DataSpec, config: Any, rules: Rules) -> None:
        super().__init__(spec, config)
        if spec.levels is not None:
            raise checks.UserError(
                f"levels={spec.levels} of the examples must be none, or no gradient reaches the generator; take e.g. "
                "Pixels(levels=None)"
            )
        self.rules = rules
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def lay_out(self) -> None:
        """Lay weights of two axes out as convolutions read them fastest, a third of a step's time on the CPU."""
        if self.spec.ndim == 2:
            self.to(memory_format=torch.channels_last)

    @abstractmethod
    def fake(self, batch: Batch) -> Tensor:
        """Examples (B, C, *S) for the labels of a batch, drawn from torch's global generator."""

    @abstractmethod
    def score(self, x: Tensor, labels: Labels) -> Tensor:
        """The critic's scores of examples, (B,) or (B, places)."""

    def real(self, batch: Batch) -> Tensor:
        """Examples of a batch as the critic is to see them."""
        return batch.x

    def phases(self) -> list[Phase]:
        return [
            Phase("critic", self.critic, self.critic_loss, rate=self.rules.critic_rate),
            Phase("generator", self.generator, self.loss),
        ]

    def averaged(self) -> nn.Module:
        return self.generator

    def advance(self, fraction: float) -> None:
        self.steps += 1

    def loss(self, batch: Batch) -> Loss:
        """The generator's."""
        return self.game_loss(self.fake(batch), batch.labels)

    def game_loss(self, fake: Tensor, labels: Labels) -> Loss:
        """What the generator loses by examples that it made; the part `fake` is the critic's mean score."""
        scores = self.score(self.rules.disturbance(fake), labels).float()
        return Loss(generator_loss(self.rules.game, scores), {"fake": scores.mean()})

    def critic_loss(self, batch: Batch) -> Loss:
        """The critic's: `real` and `fake` are its mean scores, and `penalty` is logged at the steps that have one."""
        with torch.no_grad():
            fake = self.rules.disturbance(self.fake(batch))
        real = self.rules.disturbance(self.real(batch))
        real_scores, fake_scores = (self.score(x, batch.labels).float() for x in (real, fake))
        total = critic_loss(self.rules.game, real_scores, fake_scores)
        parts = {"real": real_scores.mean(), "fake": fake_scores.mean()}
        if self.training and int(self.steps) % self.rules.every == 0:
            parts["penalty"] = self._penalty(real, fake, batch.labels)
            total = total + self.rules.every * parts["penalty"]
        return Loss(total, parts)

    def _penalty(self, real: Tensor, fake: Tensor, labels: Labels) -> Tensor:
        def score(x: Tensor) -> Tensor:
            return self.score(x, labels)

        penalty = torch.zeros((), device=real.device)
        if self.rules.r1:
            penalty = penalty + self.rules.r1 * r1_penalty(score, real)
        if self.rules.gradient_penalty:
            penalty = penalty + self.rules.gradient_penalty * gradient_penalty(score, real.float(), fake.float())
        return penalty
