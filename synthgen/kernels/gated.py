"""Gated residual layers one step after another, for some sequences in lockstep; see `synthgen.nn.gated`.

All arrays are contiguous, with the outputs of a layer last, so that inner loops run over them. n is the number of
sequences, L that of layers, C the width, S that of the skip path.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .arithmetic import add, add_product, copy, sigmoid, tanh
from .compiling import inlined


class Layers(NamedTuple):
    """The layers, float32 but for the counts.

    Attributes:
        taps: Convolutions, one layer after the other, the newest tap first, (sum of kernels, C, 2 C).
        out: From the gates to the skip path and the residual, (L, C, S + C).
        out_bias: (L, S + C).
        kernels: Taps of each, (L,) int64.
        dilations: (L,) int64.
    """

    taps: np.ndarray
    out: np.ndarray
    out_bias: np.ndarray
    kernels: np.ndarray
    dilations: np.ndarray


class Flow(NamedTuple):
    """What the layers remember of n sequences, and room to compute in.

    Attributes:
        rings: Inputs of each layer for as long as its convolution looks back, (sum of spans + L, n, C).
        both: Skip and residual path, (n, S + C).
        inside: (n, 2 C).
        gated: (n, C).
    """

    rings: np.ndarray
    both: np.ndarray
    inside: np.ndarray
    gated: np.ndarray


def begin(layers: Layers, n: int) -> Flow:
    """The flow before the first step of n sequences."""
    _, width, outputs = layers.out.shape
    slots = int((layers.dilations * (layers.kernels - 1) + 1).sum())
    sizes = ((slots, n, width), (n, outputs), (n, 2 * width), (n, width))
    return Flow(*(np.zeros(size, dtype=np.float32) for size in sizes))


@inlined
def enter(flow: Flow, g: int, x: np.ndarray, y: np.ndarray) -> None:
    """Let x + y (C,) enter the layers, nothing being on the skip path, in sequence g."""
    both = flow.both[g]
    skip = len(both) - len(x)
    for c in range(skip):
        both[c] = 0
    for c in range(len(x)):
        both[skip + c] = x[c] + y[c]


@inlined
def step(layers: Layers, flow: Flow, gates: np.ndarray, t: int) -> None:
    """All layers at time t; `gates` (n, L, 2 C) is what is added within."""
    skip, base, first = flow.both.shape[1] - flow.gated.shape[1], 0, 0
    for layer in range(len(layers.dilations)):
        dilation, taps = layers.dilations[layer], layers.kernels[layer]
        slots = dilation * (taps - 1) + 1
        now = flow.rings[base + t % slots]
        for g in range(now.shape[0]):
            for c in range(now.shape[1]):
                now[g, c] = flow.both[g, skip + c]
            copy(flow.inside[g], gates[g, layer])
        for tap in range(taps):
            add_product(flow.inside, flow.rings[base + (t - tap * dilation) % slots], layers.taps[first + tap])
        for g in range(now.shape[0]):
            gate(flow.gated[g], flow.inside[g])
            add(flow.both[g], layers.out_bias[layer])
        add_product(flow.both, flow.gated, layers.out[layer])
        base, first = base + slots, first + taps


@inlined
def gate(y: np.ndarray, x: np.ndarray) -> None:
    """Do y (C,) = tanh of the first half of x (2 C,) times the sigmoid of the other."""
    size = len(y)
    for c in range(size):
        y[c] = tanh(x[c]) * sigmoid(x[size + c])
