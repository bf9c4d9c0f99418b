"""Exponential moving average of weights."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class EMA:
    """A frozen copy of `model`, in eval mode, that trails it."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, *, step: int) -> None:
        """After step `step` (1, 2, ...): average = d * average + (1 - d) * weight; buffers are copied.

        d = min(decay, (1 + step) / (10 + step)), as in TensorFlow's ExponentialMovingAverage: a short run would
        otherwise average mostly its random start.
        """
        decay = min(self.decay, (1 + step) / (10 + step))
        get_ema_multi_avg_fn(decay)(list(self.model.parameters()), list(model.parameters()), None)
        for average, value in zip(self.model.buffers(), model.buffers(), strict=True):
            average.copy_(value)
