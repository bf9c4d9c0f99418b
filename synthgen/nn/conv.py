"""Convolutions in any number of dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .condition import Modulate

_CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_BATCH_NORM = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def conv(ndim: int, in_channels: int, out_channels: int, *, kernel: int = 3) -> nn.Module:
    """A same-padded convolution over `ndim` axes: (B, C, *S) -> (B, C', *S); `kernel` is odd."""
    return _CONV[ndim](in_channels, out_channels, kernel, padding=kernel // 2)


def downsample(ndim: int, in_channels: int, out_channels: int, *, stride: tuple[int, ...]) -> nn.Module:
    """A convolution (B, C, *(S * stride)) -> (B, C', *S), whose kernel reaches half a step over on both sides."""
    over = tuple(max(1, s // 2) for s in stride)
    kernel = tuple(s + 2 * o for s, o in zip(stride, over, strict=True))
    return _CONV[ndim](in_channels, out_channels, kernel, stride=stride, padding=over)


class Upsample(nn.Sequential):
    """(B, C, *S) -> (B, C', *(S * stride)), by a transposed convolution or by repetition and a convolution.

    The transposed convolution's kernel is its stride, so that outputs do not overlap unevenly (Odena et al., 2016,
    doi:10.23915/distill.00003); it is computed as its equal, a pointwise convolution and `Patches`.
    """

    def __init__(
        self, ndim: int, in_channels: int, out_channels: int, *, stride: tuple[int, ...], transposed: bool
    ) -> None:
        if transposed:
            layers = [conv(ndim, in_channels, out_channels * math.prod(stride), kernel=1), Patches(stride)]
        else:
            layers = [conv(ndim, in_channels, out_channels), nn.Upsample(scale_factor=stride)]
        super().__init__(*layers)


class ResidualBlock(nn.Module):
    """A pre-activated convolution around a skip (He et al., 2016, arXiv:1603.05027), modulated where there are labels.

    There is no normalisation unless `normalize` puts it in. The convolution starts small instead, so that a deep stack
    begins close to the identity (Zhang et al., 2019, arXiv:1901.09321).
    """

    def __init__(
        self,
        ndim: int,
        channels: int,
        *,
        dim: int | None,
        kernel: int = 3,
        gain: float = 0.3,
        activation: Callable[[Tensor], Tensor] = F.silu,
    ) -> None:
        """`dim` is the size of the label vector, None for none; `gain` scales the convolution's first weights."""
        super().__init__()
        self.activation = activation
        self.norm: nn.Module = nn.Identity()
        self.modulate = None if dim is None else Modulate(ndim, dim, channels)
        self.conv = conv(ndim, channels, channels, kernel=kernel)
        with torch.no_grad():
            self.conv.weight.mul_(gain)

    def forward(self, x: Tensor, vector: Tensor | None = None) -> Tensor:
        """(B, C, *S), and (B, dim) where there are labels -> (B, C, *S)."""
        y = self.norm(x)
        return x + self.conv(self.activation(y if self.modulate is None else self.modulate(y, vector)))


def normalize(network: nn.Module, ndim: int) -> None:
    """Put batch normalisation (Ioffe and Szegedy, 2015, arXiv:1502.03167) at the head of every `ResidualBlock`."""
    for block in network.modules():
        if isinstance(block, ResidualBlock):
            block.norm = _BATCH_NORM[ndim](block.conv.in_channels)


class Patches(nn.Module):
    """Sub-pixel output: (B, C * prod(patch), *S) -> (B, C, *(S * patch)) (Shi et al., 2016, arXiv:1609.05158)."""

    def __init__(self, patch: tuple[int, ...]) -> None:
        super().__init__()
        self.patch = patch

    def forward(self, x: Tensor) -> Tensor:
        """Lay the patch that each position holds in its channels out along the axes; memory stays `channels_last`."""
        n = len(self.patch)
        batch, channels, *size = x.shape
        split, whole = (
            (channels // math.prod(self.patch), *self.patch),
            [s * p for s, p in zip(size, self.patch, strict=True)],
        )
        axes = [i for k in range(n) for i in (2 + n + k, 2 + k)]
        if not channels_together(x):
            return x.view(batch, *split, *size).permute(0, 1, *axes).reshape(batch, -1, *whole)
        x = x.unflatten(1, split).permute(0, *axes, 1)
        return x.reshape(batch, *whole, -1).movedim(-1, 1)


def channels_together(x: Tensor) -> bool:
    """Whether the channels of a position lie together in memory (`channels_last`), and the positions do not."""
    return x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
