"""What a generator and its critic play for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Game = Literal["nonsaturating", "wasserstein", "hinge"]
DRIFT = 1e-3
"""Weight of the squared scores of real examples, which a Wasserstein critic may else move at will."""

Score = Callable[[Tensor], Tensor]
"""A critic: examples (B, C, *S) -> scores (B,) or, one a place, (B, P); more is more real."""


def critic_loss(game: Game, real: Tensor, fake: Tensor) -> Tensor:
    """What a critic minimises, given its scores of real and of generated examples.

    Args:
        game: ``nonsaturating`` (Goodfellow et al., 2014, arXiv:1406.2661, section 3: a logistic classifier),
            ``wasserstein`` (Arjovsky et al., 2017, arXiv:1701.07875, with the drift term of Karras et al., 2018,
            arXiv:1710.10196, appendix A.1) or ``hinge`` (Lim and Ye, 2017, arXiv:1705.02894).
        real: Scores of any shape.
        fake: Scores of the same shape.
    """
    if game == "nonsaturating":
        return (F.softplus(-real) + F.softplus(fake)).mean()
    if game == "wasserstein":
        return (fake - real + DRIFT * real.square()).mean()
    return (F.relu(1 - real) + F.relu(1 + fake)).mean()


def generator_loss(game: Game, fake: Tensor) -> Tensor:
    """What a generator minimises, given the critic's scores of what it made; see `critic_loss`."""
    return F.softplus(-fake).mean() if game == "nonsaturating" else -fake.mean()


def r1_penalty(score: Score, real: Tensor) -> Tensor:
    """Half the mean squared norm of the critic's gradient at real examples (Mescheder et al., 2018, arXiv:1801.04406).

    Their equation 9 without its weight gamma.

    >>> round(r1_penalty(lambda x: 3 * x.flatten(1).sum(1), torch.zeros(2, 1, 4)).item(), 3)
    18.0
    """
    return _slopes(score, real).square().sum(1).mean() / 2


def gradient_penalty(score: Score, real: Tensor, fake: Tensor) -> Tensor:
    """How far the critic's slope is from 1 between real and generated examples (Gulrajani et al., 2017).

    arXiv:1704.00028, equation 3, without its weight lambda. The places are drawn from torch's global generator.

    >>> round(gradient_penalty(lambda x: 3 * x[:, 0, 0], torch.zeros(2, 1, 4), torch.ones(2, 1, 4)).item(), 3)
    4.0
    """
    share = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
    slopes = _slopes(score, torch.lerp(real, fake, share))
    return ((slopes.square().sum(1) + 1e-12).sqrt() - 1).square().mean()


def _slopes(score: Score, x: Tensor) -> Tensor:
    """Gradient of each example's mean score, (B, entries); it has a gradient itself where the critic learns."""
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        scores = score(x).float().reshape(len(x), -1)
        (slopes,) = torch.autograd.grad(scores.mean(1).sum(), x, create_graph=True)
    return slopes.float().flatten(1)
