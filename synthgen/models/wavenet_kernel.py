"""A `WaveNet` as arrays for its numba kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from synthgen.records import Labels

from .autoregressive_waveform import LEAD
from .lockstep import Kernel, Lockstep, array, drawable

if TYPE_CHECKING:
    from synthgen.kernels.wavenet import Inputs, Weights

    from .wavenet import WaveNet


def scanner(model: WaveNet, labels: Labels, n: int) -> Lockstep | None:
    """A compiled scanner; None where the kernel lacks the model's head.

    Raises:
        ImportError: numba is not installed.
        RuntimeError: the kernel does not compile.
    """
    from synthgen.kernels import wavenet as kernels

    from .wavenet import FRAME

    if not drawable(model.head):
        return None
    biases = torch.stack([layer.conv.bias for layer in model.layers])

    def inputs(labels: Labels, start: int, length: int) -> Inputs:
        vector, hz = model.conditions(labels, 1)
        places = torch.arange(start, start + length, device=model.device)[None]
        gates = model.at_frames(vector, places[:, ::FRAME]) + biases
        place = model.at_places(vector, hz, places, labels.get(LEAD))
        return kernels.Inputs(place=array(place), gates=array(gates))

    kernel = Kernel(scan=kernels.scan, weights=_weights(model, frame=FRAME), begin=kernels.begin, inputs=inputs)
    return Lockstep(kernel, model.head, labels, n)


@torch.no_grad()
def _weights(model: WaveNet, *, frame: int) -> Weights:
    from synthgen.kernels.wavenet import Weights

    levels = torch.arange(model.head.levels + 1, device=model.device)
    rows = model.config.skip_channels + model.config.channels
    outs = [_like(layer.out, rows) for layer in model.layers]
    return Weights(
        entry=array(model.entry(levels)),
        value=array(model.head.value_before(levels)),
        taps=array(torch.stack([layer.conv.weight.permute(2, 1, 0).flip(0) for layer in model.layers])),
        out=array(torch.stack([weight.T for weight, _ in outs])),
        out_bias=array(torch.stack([bias for _, bias in outs])),
        hidden=array(model.hidden.weight.T),
        hidden_bias=array(model.hidden.bias),
        head=array(model.out.weight.T),
        head_bias=array(model.out.bias),
        dilations=np.array([layer.conv.dilation for layer in model.layers], dtype=np.int64),
        frame=frame,
    )


def _like(out: torch.nn.Linear, rows: int) -> tuple[Tensor, Tensor]:
    """Weight and bias with `rows` outputs: the last layer has no residual, which is as if it were zero."""
    missing = rows - len(out.bias)
    return F.pad(out.weight, (0, 0, 0, missing)), F.pad(out.bias, (0, missing))
