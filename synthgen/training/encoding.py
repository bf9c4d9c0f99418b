"""Media to examples, on the training device."""

from __future__ import annotations

import torch

from synthgen.records import Batch
from synthgen.representations.base import Representation


@torch.no_grad()
def encoded(batch: Batch, representation: Representation, *, device: torch.device, parts: int = 1) -> list[Batch]:
    """A batch of media as `parts` equal batches of examples on `device`, in float32."""
    batch = batch.to(device)
    size = len(batch) // parts
    labels = {name: value.split(size) for name, value in batch.labels.items()}
    return [
        Batch(representation.encode(x), {name: pieces[i] for name, pieces in labels.items()}, x)
        for i, x in enumerate(batch.x.split(size))
    ]
