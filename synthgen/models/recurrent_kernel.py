"""A `SampleRNN` as arrays for its numba kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from synthgen.records import Labels

from .autoregressive_waveform import LEAD
from .lockstep import Kernel, Lockstep, array, drawable

if TYPE_CHECKING:
    from synthgen.kernels.recurrent import Inputs, Weights

    from .recurrent import SampleRNN


def scanner(model: SampleRNN, labels: Labels, n: int) -> Lockstep | None:
    """A compiled scanner; None where the kernel lacks the model's head.

    Raises:
        ImportError: numba is not installed.
        RuntimeError: the kernel does not compile.
    """
    from synthgen.kernels import recurrent as kernels

    if not drawable(model.head):
        return None
    gru, frame, heard = model.recurrent.gru, model.config.frame, model.config.frame * model.config.entry

    def inputs(labels: Labels, start: int, length: int) -> Inputs:
        vector, hz = model.conditions(labels, 1)
        places = torch.arange(start, start + length, device=model.device)[None]
        lead = labels.get(LEAD)
        told = model.at_frames(vector, hz, places[:, -start % frame :: frame], lead)
        place = model.newest.bias + model.at_places(vector, hz, places, lead)
        return kernels.Inputs(
            first=array(model.first_state(vector)),
            told=array(told @ gru.weight_ih_l0[:, heard:].T + gru.bias_ih_l0),
            place=array(place.expand(1, length, -1)),
        )

    kernel = Kernel(scan=kernels.scan, weights=_weights(model), begin=kernels.begin, inputs=inputs)
    return Lockstep(kernel, model.head, labels, n)


@torch.no_grad()
def _weights(model: SampleRNN) -> Weights:
    from synthgen.kernels.recurrent import Weights

    config, gru = model.config, model.recurrent.gru
    levels = torch.arange(model.head.levels + 1, device=model.device)
    heard = gru.weight_ih_l0[:, : config.frame * config.entry].T
    dense = torch.zeros(config.layers, config.channels, config.channels)
    dense_bias = torch.zeros(config.layers, config.channels)
    for index, layer in enumerate(model.dense):
        dense[index], dense_bias[index] = layer.weight.T, layer.bias
    return Weights(
        entry=array(model.entry(levels)),
        value=array(model.head.value_before(levels)),
        heard=array(heard.reshape(config.frame, config.entry, -1)),
        kept=array(gru.weight_hh_l0.T),
        kept_bias=array(gru.bias_hh_l0),
        spread=array(model.spread.weight.T),
        spread_bias=array(model.spread.bias),
        newest=array(model.newest.weight.permute(2, 1, 0).flip(0)),
        dense=array(dense),
        dense_bias=array(dense_bias),
        head=array(model.out.weight.T),
        head_bias=array(model.out.bias),
    )
