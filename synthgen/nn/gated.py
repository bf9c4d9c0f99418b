"""Gated residual layers of dilated causal convolutions."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from .causal import CausalConv1d, ConvCache


class Pointwise(nn.Linear):
    """A dense layer over channels: (n, C) -> (n, C'), or (B, C, T) -> (B, C', T)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.ndim == 2 else F.conv1d(x, self.weight[..., None], self.bias)


class GatedLayer(nn.Module):
    """tanh(W_f * x + c_f) sigmoid(W_g * x + c_g), and from it a residual and a skip (arXiv:1609.03499, figure 4).

    Attributes:
        conv: Makes what goes into tanh (the first half of its outputs) and sigmoid.
        out: (skip_channels + channels, channels), the skip's rows first; the last layer has no residual.
    """

    def __init__(
        self, channels: int, skip_channels: int, *, kernel: int, dilation: int, last: bool, dropout: float = 0.0
    ) -> None:
        """`dropout` is the share of what leaves the gates that is left out in training."""
        super().__init__()
        self.skip_channels, self.last, self.dropout = skip_channels, last, dropout
        self.conv = CausalConv1d(channels, 2 * channels, kernel=kernel, dilation=dilation)
        self.out = Pointwise(channels, skip_channels + (0 if last else channels))

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, T) and what is added within the gates, (B, 2 C, T or 1) -> (B, C, T) and the skip (B, S, T)."""
        return self._add(x, self.conv(x) + condition)

    def step(self, x: Tensor, condition: Tensor, cache: ConvCache) -> tuple[Tensor, Tensor]:
        """The next input (n, C) and condition (n, 2 C) -> the next output (n, C) and skip (n, S)."""
        return self._add(x, self.conv.step(x, cache) + condition)

    def _add(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        signal, gate = z.chunk(2, dim=1)
        y = self.out(F.dropout(signal.tanh() * gate.sigmoid(), self.dropout, self.training))
        skip, residual = y[:, : self.skip_channels], y[:, self.skip_channels :]
        return (x if self.last else x + residual), skip
