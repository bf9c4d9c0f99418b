"""A `PixelCNNpp` as arrays for its numba kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from synthgen.heads import LogisticMixture
from synthgen.nn.shifted import Block, Entry, GatedResidual, StreamName
from synthgen.records import Labels

from .lockstep import Kernel, Lockstep, array, drawable

if TYPE_CHECKING:
    from synthgen.kernels.pixelcnnpp_state import Inputs, Stream, Weights

    from .pixelcnnpp import PixelCNNpp


def scanner(model: PixelCNNpp, labels: Labels, n: int) -> Lockstep | None:
    """A compiled scanner; None where the kernel lacks the model's head.

    Raises:
        ImportError: numba is not installed.
        RuntimeError: the kernel does not compile.
    """
    from synthgen.kernels.pixelcnnpp import scan
    from synthgen.kernels.pixelcnnpp_state import Inputs, begin

    if not drawable(model.head) or (model.spec.shape[0] > 1 and not isinstance(model.head, LogisticMixture)):
        return None
    blocks = [layer for layer in model.layers if isinstance(layer, Block)]
    biases = torch.stack([torch.stack([b.vertical.second.bias, b.horizontal.second.bias]) for b in blocks])

    def inputs(labels: Labels, start: int, length: int) -> Inputs:
        gates = model.label_gates(labels, 1)
        return Inputs(gates=array(biases[None] + (0.0 if gates is None else gates)))

    kernel = Kernel(scan=scan, weights=_weights(model), begin=begin, inputs=inputs)
    return Lockstep(kernel, model.head, labels, n)


@torch.no_grad()
def _weights(model: PixelCNNpp) -> Weights:
    from synthgen.kernels import pixelcnnpp_state as kernels

    kinds = {"entry": kernels.ENTRY, "block": kernels.BLOCK, "down": kernels.DOWN, "up": kernels.UP}
    counts, places = dict.fromkeys(kinds, 0), []
    for place in model.places:
        places.append((kinds[place.kind], place.level, counts[place.kind], -1 if place.skip is None else place.skip))
        counts[place.kind] += 1
    entry, blocks = model.layers[0], [layer for layer in model.layers if isinstance(layer, Block)]
    return kernels.Weights(
        places=np.array(places, dtype=np.int64),
        table=array(_table(model)),
        top=array(entry.vertical.taps()),
        above=array(entry.above.taps()),
        left=array(entry.left.taps()),
        entry_bias=array(_entry_bias(entry, model.size)),
        vertical=_stream(model, "vertical"),
        horizontal=_stream(model, "horizontal"),
        heard=_stack([layer.horizontal.others[0].taps()[0] for layer in blocks]),
        out=array(model.out.taps()[0]),
        out_bias=array(model.out.bias),
        width=model.spec.shape[2],
    )


def _entry_bias(entry: Entry, size: tuple[int, int]) -> Tensor:
    """Of both streams at each place, (2, rows, columns, C)."""
    bias = torch.stack([entry.vertical.bias, entry.above.bias + entry.left.bias])[:, None, None]
    place = entry.at_places()
    return bias.expand(-1, *size, -1) if place is None else bias + place.movedim(1, -1)


def _table(model: PixelCNNpp) -> Tensor:
    """What each level of each channel adds to a pixel as it enters, (channels, levels, inputs).

    What enters is a sum over channels: that of a pixel of zeros, and what changes with one channel's level.
    """
    channels, levels = model.spec.shape[0], model.head.levels
    zeros = torch.zeros(levels, channels, dtype=torch.int64, device=model.device)
    base = model.embed(zeros)
    rows = []
    for c in range(channels):
        x = zeros.clone()
        x[:, c] = torch.arange(levels, device=model.device)
        rows.append(model.embed(x) - (base if c else 0))
    return torch.stack(rows)


def _stream(model: PixelCNNpp, name: StreamName) -> Stream:
    """All weights of a stream; a short-cut that is not there counts as zeros."""
    from synthgen.kernels.pixelcnnpp_state import Stream

    parts = {kind: [] for kind in ("block", "down", "up")}
    for place, layer in zip(model.places[1:], model.layers[1:], strict=True):
        parts[place.kind].append(getattr(layer, name))
    blocks: list[GatedResidual] = parts["block"]
    # The horizontal stream's first way in is the vertical one.
    shorts = [list(block.others)[int(name == "horizontal") :] for block in blocks]
    nothing = torch.zeros_like(blocks[0].first.taps()[0])
    return Stream(
        first=_stack([block.first.taps() for block in blocks]),
        bias=_stack([block.first.bias + sum(other.bias for other in block.others) for block in blocks]),
        short=_stack([short[0].taps()[0] if short else nothing for short in shorts]),
        second=_stack([block.second.taps() for block in blocks]),
        down=_stack([conv.taps() for conv in parts["down"]], like=blocks[0].first.taps()),
        down_bias=_stack([conv.bias for conv in parts["down"]], like=model.out.bias),
        up=_stack([conv.taps() for conv in parts["up"]], like=nothing[None]),
        up_bias=_stack([conv.bias for conv in parts["up"]], like=model.out.bias),
    )


def _stack(each: list[Tensor], like: Tensor | None = None) -> np.ndarray:
    """Tensors as one array; of none, an array of none with as many axes as those of tensors like `like`."""
    return array(torch.stack(each) if each else like.new_zeros(0, *like.shape))
