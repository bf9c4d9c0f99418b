"""SampleRNN one sample after another, for some notes in lockstep.

All arrays are contiguous, with the outputs of a layer last. n is the number of notes, F the samples of a frame, H the
size of the GRU's state, E that of a sample's entry, C the width of the dense layers.
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
    """The network, float32.

    Attributes:
        entry: What each level becomes, and last what stands before the first sample, (levels + 1, E).
        value: What the head's locations are relative to after each of these levels, (levels + 1,).
        heard: From a frame's entries to the GRU's gates, (F, E, 3 H), the oldest sample first.
        kept: From its state to its gates, (H, 3 H).
        kept_bias: (3 H,).
        spread: From its state to a frame of vectors, (H, F C).
        spread_bias: (F C,).
        newest: From the newest entries to the dense layers, (window, E, C), the newest first.
        dense: (layers, C, C).
        dense_bias: (layers, C).
        head: (C, channels of the head).
        head_bias: (channels of the head,).
    """

    entry: np.ndarray
    value: np.ndarray
    heard: np.ndarray
    kept: np.ndarray
    kept_bias: np.ndarray
    spread: np.ndarray
    spread_bias: np.ndarray
    newest: np.ndarray
    dense: np.ndarray
    dense_bias: np.ndarray
    head: np.ndarray
    head_bias: np.ndarray


class Inputs(NamedTuple):
    """What is known of the notes beside their samples, for a stretch.

    Attributes:
        first: The GRU's state before the onset, (n, H).
        told: Added to the GRU's gates from the input, with that input's bias, for each frame that begins within the
            stretch, (n, frames, 3 H).
        place: Added to each sample's dense layers, with the bias of `newest`, (n, length, C).
    """

    first: np.ndarray
    told: np.ndarray
    place: np.ndarray


class State(NamedTuple):
    """What is remembered of n notes, and room to compute in.

    Attributes:
        previous: Levels before the next sample, (n,) int64.
        ring: Entries of the last samples, (max(F, window), n, E).
        state: Of the GRU, (n, H).
        given: Its gates from the input, (n, 3 H).
        kept: Its gates from the state, (n, 3 H).
        spread: A vector for each sample of the frame, (n, F C).
        y: (n, C).
        active: (n, C).
        parameters: (n, channels of the head).
        room: (2, channels of the head) float64.
    """

    previous: np.ndarray
    ring: np.ndarray
    state: np.ndarray
    given: np.ndarray
    kept: np.ndarray
    spread: np.ndarray
    y: np.ndarray
    active: np.ndarray
    parameters: np.ndarray
    room: np.ndarray


def begin(weights: Weights, n: int) -> State:
    """The state before the first sample of n notes."""
    frame, entry, gates = weights.heard.shape
    window, _, width = weights.newest.shape
    channels, long = len(weights.head_bias), max(frame, window)
    sizes = ((long, n, entry), (n, gates // 3), (n, gates), (n, gates), (n, frame * width), (n, width), (n, width))
    previous = np.full(n, len(weights.entry) - 1, dtype=np.int64)
    rooms = [np.zeros(size, dtype=np.float32) for size in (*sizes, (n, channels))]
    return State(previous, *rooms, np.zeros((2, channels)))


@inlined
def _hear(weights: Weights, state: State, t: int) -> None:
    """Keep the entry of sample t - 1; what stands before the first fills the whole frame before it."""
    ring = state.ring
    for g in range(len(state.previous)):
        copy(ring[(t - 1) % len(ring), g], weights.entry[state.previous[g]])


@inlined
def _frame(weights: Weights, state: State, inputs: Inputs, t: int, frame: int) -> None:
    """The GRU's step at time t, the beginning of a frame, and what it spreads over the frame."""
    size, ring = weights.heard.shape[0], state.ring
    for g in range(len(state.previous)):
        if t == 0:
            copy(state.state[g], inputs.first[g])
        copy(state.given[g], inputs.told[g, frame])
        copy(state.kept[g], weights.kept_bias)
        copy(state.spread[g], weights.spread_bias)
    for i in range(size):
        heard = ring[(t - 1) % len(ring)] if t == 0 else ring[(t - size + i) % len(ring)]
        add_product(state.given, heard, weights.heard[i])
    add_product(state.kept, state.state, weights.kept)
    for g in range(len(state.previous)):
        _gates(state.state[g], state.given[g], state.kept[g])
    add_product(state.spread, state.state, weights.spread)


@inlined
def _gates(state: np.ndarray, given: np.ndarray, kept: np.ndarray) -> None:
    size = len(state)
    for c in range(size):
        reset = sigmoid(given[c] + kept[c])
        update = sigmoid(given[size + c] + kept[size + c])
        new = tanh(given[2 * size + c] + reset * kept[2 * size + c])
        state[c] = new + update * (state[c] - new)


@inlined
def _sample(weights: Weights, state: State, inputs: Inputs, t: int, i: int) -> None:
    """The dense layers at time t, place i of the stretch."""
    y, active, width = state.y, state.active, state.y.shape[1]
    place = t % weights.heard.shape[0] * width
    for g in range(y.shape[0]):
        for c in range(width):
            y[g, c] = inputs.place[g, i, c] + state.spread[g, place + c]
        copy(state.parameters[g], weights.head_bias)
    for tap in range(min(weights.newest.shape[0], t + 1)):
        add_product(y, state.ring[(t - 1 - tap) % len(state.ring)], weights.newest[tap])
    for layer in range(weights.dense.shape[0]):
        for g in range(y.shape[0]):
            rectify(active[g], y[g])
            add(y[g], weights.dense_bias[layer])
        add_product(y, active, weights.dense[layer])
    for g in range(y.shape[0]):
        rectify(active[g], y[g])
    add_product(state.parameters, active, weights.head)


def _define(sources: str) -> Callable[[Weights, State, Inputs, Stretch, Drawing], None]:
    def scan(weights: Weights, state: State, inputs: Inputs, stretch: Stretch, drawing: Drawing) -> None:
        sources  # noqa: B018, see `kernel`
        n, length = stretch.x.shape
        size, frame = weights.heard.shape[0], 0
        for i in range(length):
            t = stretch.start + i
            _hear(weights, state, t)
            if t % size == 0:
                _frame(weights, state, inputs, t, frame)
                frame += 1
            if i >= stretch.known:
                _sample(weights, state, inputs, t, i)
                for g in range(n):
                    value = weights.value[state.previous[g]]
                    stretch.x[g, i] = draw(state.parameters[g], value, stretch.uniforms[g, i], drawing, state.room)
            copy(state.previous, stretch.x[:, i])

    return scan


scan = kernel(_define)
"""Make a stretch: writes `stretch.x` and moves `state` on."""
