"""WaveNet one sample after another, for some notes in lockstep.

All arrays are contiguous, with the outputs of a layer last, so that inner loops run over them. The label and time
dependent part comes as arrays for a stretch of time; n is the number of notes, C the width, S that of the skip path.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import gated
from .arithmetic import add_product, copy, rectify
from .compiling import inlined, kernel
from .drawing import Drawing, draw
from .stretch import Stretch


class Weights(NamedTuple):
    """The network, float32 but for the last.

    Attributes:
        entry: What each level becomes, and last what stands before the first sample, (levels + 1, C).
        value: What the head's locations are relative to after each of these levels, (levels + 1,).
        layers: See `gated.Layers`.
        hidden: (S, S).
        hidden_bias: (S,).
        head: (S, channels of the head).
        head_bias: (channels of the head,).
        frame: Samples for which what is added within the gates stays the same.
    """

    entry: np.ndarray
    value: np.ndarray
    layers: gated.Layers
    hidden: np.ndarray
    hidden_bias: np.ndarray
    head: np.ndarray
    head_bias: np.ndarray
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
        flow: See `gated.Flow`.
        hidden: (n, S).
        last: (n, S).
        parameters: (n, channels of the head).
        room: (2, channels of the head) float64.
    """

    previous: np.ndarray
    flow: gated.Flow
    hidden: np.ndarray
    last: np.ndarray
    parameters: np.ndarray
    room: np.ndarray


def begin(weights: Weights, n: int) -> State:
    """The state before the first sample of n notes."""
    skip, channels = weights.head.shape
    previous = np.full(n, len(weights.entry) - 1, dtype=np.int64)
    rooms = [np.zeros(size, dtype=np.float32) for size in ((n, skip), (n, skip), (n, channels))]
    return State(previous, gated.begin(weights.layers, n), *rooms, np.zeros((2, channels)))


@inlined
def _parameters(weights: Weights, state: State) -> None:
    for g in range(len(state.previous)):
        rectify(state.last[g], state.flow.both[g])
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
            for g in range(n):
                gated.enter(state.flow, g, weights.entry[state.previous[g]], inputs.place[g, i])
            gated.step(weights.layers, state.flow, inputs.gates[:, i // weights.frame], stretch.start + i)
            if i >= stretch.known:
                _parameters(weights, state)
                for g in range(n):
                    value = weights.value[state.previous[g]]
                    stretch.x[g, i] = draw(state.parameters[g], value, stretch.uniforms[g, i], drawing, state.room)
            copy(state.previous, stretch.x[:, i])

    return scan


scan = kernel(_define)
"""Make a stretch: writes `stretch.x` and moves `state` on."""
