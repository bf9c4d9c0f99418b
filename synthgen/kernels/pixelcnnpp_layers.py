"""The layers of PixelCNN++, row by row and pixel by pixel; `models.pixelcnnpp_steps` tells what is computed when.

The arrays' axes are those of `pixelcnnpp_state`.
"""

from __future__ import annotations

import numpy as np

from .arithmetic import ONE, ZERO, add_product, copy, exp, sigmoid
from .compiling import inlined
from .pixelcnnpp_state import BLOCK, DOWN, ENTRY, State, Weights


@inlined
def _flat(x: np.ndarray) -> np.ndarray:
    """(W, n, C) as (W n, C)."""
    return x.reshape(x.shape[0] * x.shape[1], x.shape[2])


@inlined
def _fill(y: np.ndarray, x: np.ndarray) -> None:
    """Every row of y (N, C) becomes x (C,)."""
    for g in range(len(y)):
        copy(y[g], x)


@inlined
def _activate(y: np.ndarray, x: np.ndarray) -> None:
    """Concatenated ELUs: y (N, 2 C) of x (N, C)."""
    size = x.shape[1]
    for g in range(len(x)):
        for c in range(size):
            up, down = max(x[g, c], ZERO), min(x[g, c], ZERO)
            y[g, c] = up + (exp(down) - ONE)
            y[g, size + c] = (exp(-up) - ONE) - down


@inlined
def _gated(y: np.ndarray, x: np.ndarray, inside: np.ndarray) -> None:
    """Do y (N, C) = x (N, C) + the first half of inside (N, 2 C) times the sigmoid of the other."""
    size = x.shape[1]
    for g in range(len(x)):
        for c in range(size):
            y[g, c] = x[g, c] + inside[g, c] * sigmoid(inside[g, size + c])


@inlined
def _along(y: np.ndarray, x: np.ndarray, taps: np.ndarray) -> None:
    """Add a row's convolution: y (W, n, C') += that of x (at least W + taps - 1, n, C) with taps (taps, C, C')."""
    for tap in range(len(taps)):
        add_product(_flat(y), _flat(x[tap : tap + len(y)]), taps[tap])


@inlined
def _copy_rows(y: np.ndarray, x: np.ndarray) -> None:
    """Do y (n, C) = x (n, C)."""
    for g in range(len(x)):
        copy(y[g], x[g])


@inlined
def _each(y: np.ndarray, x: np.ndarray) -> None:
    """Every row of y (W, n, C) becomes x (n, C)."""
    for j in range(len(y)):
        _copy_rows(y[j], x)


@inlined
def begin_row(weights: Weights, state: State, gates: np.ndarray, row: int) -> None:
    """All that a row takes from those above it; `gates` as in `Inputs`."""
    for layer in range(len(weights.places)):
        kind, level, number, _ = weights.places[layer]
        if row % (1 << level) == 0:
            here, w = row >> level, state.narrow.shape[0] >> level
            if kind == ENTRY:
                _enter_row(weights, state, here)
            elif kind == BLOCK:
                _block_row(weights, state, gates[:, number, 0], layer, here % 2, w)
            elif kind == DOWN:
                _down_row(weights, state, layer, here % 2, w)
            else:
                _up_row(weights, state, layer, here, w)
            after = state.rows[layer, here % 2, 1 : 1 + w]
            _activate(_flat(state.active_rows[layer, here % 2, 1 : 1 + w]), _flat(after))
            if kind == BLOCK:
                _give(weights, state, gates[:, number, 1], layer, here % 2, w)


@inlined
def _enter_row(weights: Weights, state: State, row: int) -> None:
    newest, older = state.pixels[1 - row % 2], state.pixels[row % 2]
    y, given = state.rows[0, row % 2, 1:-1], state.given[0]
    for j in range(len(y)):
        _fill(y[j], weights.entry_bias[0, row, j])
        _fill(given[j], weights.entry_bias[1, row, j])
    _along(y, older, weights.top[:3])
    _along(y, newest, weights.top[3:])
    _along(given, newest, weights.above)
    _along(given, newest, weights.left[:1])


@inlined
def _block_row(weights: Weights, state: State, gate: np.ndarray, layer: int, now: int, w: int) -> None:
    number, skip, vertical = weights.places[layer, 2], weights.places[layer, 3], weights.vertical
    y, inside = state.narrow[:w], state.wide[:w]
    _fill(_flat(y), vertical.bias[number])
    _along(y, state.active_rows[layer - 1, 1 - now], vertical.first[number, :3])
    _along(y, state.active_rows[layer - 1, now], vertical.first[number, 3:])
    if skip >= 0:
        add_product(_flat(y), _flat(state.active_rows[skip, now, 1 : 1 + w]), vertical.short[number])
    _activate(_flat(state.inner_rows[layer, now, 1 : 1 + w]), _flat(y))
    _each(inside, gate)
    _along(inside, state.inner_rows[layer, 1 - now], vertical.second[number, :3])
    _along(inside, state.inner_rows[layer, now], vertical.second[number, 3:])
    before, after = state.rows[layer - 1, now, 1 : 1 + w], state.rows[layer, now, 1 : 1 + w]
    _gated(_flat(after), _flat(before), _flat(inside))


