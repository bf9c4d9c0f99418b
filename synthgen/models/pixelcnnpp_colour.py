"""How a network that sees whole pixels says something of each channel, given the channels before it."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen.heads import Head, LogisticMixture


class Colour(nn.Module):
    """From what the network says of a pixel to the head's parameters of each of its channels.

    Attributes:
        outputs: Numbers that the network gives a pixel.
    """

    outputs: int

    @abstractmethod
    def forward(self, raw: Tensor, x: Tensor, count: int) -> list[Tensor]:
        """The parameters of the first channels of pixels.

        Args:
            raw: What the network gives, (B, outputs, *S).
            x: Levels of at least the first count - 1 channels, (B, channels, *S).
            count: Number of channels to speak of.

        Returns:
            Parameters (B, head.channels, *S) of each.
        """

    @abstractmethod
    def initial(self) -> Tensor:
        """A first bias of the layer that makes the network's outputs, (outputs,)."""


class JointMixture(Colour):
    """One mixture over all channels of a pixel, whose means are linear in the channels before (section 2.2, eq. 3-4).

    Given the channels before, a channel is a mixture of the same components again: what those channels say of the
    component multiplies its weight. The product of these conditionals is the joint mixture of the paper, exactly.
    """

    def __init__(self, head: LogisticMixture, channels: int) -> None:
        super().__init__()
        self.head, self.channels = head, channels
        self.parts = (1, channels, channels, channels * (channels - 1) // 2)
        self.outputs = head.components * sum(self.parts)

    def forward(self, raw: Tensor, x: Tensor, count: int) -> list[Tensor]:
        split = raw.unflatten(1, (-1, self.head.components)).split(self.parts, dim=1)
        (logits,), means, log_scales, coefficients = (part.unbind(1) for part in split)
        parameters = []
        for c in range(count):
            mean = means[c]
            for i in range(c):
                slope = coefficients[c * (c - 1) // 2 + i].tanh()
                mean = torch.addcmul(mean, slope, self.head.scale(x[:, i, None]))
            parameters.append(torch.cat([logits, mean, log_scales[c]], dim=1))
            if c + 1 < count:
                logits = logits + self.head.log_masses(parameters[-1], x[:, c])
        return parameters

    def initial(self) -> Tensor:
        logits, _, log_scales = self.head.initial().chunk(3)
        means = torch.linspace(-1, 1, len(logits))  # every level is near one
        slopes = logits.new_zeros(self.parts[3] * len(logits))
        return torch.cat([logits, means.repeat(self.channels), log_scales.repeat(self.channels), slopes])


class Separate(Colour):
    """A hidden layer for each channel, which the levels of the channels before it enter; just the head for one channel.

    For heads without a mixture; beyond the paper.
    """

    def __init__(self, head: Head, channels: int, width: int) -> None:
        """`width` is that of the hidden layers."""
        super().__init__()
        self.head, self.channels = head, channels
        many = channels > 1
        self.outputs = channels * width if many else head.channels
        self.before = nn.ModuleList(
            nn.ModuleList(nn.Embedding(head.levels, width) for _ in range(c)) for c in range(channels)
        )
        self.dense = nn.ModuleList(nn.Linear(width, head.channels) for _ in range(channels if many else 0))

    def forward(self, raw: Tensor, x: Tensor, count: int) -> list[Tensor]:
        if self.channels == 1:
            return [raw]
        parameters = []
        for c, hidden in enumerate(raw.chunk(self.channels, dim=1)[:count]):
            y = hidden.movedim(1, -1)
            for i, table in enumerate(self.before[c]):
                y = y + table(x[:, i])
            parameters.append(self.dense[c](F.elu(y)).movedim(-1, 1))
        return parameters

    def initial(self) -> Tensor:
        return torch.zeros(self.outputs) if self.channels > 1 else self.head.initial()


def make_colour(head: Head, channels: int, width: int) -> Colour:
    """What fits the head."""
    return JointMixture(head, channels) if isinstance(head, LogisticMixture) else Separate(head, channels, width)
