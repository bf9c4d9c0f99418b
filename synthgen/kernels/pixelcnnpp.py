"""PixelCNN++ one element after another, for some pictures in lockstep."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .arithmetic import ZERO, add, copy, tanh
from .compiling import inlined, kernel
from .drawing import Drawing, draw
from .pixelcnnpp_layers import begin_row, pixel
from .pixelcnnpp_state import Inputs, State, Weights
from .stretch import Stretch


@inlined
def _say(state: State, drawing: Drawing, g: int, channel: int) -> None:
    """The head's parameters of a channel, given the levels of those before it; `JointMixture.forward`."""
    raw, y, k, channels = state.raw[g], state.parameters[g], drawing.components, state.levels.shape[1]
    if not k:
        copy(y, raw)
    for i in range(k):
        y[i] = raw[i]
        y[k + i] = raw[(1 + channel) * k + i]
        y[2 * k + i] = raw[(1 + channels + channel) * k + i]
        for c in range(channel):
            slope = raw[(1 + 2 * channels + channel * (channel - 1) // 2 + c) * k + i]
            y[k + i] += tanh(slope) * np.float32(state.levels[g, c] * (2 / (drawing.levels - 1)) - 1)


@inlined
def _weigh(state: State, drawing: Drawing, g: int, level: int) -> None:
    """Multiply the components' weights by what they gave the level of a channel; `LogisticMixture.log_masses`."""
    y, k, middle = state.parameters[g], drawing.components, (drawing.levels - 1) / 2
    for i in range(k):
        away = level - middle - y[k + i] * middle
        inverse = math.exp(-max(np.float64(y[2 * k + i]), drawing.least_log_scale)) / middle
        mass = 0.0
        if level < drawing.levels - 1:
            mass += _log_sigmoid((away + 0.5) * inverse)
        if level > 0:
            mass += _log_sigmoid((0.5 - away) * inverse)
        if 0 < level < drawing.levels - 1:
            mass += math.log(-math.expm1(-inverse))
        state.raw[g, i] += np.float32(mass)


@inlined
def _log_sigmoid(x: float) -> float:
    return min(x, 0.0) - math.log1p(math.exp(-abs(x)))


@inlined
def _enter(weights: Weights, state: State, entering: np.ndarray, g: int, channel: int, level: int) -> None:
    """Keep the level of a channel of the pixel that is `entering` (inputs,)."""
    if channel == 0:
        entering[:] = ZERO
    state.levels[g, channel] = level
    add(entering, weights.table[channel, level])


def _define(sources: str) -> Callable[[Weights, State, Inputs, Stretch, Drawing], None]:
    def scan(weights: Weights, state: State, inputs: Inputs, stretch: Stretch, drawing: Drawing) -> None:
        sources  # noqa: B018, see `kernel`
        n, length = stretch.x.shape
        channels = state.levels.shape[1]
        for i in range(length):
            place, channel = divmod(stretch.start + i, channels)
            row, column = divmod(place, weights.width)
            if channel + column == 0:
                begin_row(weights, state, inputs.gates, row)
            if channel == 0:
                pixel(weights, state, row, column)
            for g in range(n):
                _say(state, drawing, g, channel)
                if i >= stretch.known:
                    stretch.x[g, i] = draw(state.parameters[g], 0.0, stretch.uniforms[g, i], drawing, state.room)
                _enter(weights, state, state.pixels[row % 2, column + 1, g], g, channel, stretch.x[g, i])
                if channel + 1 < channels:
                    _weigh(state, drawing, g, stretch.x[g, i])

    return scan


scan = kernel(_define)
"""Make a stretch: writes `stretch.x` and moves `state` on."""
