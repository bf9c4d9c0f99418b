"""Gated layers as arrays for numba kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from synthgen.nn.gated import GatedLayer

from .lockstep import array

if TYPE_CHECKING:
    from synthgen.kernels.gated import Layers


def gated_layers(layers: Sequence[GatedLayer]) -> Layers:
    """The layers' weights; what is added within the gates has to hold the convolutions' biases."""
    from synthgen.kernels.gated import Layers

    rows = layers[0].skip_channels + layers[0].conv.weight.shape[1]
    outs = [_like(layer.out, rows) for layer in layers]
    return Layers(
        taps=array(torch.cat([layer.conv.weight.permute(2, 1, 0).flip(0) for layer in layers])),
        out=array(torch.stack([weight.T for weight, _ in outs])),
        out_bias=array(torch.stack([bias for _, bias in outs])),
        kernels=np.array([layer.conv.weight.shape[2] for layer in layers], dtype=np.int64),
        dilations=np.array([layer.conv.dilation for layer in layers], dtype=np.int64),
    )


def _like(out: torch.nn.Linear, rows: int) -> tuple[Tensor, Tensor]:
    """Weight and bias with `rows` outputs: the last layer has no residual, which is as if it were zero."""
    missing = rows - len(out.bias)
    return F.pad(out.weight, (0, 0, 0, missing)), F.pad(out.bias, (0, missing))
