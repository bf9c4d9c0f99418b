"""Zero or one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from .base import Head, Sampling
from .categorical import choose


@dataclass(frozen=True, kw_only=True)
class Bernoulli(Head):
    """Two levels; the parameter is the logit of level 1."""

    levels: ClassVar[int] = 2

    @property
    def channels(self) -> int:
        return 1

    @property
    def draws(self) -> int:
        return 1

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        logit = parameters[:, 0]
        return F.logsigmoid(torch.where(x == 1, logit, -logit))

    def sample(self, parameters: Tensor, uniforms: Tensor, sampling: Sampling) -> Tensor:
        return choose(torch.cat([torch.zeros_like(parameters), parameters], dim=1), uniforms[:, 0], sampling)

    def mean(self, parameters: Tensor) -> Tensor:
        return parameters[:, 0].sigmoid()
