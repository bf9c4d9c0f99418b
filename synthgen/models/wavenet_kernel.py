"""A `WaveNet` as arrays for its numba kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from synthgen.records import Labels

from .autoregressive_waveform import LEAD
from .gated_kernel import gated_layers
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
    return Weights(
        entry=array(model.entry(levels)),
        value=array(model.head.value_before(levels)),
        layers=gated_layers(model.layers),
        hidden=array(model.hidden.weight.T),
        hidden_bias=array(model.hidden.bias),
        head=array(model.out.weight.T),
        head_bias=array(model.out.bias),
        frame=frame,
    )
