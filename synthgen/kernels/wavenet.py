"""WaveNet one sample after another, for some notes in lockstep.

All arrays are contiguous, with the outputs of a layer last, so that inner loops run over them. The label and time
dependent part comes as arrays for a stretch of time; n is the number of notes, C the width, S that of the skip path.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .arithmetic import add, add_product, copy, rectify, sigmoid, tanh
from .compiling import inlined, kernel
from .drawing import Drawing, draw
from .stretch import Stretch


class Weights(NamedTuple):
    """The network, float32 but for the last two.

    Attributes:
        entry: What each level becomes, and last what stands before the first sample, (levels + 1, C).
        value: What the head's locations are relative to after each of these levels, (levels + 1,).
        taps: Dilated convolutions, the newest tap first, (L, kernel, C, 2 C).
        out: From the gates to the skip path and the residual, (L, C, S + C).
        out_bias: (L, S + C).
        hidden: (S, S).
        hidden_bias: (S,).
        head: (S, channels of the head).
        head_bias: (channels of the head,).
        dilations: (L,) int64.
        frame: Samples for which what is added within the gates stays the same.
    """

    entry: np.ndarray
    value: np.ndarray
    taps: np.ndarray
    out: np.ndarray
    out_bias: np.ndarray
    hidden: np.ndarray
    hidden_bias: np.ndarray
    head: np.ndarray
    head_bias: np.ndarray
    dilations: np.ndarray
    frame: int


class Inputs(NamedTuple):
    """What is known of the notes beside their samples, for a stretch.

    Attributes:
        place: Added to each sample's entry, (n, length, C).
        gates: Added within the gates, with the convolutions' bias, (n, frames, L, 2 C); the first frame begins with the
            stretch.
    """

    place: np.ndarray
    gates: np.ndarray


class State(NamedTuple):
    """What is remembered of n notes, and room to compute in.

    Attributes:
        previous: Levels before the next sample, (n,) int64.
        rings: Inputs of each layer for as long as its convolution looks back, (sum of spans + 1, n, C).
        both: Skip and residual path, (n, S + C).
        inside: (n, 2 C).
        gated: (n, C).
        hidden: (n, S).
        last: (n, S).
        parameters: (n, channels of the head).
        room: (2, channels of the head) float64.
    """

    previous: np.ndarray
    rings: np.ndarray
    both: np.ndarray
    inside: np.ndarray
    gated: np.ndarray
    hidden: np.ndarray
    last: np.ndarray
    parameters: np.ndarray
    room: np.ndarray


def begin(weights: Weights, n: int) -> State:
    """The state before the first sample of n notes."""
    _, kernel_size, width, _ = weights.taps.shape
    skip, channels = weights.head.shape
    slots = int((weights.dilations * (kernel_size - 1) + 1).sum())
    sizes = ((slots, n, width), (n, skip + width), (n, 2 * width), (n, width), (n, skip), (n, skip), (n, channels))
    previous = np.full(n, len(weights.entry) - 1, dtype=np.int64)
    return State(previous, *(np.zeros(size, dtype=np.float32) for size in sizes), np.zeros((2, channels)))


@inlined
def _enter(weights: Weights, state: State, place: np.ndarray, i: int) -> None:
    skip = weights.hidden.shape[0]
    for g in range(len(state.previous)):
        entry, here, both = weights.entry[state.previous[g]], place[g, i], state.both[g]
        for c in range(skip):
            both[c] = 0
        for c in range(len(entry)):
            both[skip + c] = entry[c] + here[c]


@inlined
def _layers(weights: Weights, state: State, gates: np.ndarray, t: int) -> None:
    """All layers at time t; `gates` (n, L, 2 C) are those of its frame."""
    skip, base, taps = weights.hidden.shape[0], 0, weights.taps.shape[1]
    for layer in range(len(weights.dilations)):
        dilation = weights.dilations[layer]
        slots = dilation * (taps - 1) + 1
        now = state.rings[base + t % slots]
        for g in range(now.shape[0]):
            for c in range(now.shape[1]):
                now[g, c] = state.both[g, skip + c]
            copy(state.inside[g], gates[g, layer])
        for tap in range(taps):
            add_product(state.inside, state.rings[base + (t - tap * dilation) % slots], weights.taps[layer, tap])
        for g in range(now.shape[0]):
            _gate(state.gated[g], state.inside[g])
            add(state.both[g], weights.out_bias[layer])
        add_product(state.both, state.gated, weights.out[layer])
        base += slots


@inlined
def _gate(y: np.ndarray, x: np.ndarray) -> None:
    size = len(y)
    for c in range(size):
        y[c] = tanh(x[c]) * sigmoid(x[size + c])


@inlined
def _parameters(weights: Weights, state: State) -> None:
    for g in range(len(state.previous)):
        rectify(state.last[g], state.both[g])
        copy(state.hidden[g], weights.hidden_bias)
        copy(state.parameters[g], weights.head_bias)
    add_product(state.hidden, state.last, weights.hidden)
    for g in range(len(state.previous)):
        rectify(state.hidden[g], state.hidden[g])
    add_product(state.parameters, state.hidden, weights.head)


def _define(sources: str) -> Callable[[Weights, State, Inputs, Stretch, Drawing], None]:
    def scan(weights: Weights, state: State, inputs: Inputs, stretch: Stretch, drawing: Drawing) -> None:
        sources  # noqa: B018, see `kernel`
        n, length = stretch.x.shape
        for i in range(length):
            _enter(weights, state, inputs.place, i)
            _layers(weights, state, inputs.gates[:, i // weights.frame], stretch.start + i)
            if i >= stretch.known:
                _parameters(weights, state)
                for g in range(n):
                    value = weights.value[state.previous[g]]
                    stretch.x[g, i] = draw(state.parameters[g], value, stretch.uniforms[g, i], drawing, state.room)
            copy(state.previous, stretch.x[:, i])

    return scan


scan = kernel(_define)
"""Make a stretch: writes `stretch.x` and moves `state` on."""
