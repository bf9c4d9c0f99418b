"""Requests as the labels of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from synthgen import checks
from synthgen.models.base import GenerativeModel
from synthgen.records import Labels
from synthgen.rendering.request import Request


def labels_of(
    requests: Sequence[Request], model: GenerativeModel, *, instruments: Sequence[str], device: torch.device
) -> Labels:
    """Only what the model knows: it may have no velocity; family and source are left unknown.

    Args:
        requests: In the model's own names and in numbers, see `Repertoire.resolve`.
        model: What the labels are for.
        instruments: Its names of instruments, in its order.
        device: Where the model is.
    """
    blends = [r.instrument if isinstance(r.instrument, Mapping) else {r.instrument: 1.0} for r in requests]
    weights = torch.tensor([[blend.get(name, 0.0) for name in instruments] for blend in blends], device=device)
    adapted = any(request.adapted for request in requests)
    labels = {
        "instrument": _vectors(requests, model, weights) if adapted else weights,
        "pitch": torch.tensor([float(request.pitch) for request in requests]),
        "velocity": torch.tensor([float(request.velocity) for request in requests]),
    }
    known = {field.name for field in model.spec.fields}
    return {name: label.to(device) for name, label in labels.items() if name in known}


def _vectors(requests: Sequence[Request], model: GenerativeModel, weights: Tensor) -> Tensor:
    """Instruments (B, 1, D) of which some were fitted to recordings; the others' weights are (B, K)."""
    encoder = model.encoder.encoders["instrument"]
    vectors = encoder(weights, len(requests))
    for request, vector in zip(requests, vectors, strict=True):
        for one in request.adapted:
            checks.equal(f"size of {one.label}", len(one.vector), "that of the model's instruments", encoder.dim)
            share = 1.0 if isinstance(request.instrument, str) else request.instrument[one.label]
            vector += share * vector.new_tensor(one.vector)
    return vectors[:, None]
