"""Every level with a probability of its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from synthgen import checks

from .base import Head, Sampling

MAX_LEVELS = 4096


@dataclass(frozen=True, kw_only=True)
class Categorical(Head):
    """A softmax over all levels; the parameters are its logits."""

    levels: int

    def __post_init__(self) -> None:
        checks.between("levels of a categorical head", self.levels, 2, MAX_LEVELS)

    @property
    def channels(self) -> int:
        return self.levels

    @property
    def draws(self) -> int:
        return 1

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        chosen = parameters.gather(1, x[:, None])[:, 0]
        return chosen - parameters.logsumexp(1)

    def sample(self, parameters: Tensor, uniforms: Tensor, sampling: Sampling) -> Tensor:
        return choose(parameters, uniforms[:, 0], sampling)

    def mean(self, parameters: Tensor) -> Tensor:
        levels = torch.arange(self.levels, dtype=parameters.dtype, device=parameters.device)
        return torch.einsum("bk...,k->b...", parameters.softmax(1), levels)


def choose(logits: Tensor, uniforms: Tensor, sampling: Sampling) -> Tensor:
    """Indices along axis 1 by inverting the cumulated probabilities, in index order.

    Args:
        logits: (B, K, *S).
        uniforms: (B, *S) in [0, 1).
        sampling: Temperature and cuts; of equal logits the first counts as the likelier.

    Returns:
        (B, *S) int64: the first index whose cumulated probability exceeds the uniform.
    """
    if sampling.heat == 0 or sampling.top_k == 1:
        return logits.argmax(1)
    weights = cut((logits.double() / sampling.heat).softmax(1), sampling)
    cumulated = weights.cumsum(1)
    # Where rounding leaves a uniform at the very end, the last index that has any weight is taken.
    reached = uniforms[:, None] * cumulated[:, -1:] < cumulated
    return reached.byte().argmax(1)


def cut(probabilities: Tensor, sampling: Sampling) -> Tensor:
    """Probabilities (B, K, *S), with zeros where `top_k` and `top_p` leave values out; they need not sum to one."""
    if sampling.top_k is None and sampling.top_p is None:
        return probabilities
    ranked, order = probabilities.sort(dim=1, descending=True, stable=True)
    if sampling.top_k is not None:
        ranked[:, sampling.top_k :] = 0
    if sampling.top_p is not None:
        before = ranked.cumsum(1) - ranked
        ranked = torch.where(before < sampling.top_p * ranked.sum(1, keepdim=True), ranked, 0)
    return torch.zeros_like(probabilities).scatter(1, order, ranked)
