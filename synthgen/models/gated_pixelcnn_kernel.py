"""A `GatedPixelCNN` as arrays for its numba kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from synthgen.heads import Bernoulli
from synthgen.records import Labels

from .gated_kernel import gated_layers
from .lockstep import Kernel, Lockstep, array

if TYPE_CHECKING:
    from synthgen.kernels.gated_pixelcnn import Inputs, Weights

    from .gated_pixelcnn import ColourReadout, GatedPixelCNN


def scanner(model: GatedPixelCNN, labels: Labels, n: int) -> Lockstep:
    """A compiled scanner.

    Raises:
        ImportError: numba is not installed.
        RuntimeError: the kernel does not compile.
    """
    from synthgen.kernels import gated_pixelcnn as kernels

    biases = torch.stack(
        [
            torch.cat([down.conv.bias, down.across.bias + right.conv.bias])
            for down, right in zip(model.vertical, model.horizontal, strict=True)
        ]
    )
    channels, _, width = model.spec.shape

    def inputs(labels: Labels, start: int, length: int) -> Inputs:
        rows = slice(start // (channels * width), (start + length - 1) // (channels * width) + 1)
        gates = model.at_gates(labels, 1).transpose(0, 1) + biases
        return kernels.Inputs(place=array(model.at_places(labels, 1)[:, rows]), gates=array(gates))

    kernel = Kernel(scan=kernels.scan, weights=_weights(model), begin=kernels.begin, inputs=inputs)
    return Lockstep(kernel, model.head, labels, n)


@torch.no_grad()
def _weights(model: GatedPixelCNN) -> Weights:
    from synthgen.kernels.gated_pixelcnn import Weights

    levels = torch.arange(model.head.levels + 1, device=model.device)
    readout = model.readout
    outs = [_two_logits(out) if isinstance(model.head, Bernoulli) else (out.weight, out.bias) for out in readout.outs]
    taps = [layer.conv.weight.flip(2).permute(2, 3, 1, 0).flatten(0, 1) for layer in model.vertical]
    return Weights(
        entries=array(torch.stack([entry(levels) for entry in model.entries])),
        taps=array(torch.cat(taps)),
        kernels=np.array([layer.conv.weight.shape[3] for layer in model.vertical], dtype=np.int64),
        across=array(torch.stack([layer.across.weight.T for layer in model.vertical])),
        layers=gated_layers(model.horizontal),
        hidden=array(torch.stack([hidden.weight.T for hidden in readout.hidden])),
        hidden_bias=array(torch.stack([hidden.bias for hidden in readout.hidden])),
        before=array(_before(readout, levels[:-1])),
        head=array(torch.stack([weight.T for weight, _ in outs])),
        head_bias=array(torch.stack([bias for _, bias in outs])),
        width=model.spec.shape[2],
    )


def _two_logits(out: torch.nn.Linear) -> tuple[Tensor, Tensor]:
    """A layer that makes the logit of one, as a layer that makes those of zero, which is 0, and of one."""
    return F.pad(out.weight, (0, 0, 1, 0)), F.pad(out.bias, (1, 0))


def _before(readout: ColourReadout, levels: Tensor) -> Tensor:
    """What each level of each channel adds to the next ones' hidden layer, (channels - 1, channels, levels, S)."""
    channels, size = len(readout.outs), readout.outs[0].in_features
    added = torch.zeros(max(map(len, readout.before)), channels, len(levels), size, device=levels.device)
    for channel, entries in enumerate(readout.before):
        for before, entry in enumerate(entries):
            added[before, channel] = entry(levels)
    return added
