"""Gated PixelCNN one element after another, for some pictures in lockstep.

The vertical stack goes through a row when its first pixel is to be made, the horizontal one through each pixel. All
arrays are contiguous, with the outputs of a layer last; n is the number of pictures, L that of layers, C the width,
S that of the skip path, W the columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import gated
from .arithmetic import add, add_product, copy, rectify
from .compiling import inlined, kernel
from .drawing import Drawing, draw
from .stretch import Stretch

ZERO = np.float32(0)


class Weights(NamedTuple):
    """The network, float32 but for the counts.

    Attributes:
        entries: What each level of each channel becomes, and last what stands before the picture,
            (channels, levels + 1, C).
        taps: Convolutions of the vertical stack, one layer after the other, each from its own row up and there from
            left to right, (sum of taps, C, 2 C).
        kernels: Widths of these in pixels, (L,) int64; they are half as high, rounded up.
        across: From the vertical to the horizontal stack, (L, 2 C, 2 C).
        layers: The horizontal stack, see `gated.Layers`.
        hidden: (channels, S, S).
        hidden_bias: (channels, S).
        before: What the level of one channel adds to the next ones' hidden layer, (channels - 1, channels, levels, S),
            empty where they are independent.
        head: (channels, S, channels of the head).
        head_bias: (channels, channels of the head).
        width: W.
    """

    entries: np.ndarray
    taps: np.ndarray
    kernels: np.ndarray
    across: np.ndarray
    layers: gated.Layers
    hidden: np.ndarray
    hidden_bias: np.ndarray
    before: np.ndarray
    head: np.ndarray
    head_bias: np.ndarray
    width: int


class Inputs(NamedTuple):
    """What is known of the pictures beside their levels, for a stretch.

    Attributes:
        place: Added to the entries of the vertical and of the horizontal stack at each pixel, from the row in which
            the stretch begins to that in which it ends, (n, rows, W, 2 C).
        gates: Added within the gates of the vertical stack, and to what it gives to those of the horizontal one, with
            all biases, (n, L, 4 C).
    """

    place: np.ndarray
    gates: np.ndarray


class State(NamedTuple):
    """What is remembered of n pictures, and room to compute in.

    Attributes:
        levels: Of the pixel at hand, (n, channels) int64.
        seen: Entries of the last W pixels, by the column to their right; in the first what stands before a row,
            (n, W + 1, C).
        rings: Rows of each layer's inputs for as long as its convolution looks up, between margins of zeros,
            (sum of heights, n, W + 2 margins, C).
        inside: Gates of the vertical stack in a row, (n, W, 2 C).
        conditions: What it gives to the horizontal one, (L, n, W, 2 C).
        down: Its residual path in a row, (n, W, C).
        flow: See `gated.Flow`.
        hidden: (n, S).
        last: (n, S).
        parameters: (n, channels of the head).
        room: (2, channels of the head) float64.
    """

    levels: np.ndarray
    seen: np.ndarray
    rings: np.ndarray
    inside: np.ndarray
    conditions: np.ndarray
    down: np.ndarray
    flow: gated.Flow
    hidden: np.ndarray
    last: np.ndarray
    parameters: np.ndarray
    room: np.ndarray


def begin(weights: Weights, n: int) -> State:
    """The state before the first element of n pictures."""
    channels, skip, outputs = weights.head.shape
    layers, inner, _ = weights.across.shape
    width, size, margins = inner // 2, weights.width, weights.kernels.max() // 2 * 2
    sizes = (
        (n, size + 1, width),
        (int((weights.kernels // 2 + 1).sum()), n, size + margins, width),
        (n, size, inner),
        (layers, n, size, inner),
        (n, size, width),
    )
    rows = [np.zeros(shape, dtype=np.float32) for shape in sizes]
    rooms = [np.zeros(shape, dtype=np.float32) for shape in ((n, skip), (n, skip), (n, outputs))]
    rows[0][:] = weights.entries[:, -1].sum(0)
    levels, flow = np.zeros((n, channels), dtype=np.int64), gated.begin(weights.layers, n)
    return State(levels, *rows, flow, *rooms, np.zeros((2, outputs)))


@inlined
def _row(weights: Weights, state: State, inputs: Inputs, row: int, i: int) -> None:
    """The vertical stack in a row, the i-th of the stretch: all that it gives to the horizontal one."""
    base, first, size = 0, 0, state.down.shape[2]
    state.flow.rings[:] = ZERO
    for g in range(len(state.down)):
        for x in range(weights.width):
            for c in range(size):
                state.down[g, x, c] = state.seen[g, x + 1, c] + inputs.place[g, i, x, c]
    for layer in range(len(weights.kernels)):
        rows = weights.kernels[layer] // 2 + 1
        taps = weights.taps[first : first + rows * weights.kernels[layer]]
        _look_up(state, taps, inputs.gates[:, layer], state.rings[base : base + rows], row)
        _tell(state, weights.across[layer], inputs.gates[:, layer], state.conditions[layer])
        base, first = base + rows, first + len(taps)


@inlined
def _look_up(state: State, taps: np.ndarray, gates: np.ndarray, ring: np.ndarray, row: int) -> None:
    """Do inside = the convolution of a layer of the vertical stack in a row, with what is added within its gates."""
    n, width, inner = state.inside.shape
    kernel_size, margin = len(taps) // len(ring), (ring.shape[2] - width) // 2
    now = ring[row % len(ring)]
    for g in range(n):
        for x in range(width):
            copy(now[g, margin + x], state.down[g, x])
            copy(state.inside[g, x], gates[g, :inner])
    for up in range(min(len(ring), row + 1)):
        above = ring[(row - up) % len(ring)]
        for tap in range(kernel_size):
            left = margin - kernel_size // 2 + tap
            for g in range(n):
                add_product(state.inside[g], above[g, left : left + width], taps[up * kernel_size + tap])


@inlined
def _tell(state: State, across: np.ndarray, gates: np.ndarray, condition: np.ndarray) -> None:
    """What `inside` gives to the horizontal stack, `condition` (n, W, 2 C), and to the next layer."""
    n, width, inner = state.inside.shape
    for g in range(n):
        for x in range(width):
            copy(condition[g, x], gates[g, inner:])
        add_product(condition[g], state.inside[g], across)
        for x in range(width):
            gated.gate(state.flow.gated[g], state.inside[g, x])
            add(state.down[g, x], state.flow.gated[g])


@inlined
def _pixel(weights: Weights, state: State, place: np.ndarray, x: int) -> None:
    """The horizontal stack at column x; `place` (n, 2 C) is that of the pixel."""
    size = state.seen.shape[2]
    for g in range(len(state.seen)):
        gated.enter(state.flow, g, state.seen[g, x], place[g, size:])
    gated.step(weights.layers, state.flow, state.conditions[:, :, x].transpose(1, 0, 2), x)


@inlined
def _parameters(weights: Weights, state: State, channel: int) -> None:
    """What the head reads for a channel of the pixel at hand, whose channels before it are known."""
    for g in range(len(state.levels)):
        rectify(state.last[g], state.flow.both[g])
        copy(state.hidden[g], weights.hidden_bias[channel])
        copy(state.parameters[g], weights.head_bias[channel])
    add_product(state.hidden, state.last, weights.hidden[channel])
    for g in range(len(state.levels)):
        for before in range(min(channel, len(weights.before))):
            add(state.hidden[g], weights.before[before, channel, state.levels[g, before]])
        rectify(state.hidden[g], state.hidden[g])
    add_product(state.parameters, state.hidden, weights.head[channel])


@inlined
def _keep(weights: Weights, state: State, x: int) -> None:
    """Remember the pixel at column x, all of whose channels are known."""
    for g in range(len(state.levels)):
        seen = state.seen[g, x + 1]
        copy(seen, weights.entries[0, state.levels[g, 0]])
        for channel in range(1, len(weights.entries)):
            add(seen, weights.entries[channel, state.levels[g, channel]])


def _define(sources: str) -> Callable[[Weights, State, Inputs, Stretch, Drawing], None]:
    def scan(weights: Weights, state: State, inputs: Inputs, stretch: Stretch, drawing: Drawing) -> None:
        sources  # noqa: B018, see `kernel`
        n, length = stretch.x.shape
        channels, width = len(weights.entries), weights.width
        first = stretch.start // (channels * width)
        for i in range(length):
            pixel, channel = divmod(stretch.start + i, channels)
            row, x = divmod(pixel, width)
            if channel == 0:
                if x == 0:
                    _row(weights, state, inputs, row, row - first)
                _pixel(weights, state, inputs.place[:, row - first, x], x)
            if i >= stretch.known:
                _parameters(weights, state, channel)
                for g in range(n):
                    stretch.x[g, i] = draw(state.parameters[g], ZERO, stretch.uniforms[g, i], drawing, state.room)
            copy(state.levels[:, channel], stretch.x[:, i])
            if channel == channels - 1:
                _keep(weights, state, x)

    return scan


scan = kernel(_define)
"""Make a stretch: writes `stretch.x` and moves `state` on."""
