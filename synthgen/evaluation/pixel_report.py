"""What a model makes of pictures: bits per dimension, pictures beside real ones, and where it is surprised."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from synthgen import checks
from synthgen.data.loading import Examples
from synthgen.data.picture_file import to_bytes, write_sheet
from synthgen.heads import PLAIN, Sampling
from synthgen.models.autoregressive import Autoregressive
from synthgen.records import Batch, Field, Labels
from synthgen.representations.base import ImageRepresentation

from .player import relabel

COLUMNS = 16
"""Pictures on a line of a sheet at most."""
AT_ONCE = 64
"""Pictures that are generated together."""
COUNTED = 10_000
"""Training pictures at most whose levels are counted."""


@dataclass(frozen=True, kw_only=True)
class BitsPerDim:
    """Mean bits that an element takes (a level of a channel of a pixel, or a colour of a palette).

    Attributes:
        pictures: Number of pictures predicted.
        model: The model's mean.
        error: Its standard error, over pictures.
        unigram: Of each level by its share among the training pictures' alone, of codes by channel; None without.
    """

    pictures: int
    model: float
    error: float
    unigram: float | None = None

    def table(self, *, element: str = "dim", examples: str = "pictures") -> str:
        """The figures in Markdown, aligned as they stand; `element` and `examples` are what these are called."""
        rows = [("model", f"{self.model:.4f} +- {self.error:.4f}")]
        if self.unigram is not None:
            rows += [("unigram", f"{self.unigram:.4f}"), ("saved by the model", f"{self.unigram - self.model:.4f}")]
        heading, unit = f"{self.pictures} held-out {examples}", f"bits per {element}"
        wide, narrow = len(heading), max(len(unit), *(len(value) for _, value in rows))
        lines = [f"| {name:<{wide}} | {value:<{narrow}} |" for name, value in [(heading, unit), *rows]]
        return "\n".join([lines[0], f"| {'-' * wide} | {'-' * narrow} |", *lines[1:]])


def held_out_bits_per_dim(
    model: Autoregressive,
    representation: ImageRepresentation,
    examples: Examples,
    *,
    train: Examples | None = None,
    limit: int | None = None,
    batch_size: int = 32,
) -> BitsPerDim:
    """Bits per dimension of a model, and of what needs none.

    Args:
        model: In eval mode.
        representation: Makes the levels that the model sees.
        examples: Pictures to predict.
        train: Pictures to count levels in, for the figure without a model.
        limit: Predict so many pictures, evenly spread; None takes all.
        batch_size: Pictures predicted together.
    """
    counts = None if train is None else _level_shares(train, representation, model.head.levels)
    means, alone = [], []
    for batch in _spread(examples, limit, batch_size, "predicting pictures"):
        x = representation.encode(batch.x)
        labels = relabel(batch.labels, given=examples.spec.fields, known=model.spec.fields)
        bits = model.surprise(Batch(x, labels).to(model.device))
        means.append(bits.flatten(1).double().mean(1).cpu())
        if counts is not None:
            alone.append(
                -torch.stack([c[y] for c, y in zip(counts, x.unbind(1), strict=True)]).log2().flatten(2).mean((0, 2))
            )
    found = torch.cat(means)
    return BitsPerDim(
        pictures=len(found),
        model=found.mean().item(),
        error=found.std().item() / math.sqrt(len(found)) if len(found) > 1 else math.nan,
        unigram=torch.cat(alone).mean().item() if alone else None,
    )


def write_class_sheet(
    path: Path,
    model: Autoregressive,
    representation: ImageRepresentation,
    examples: Examples,
    *,
    per_class: int = 8,
    seed: int = 0,
    sampling: Sampling = PLAIN,
) -> None:
    """Write a PNG with a row of real pictures for each class, and a row generated with their labels below, atomically.

    Args:
        path: File to write.
        model: In eval mode.
        representation: Between media and what the model sees.
        examples: Where real pictures and the labels are taken from.
        per_class: Pictures of each class, fewer where there are not so many.
        seed: Of the choice of real pictures, and of the generated ones.
        sampling: How to draw.
    """
    real = class_examples(model, examples, per_class=per_class, seed=seed)
    made = generate(model, representation, examples, real.labels, len(real), seed=seed, sampling=sampling)
    real_pictures = representation.decode(representation.encode(real.x))
    rows: list[tuple[str, np.ndarray]] = []
    for name, members in by_class(class_field(model, examples), real):
        rows.append((f"{name}, real" if name else "real", to_bytes(real_pictures[members].numpy())))
        rows.append((f"{name}, generated" if name else "generated", to_bytes(made[members].numpy())))
    write_sheet(path, rows, columns=min(COLUMNS, max(len(pictures) for _, pictures in rows)))


def write_surprise(
    path: Path, model: Autoregressive, representation: ImageRepresentation, examples: Examples, count: int
) -> None:
    """Write a PNG of up to `count` pictures and, below, of the bits that each pixel took: black none, white the most.

    The bits of a pixel are the mean over its channels.
    """
    checks.between("count", count, 1, 2**20)
    (batch,) = _spread(examples, count, count, "predicting pictures")
    x = representation.encode(batch.x)
    labels = relabel(batch.labels, given=examples.spec.fields, known=model.spec.fields)
    bits = model.surprise(Batch(x, labels).to(model.device)).cpu()
    bits = bits if bits.ndim == 3 else bits.mean(1)
    most = bits.max().clamp(min=1e-6)
    rows = [
        ("pictures", to_bytes(representation.decode(x).numpy())),
        (f"bits per dim, white is {most:.1f}", to_bytes(_heat(bits / most).numpy())),
    ]
    write_sheet(path, rows, columns=min(COLUMNS, count))


def class_field(model: Autoregressive, examples: Examples) -> Field | None:
    """The first category that both the data have and the model is given; None where there is none."""
    given = [f for f in examples.spec.fields if f.kind == "category" and f.name in model.config.labels]
    return given[0] if given else None


def class_examples(model: Autoregressive, examples: Examples, *, per_class: int, seed: int = 0) -> Batch:
    """Real pictures in random order, `per_class` of each class or as many as there are, and their labels.

    Where the model is given no class there are `per_class` in all.
    """
    checks.between("per_class", per_class, 1, 2**20)
    field = class_field(model, examples)
    order = torch.randperm(len(examples), generator=torch.Generator().manual_seed(seed))
    if field is None:
        return examples.batch(order[:per_class])
    wanted = dict.fromkeys(range(field.size), per_class)
    taken = []
    for indices in order.split(256):
        for index, label in zip(indices.tolist(), examples.batch(indices).labels[field.name].tolist(), strict=True):
            if wanted.get(label):
                wanted[label] -= 1
                taken.append(index)
        if not any(wanted.values()):
            break
    return examples.batch(torch.tensor(taken))


def generate(
    model: Autoregressive,
    representation: ImageRepresentation,
    examples: Examples,
    labels: Labels,
    n: int,
    *,
    seed: int = 0,
    sampling: Sampling = PLAIN,
) -> Tensor:
    """Draw n pictures (n, C, H, W) in [0, 1], on the CPU.

    Args:
        model: In eval mode.
        representation: Turns its examples into pictures.
        examples: The data set by whose fields `labels` are numbered.
        labels: See `records.Labels`.
        n: Number of pictures.
        seed: Of the draws.
        sampling: How to draw.
    """
    rng = torch.Generator().manual_seed(seed)
    known = relabel(labels, given=examples.spec.fields, known=model.spec.fields)
    made = []
    for start in tqdm(range(0, n, AT_ONCE), desc="drawing pictures", disable=None, leave=False):
        part = {name: label[start : start + AT_ONCE].to(model.device) for name, label in known.items()}
        x = model.sample(min(AT_ONCE, n - start), part, rng=rng, sampling=sampling)
        made.append(representation.decode(x).float().cpu())
    return torch.cat(made)


def by_class(field: Field | None, batch: Batch) -> Iterator[tuple[str, Tensor]]:
    """Name and indices of the pictures of each class that has any."""
    if field is None:
        yield "", torch.arange(len(batch))
        return
    for index in range(field.size):
        members = (batch.labels[field.name] == index).nonzero()[:, 0]
        if len(members):
            yield (field.names[index] if field.names else f"{field.name} {index}"), members


def _level_shares(train: Examples, representation: ImageRepresentation, levels: int) -> Tensor:
    """Probability (C, levels) float64 of each level among training pictures, with one counted for each beforehand.

    Channels of codes are told apart, since each has a meaning of its own; those of pixels are counted together.
    """
    channels = train.spec.shape[0]
    counts = torch.zeros(channels, levels, dtype=torch.float64)
    for batch in _spread(train, COUNTED, 256, "counting levels"):
        found = representation.encode(batch.x).transpose(0, 1).flatten(1)
        counts += torch.stack([torch.bincount(x, minlength=levels) for x in found])
    if not train.spec.coded_by:
        counts = counts.sum(0, keepdim=True).expand(channels, -1)
    return (counts + 1) / (counts + 1).sum(1, keepdim=True)


def _spread(examples: Examples, limit: int | None, batch_size: int, description: str) -> Iterator[Batch]:
    """Batches of about `limit` examples, evenly spread, on the CPU."""
    checks.between("limit", 1 if limit is None else limit, 1, 10**9)
    count = min(limit or len(examples), len(examples))
    indices = torch.linspace(0, len(examples) - 1, count, dtype=torch.float64).round().long()
    for part in tqdm(indices.split(batch_size), desc=description, disable=None, leave=False):
        yield examples.batch(part)


def _heat(x: Tensor) -> Tensor:
    """Numbers in [0, 1], (N, H, W), as colours (N, 3, H, W) from black over red and yellow to white."""
    return torch.stack([3 * x, 3 * x - 1, 3 * x - 2], dim=1).clamp(0, 1)
