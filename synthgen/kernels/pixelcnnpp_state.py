"""What the kernel of PixelCNN++ knows: its weights, and its state.

All arrays are contiguous, with the outputs of a layer last. n is the number of pictures, C the width, L that of layers,
W that of columns, of which a layer whose resolution was halved k times uses the first W / 2 ** k. Rows of the vertical
stream have a column of zeros at either side, those of the horizontal one to the left only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

ENTRY, BLOCK, DOWN, UP = range(4)


class Stream(NamedTuple):
    """The weights of one stream.

    Taps go row by row, and from left to right; the vertical stream's convolutions have six, the horizontal one's four.

    Attributes:
        first: Of each block, (blocks, taps, 2 C, C).
        bias: Of these, and of what enters beside, (blocks, C).
        short: Of the short-cuts, (blocks, 2 C, C); zeros where there is none.
        second: (blocks, taps, 2 C, 2 C).
        down: (scales, taps, C, C).
        down_bias: (scales, C).
        up: (scales, taps, C, C).
        up_bias: (scales, C).
    """

    first: np.ndarray
    bias: np.ndarray
    short: np.ndarray
    second: np.ndarray
    down: np.ndarray
    down_bias: np.ndarray
    up: np.ndarray
    up_bias: np.ndarray


class Weights(NamedTuple):
    """The network, float32 but for the places.

    Attributes:
        places: Of each layer its kind, its level, its number among those of its kind and its short-cut's layer or -1,
            (L, 4) int64.
        table: What each level of each channel adds to a pixel as it enters, (channels, levels, inputs).
        top: From the two rows above to the vertical stream, (6, inputs, C).
        above: From the row above to the horizontal stream, (3, inputs, C).
        left: From the pixel to the left, the row above first, (2, inputs, C).
        entry_bias: Of both streams at each place, (2, rows, W, C).
        vertical: See `Stream`.
        horizontal: See `Stream`.
        heard: From the vertical stream to the horizontal one's blocks, (blocks, 2 C, C).
        out: (C, outputs).
        out_bias: (outputs,).
        width: Columns of a picture.
    """

    places: np.ndarray
    table: np.ndarray
    top: np.ndarray
    above: np.ndarray
    left: np.ndarray
    entry_bias: np.ndarray
    vertical: Stream
    horizontal: Stream
    heard: np.ndarray
    out: np.ndarray
    out_bias: np.ndarray
    width: int


class Inputs(NamedTuple):
    """What is known of the pictures beside their elements.

    Attributes:
        gates: Added before the gates of both streams' blocks, with the bias of `Stream.second`, (n, blocks, 2, 2 C).
    """

    gates: np.ndarray


class State(NamedTuple):
    """What is remembered of n pictures, and room to compute in; pairs of rows go by the row's number modulo 2.

    Attributes:
        pixels: Two rows as they enter, (2, W + 2, n, inputs).
        rows: Of the vertical stream after each layer, (L, 2, W + 2, n, C).
        active_rows: Their concatenated ELUs, (L, 2, W + 2, n, 2 C).
        inner_rows: Those within blocks, (L, 2, W + 2, n, 2 C).
        two_rows: What comes up, (L, 2, W, n, C).
        track: The newest row of the horizontal stream after each layer, (L, W + 1, n, C).
        active: Its concatenated ELUs, (L, W + 1, n, 2 C).
        inner: Those within blocks, (L, W + 1, n, 2 C).
        four: What comes up at each coarser pixel, (L, W, 4, n, C).
        given: What each pixel of the row takes from above, (L, W, n, C).
        given_inside: The same for the second convolution of blocks, (L, W, n, 2 C).
        narrow: (W, n, C).
        wide: (W, n, 2 C).
        raw: What the network says of a pixel, (n, outputs).
        parameters: Of the head, (n, channels of the head).
        levels: Of the pixel, (n, channels) int64.
        room: (2, channels of the head) float64.
    """

    pixels: np.ndarray
    rows: np.ndarray
    active_rows: np.ndarray
    inner_rows: np.ndarray
    two_rows: np.ndarray
    track: np.ndarray
    active: np.ndarray
    inner: np.ndarray
    four: np.ndarray
    given: np.ndarray
    given_inside: np.ndarray
    narrow: np.ndarray
    wide: np.ndarray
    raw: np.ndarray
    parameters: np.ndarray
    levels: np.ndarray
    room: np.ndarray


def begin(weights: Weights, n: int) -> State:
    """The state before the first element of n pictures."""
    count, w = len(weights.places), weights.entry_bias.shape[2]
    channels, _, inputs = weights.table.shape
    c, outputs = weights.out.shape
    parameters = outputs if channels == 1 else 3 * (outputs // (1 + 2 * channels + channels * (channels - 1) // 2))
    row, pair = (count, w + 1, n), (count, 2, w + 2, n)
    sizes = [(2, w + 2, n, inputs), (*pair, c), (*pair, 2 * c), (*pair, 2 * c), (count, 2, w, n, c)]
    sizes += [(*row, c), (*row, 2 * c), (*row, 2 * c), (count, w, 4, n, c), (count, w, n, c), (count, w, n, 2 * c)]
    sizes += [(w, n, c), (w, n, 2 * c), (n, outputs), (n, parameters)]
    rooms = [np.zeros(size, dtype=np.float32) for size in sizes]
    return State(*rooms, np.zeros((n, channels), dtype=np.int64), np.zeros((2, parameters)))
