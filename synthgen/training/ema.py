"""Exponential moving average of weights."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class EMA:
    """A frozen copy of `model`, in eval mode, that trails it.

    Attributes:
        decay: Highest decay per step.
        model: The copy.
    """

    def __init__(self, model: nn.Module, decay: float, *, part: nn.Module | None = None) -> None:
        """Of a `part` of the model, only that is averaged, and the rest is copied."""
        self.decay = decay
        self._averaged = {id(p) for p in (part or model).parameters()}
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, *, step: int) -> None:
        """After step `step` (1, 2, ...): average = d * average + (1 - d) * weight; buffers are copied.

        d = min(decay, (1 + step) / (10 + step)), as in TensorFlow's ExponentialMovingAverage: a short run would
        otherwise average mostly its random start.
        """
        decay = min(self.decay, (1 + step) / (10 + step))
        pairs = list(zip(self.model.parameters(), model.parameters(), strict=True))
        trailing = [pair for pair in pairs if id(pair[1]) in self._averaged]
        get_ema_multi_avg_fn(decay)(*map(list, zip(*trailing, strict=True)), None)
        for copied, newest in pairs:
            if id(newest) not in self._averaged:
                copied.copy_(newest)
        for average, value in zip(self.model.buffers(), model.buffers(), strict=True):
            average.copy_(value)
