"""Pictures whose lower part is covered, and what a model makes of it."""

from __future__ import annotations

from pathlib import Path

import torch

from synthgen import checks
from synthgen.data.images import Images
from synthgen.data.picture_file import to_bytes, write_sheet
from synthgen.models.autoregressive import Autoregressive
from synthgen.representations.base import ImageRepresentation

from .player import relabel

HIDDEN = 0.5
"""Grey of what is covered."""
EACH = 3
"""Completions of each picture."""


def known_rows(height: int, covered: float) -> int:
    """Rows from the top that are seen where a share of a picture is covered.

    >>> known_rows(20, 0.75)
    5
    """
    checks.between("covered", covered, 0, 1)
    return height - round(covered * height)


def write_completions(
    path: Path,
    model: Autoregressive,
    representation: ImageRepresentation,
    examples: Images,
    *,
    covered: float,
    count: int = 12,
    seed: int = 0,
) -> None:
    """Write a PNG of pictures with their lower part covered, of `EACH` completions, and of the real ones, atomically.

    Args:
        path: File to write.
        model: In eval mode.
        representation: Between media and what the model sees.
        examples: Pictures that the model was not trained on; evenly spread ones are taken.
        covered: Share of the rows, from below.
        count: Number of pictures.
        seed: Of the draws.
    """
    checks.between("count", count, 1, len(examples))
    batch = examples.batch(torch.linspace(0, len(examples) - 1, count, dtype=torch.float64).round().long())
    labels = relabel(batch.labels, given=examples.spec.fields, known=model.spec.fields)
    labels = {name: label.to(model.device) for name, label in labels.items()}
    x = representation.encode(batch.x)
    height = x.shape[2]
    rows = known_rows(height, covered)
    known = model.in_order(model.elements(x[:, :, :rows]))
    rng = torch.Generator().manual_seed(seed)
    real = representation.decode(x)
    seen = real.clone()
    seen[:, :, rows:] = HIDDEN
    lines = [(f"the upper {rows} of {height} rows", seen)]
    for number in range(1, EACH + 1):
        made = model.complete(known, labels, rng=rng).cpu()
        lines.append((f"completion {number}", representation.decode(made)))
    write_sheet(path, [(name, to_bytes(pictures.numpy())) for name, pictures in [*lines, ("real", real)]])
