"""Many levels that lie on a line: a discretized mixture of logistics."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from synthgen import checks

from .base import Head, Sampling
from .categorical import choose

SHARPEST = 1 / 32
"""Smallest scale of a logistic in widths of a level: the level at its mean has all but 2e-7 of the probability."""
FEW = 16
"""Levels up to which a mean is summed over all of them; of more, tails beyond the ends move it little."""
MOST_LOG_SCALE = 7.0
"""Logarithm of the largest scale, a thousand times the range of the levels."""


@dataclass(frozen=True, kw_only=True)
class LogisticMixture(Head):
    """Probability mass of a mixture of logistics between the levels' borders (PixelCNN++; arXiv:1701.05517, eq. 2).

    Levels lie on [-1, 1], 2 / (levels - 1) apart, and the first and the last take the tails. Parameters are, for each
    component in turn: the logits of the weights, the means on [-1, 1], and the logarithms of the scales.

    Temperature sharpens the weights and multiplies the scales; at 0 the mean of the heaviest component is taken.
    `top_k` and `top_p` choose among components.
    """

    bits: int
    """The data have 2 ** bits levels."""
    components: int = 10
    """Number of logistics."""

    def __post_init__(self) -> None:
        checks.between("bits", self.bits, 1, 16)
        checks.between("components", self.components, 1, 256)

    @property
    def levels(self) -> int:
        return 2**self.bits

    @property
    def channels(self) -> int:
        return 3 * self.components

    @property
    def draws(self) -> int:
        return 2

    @property
    def width(self) -> float:
        """Distance of neighbouring levels."""
        return 2 / (self.levels - 1)

    @property
    def least_log_scale(self) -> float:
        """Smaller parameters count as this one."""
        return math.log(SHARPEST * self.width)

    def initial(self) -> Tensor:
        """Scales from a tenth of the whole range to a few levels, one a component."""
        scales = torch.linspace(-2.0, self.least_log_scale + 3, self.components)
        return torch.cat([torch.zeros(2 * self.components), scales])

    def relative(self, parameters: Tensor, value: Tensor) -> Tensor:
        logits, means, log_scales = parameters.chunk(3, dim=1)
        return torch.cat([logits, means + value[:, None], log_scales], dim=1)

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        logits = parameters[:, : self.components]
        return torch.logsumexp(logits.log_softmax(1) + self.log_masses(parameters, x), dim=1)

    def log_masses(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Log probability that each component alone gives, (B, components, *S); else as `log_prob`."""
        _, means, log_scales = self._split(parameters)
        # In widths of a level from the middle, so that 16 bits are exact in float32.
        middle = (self.levels - 1) / 2
        away = (x.to(parameters.dtype) - middle)[:, None] - means * middle
        inverse = torch.exp(-log_scales) * self.width
        above, below = (away + 0.5) * inverse, (away - 0.5) * inverse
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), which does not cancel.
        left, right = F.logsigmoid(above), F.logsigmoid(-below)
        inside = left + right + torch.log(-torch.expm1(-inverse))
        level = x[:, None]
        return torch.where(level == 0, left, torch.where(level == self.levels - 1, right, inside))

    def sample(self, parameters: Tensor, uniforms: Tensor, sampling: Sampling) -> Tensor:
        logits, means, log_scales = self._split(parameters)
        chosen = choose(logits, uniforms[:, 0], sampling)[:, None]
        place = means.gather(1, chosen)[:, 0].double()
        if sampling.heat:
            scale = sampling.heat * log_scales.gather(1, chosen)[:, 0].double().exp()
            place = place + scale * torch.logit(uniforms[:, 1].double(), eps=1e-12)
        middle = (self.levels - 1) / 2
        return (place * middle + middle + 0.5).floor().clamp(0, self.levels - 1).long()

    def mean(self, parameters: Tensor) -> Tensor:
        """That of the continuous mixture, its components' means cut off at the ends; exact where levels are few."""
        if self.levels <= FEW:
            every = parameters[:, 0].new_zeros(parameters[:, 0].shape, dtype=torch.int64)
            return sum(level * self.log_prob(parameters, every + level).exp() for level in range(1, self.levels))
        logits, means, _ = self._split(parameters)
        place = (logits.softmax(1) * means.clamp(-1, 1)).sum(1)
        return (place + 1) * ((self.levels - 1) / 2)

    def _split(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, means, log_scales = parameters.chunk(3, dim=1)
        return logits, means, log_scales.clamp(self.least_log_scale, MOST_LOG_SCALE)