@inlined
def _give(weights: Weights, state: State, gate: np.ndarray, layer: int, now: int, w: int) -> None:
    """What a block's horizontal stream takes from the vertical one and from the row above, which it still holds."""
    number, horizontal = weights.places[layer, 2], weights.horizontal
    given, inside = state.given[layer, :w], state.given_inside[layer, :w]
    _fill(_flat(given), horizontal.bias[number])
    _along(given, state.active[layer - 1], horizontal.first[number, :2])
    add_product(_flat(given), _flat(state.active_rows[layer, now, 1 : 1 + w]), weights.heard[number])
    _each(inside, gate)
    _along(inside, state.inner[layer], horizontal.second[number, :2])


@inlined
def _down_row(weights: Weights, state: State, layer: int, now: int, w: int) -> None:
    """Of the finer rows, the one at this place is even, the one above it odd."""
    number, vertical, horizontal = weights.places[layer, 2], weights.vertical, weights.horizontal
    odd, even, track = state.rows[layer - 1, 1], state.rows[layer - 1, 0], state.track[layer - 1]
    y, given = state.rows[layer, now, 1 : 1 + w], state.given[layer, :w]
    _fill(_flat(y), vertical.down_bias[number])
    _fill(_flat(given), horizontal.down_bias[number])
    for j in range(w):
        for tap in range(3):
            add_product(y[j], odd[2 * j + tap], vertical.down[number, tap])
            add_product(y[j], even[2 * j + tap], vertical.down[number, 3 + tap])
        for tap in range(2):
            add_product(given[j], track[2 * j + tap], horizontal.down[number, tap])


@inlined
def _up_row(weights: Weights, state: State, layer: int, here: int, w: int) -> None:
    """Two rows at a time; an odd column lies between the two that it comes from."""
    number, vertical = weights.places[layer, 2], weights.vertical
    two, before = state.two_rows[layer], state.rows[layer - 1, here // 2 % 2]
    for row in range(2 * (1 - here % 2)):
        _fill(_flat(two[row, :w]), vertical.up_bias[number])
        taps = vertical.up[number, 3 * row : 3 * row + 3]
        for j in range(w // 2):
            add_product(two[row, 2 * j], before[j + 1], taps[1])
            add_product(two[row, 2 * j + 1], before[j + 1], taps[2])
            add_product(two[row, 2 * j + 1], before[j + 2], taps[0])
    for j in range(w):
        _copy_rows(state.rows[layer, here % 2, j + 1], two[here % 2, j])


@inlined
def pixel(weights: Weights, state: State, row: int, column: int) -> None:
    """What the network says of a pixel, which begins or goes on with its row."""
    for layer in range(len(weights.places)):
        kind, level, _, _ = weights.places[layer]
        if (row | column) % (1 << level) == 0:
            here, j = row >> level, column >> level
            if kind == ENTRY:
                _copy_rows(state.track[layer, j + 1], state.given[layer, j])
                add_product(state.track[layer, j + 1], state.pixels[here % 2, j], weights.left[1])
            elif kind == BLOCK:
                _block_pixel(weights, state, layer, j)
            elif kind == DOWN:
                _down_pixel(weights, state, layer, j)
            else:
                _up_pixel(weights, state, layer, here, j)
            _activate(state.active[layer, j + 1], state.track[layer, j + 1])
    y = state.narrow[0]
    for g in range(len(y)):
        copy(y[g], state.active[-1, column + 1, g, : y.shape[1]])
        copy(state.raw[g], weights.out_bias)
    add_product(state.raw, y, weights.out)


@inlined
def _block_pixel(weights: Weights, state: State, layer: int, j: int) -> None:
    number, skip, horizontal = weights.places[layer, 2], weights.places[layer, 3], weights.horizontal
    y, inside = state.narrow[0], state.wide[0]
    _copy_rows(y, state.given[layer, j])
    _copy_rows(inside, state.given_inside[layer, j])
    for tap in range(2):
        add_product(y, state.active[layer - 1, j + tap], horizontal.first[number, 2 + tap])
    if skip >= 0:
        add_product(y, state.active[skip, j + 1], horizontal.short[number])
    _activate(state.inner[layer, j + 1], y)
    for tap in range(2):
        add_product(inside, state.inner[layer, j + tap], horizontal.second[number, 2 + tap])
    _gated(state.track[layer, j + 1], state.track[layer - 1, j + 1], inside)


@inlined
def _down_pixel(weights: Weights, state: State, layer: int, j: int) -> None:
    number, after = weights.places[layer, 2], state.track[layer, j + 1]
    _copy_rows(after, state.given[layer, j])
    for tap in range(2):
        add_product(after, state.track[layer - 1, 2 * j + tap], weights.horizontal.down[number, 2 + tap])


@inlined
def _up_pixel(weights: Weights, state: State, layer: int, here: int, j: int) -> None:
    number, horizontal, four = weights.places[layer, 2], weights.horizontal, state.four[layer, j // 2]
    if (here | j) % 2 == 0:
        for tap in range(4):
            _fill(four[tap], horizontal.up_bias[number])
            add_product(four[tap], state.track[layer - 1, j // 2 + 1], horizontal.up[number, tap])
    _copy_rows(state.track[layer, j + 1], four[2 * (here % 2) + j % 2])
