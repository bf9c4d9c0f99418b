"""Labels as vectors, and vectors as modulation of any block."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks
from synthgen.records import Field, Labels


class FieldEncoder(nn.Module):
    """One label as a vector: indices, values, weights or "unknown", by a learned table or one-hot.

    Ordinals interpolate linearly between the learned points of `Field.values` and are clamped to their range; angles
    interpolate between `size` points around the circle; a category's weights and a multi-hot label's flags take
    the weighted sum of rows. "Unknown" is a row of its own.
    """

    def __init__(self, field: Field, dim: int | None) -> None:
        """`dim` is the size of the learned vectors; None gives one-hot vectors of `field.size`."""
        super().__init__()
        self.field, self.dim = field, dim or field.size
        self.unknown = nn.Parameter(torch.zeros(self.dim))
        if field.kind == "ordinal":
            self.register_buffer("points", torch.tensor(field.values))
        self.table = nn.Parameter(self._first_table(dim)) if dim else None

    def forward(self, label: Tensor | None, n: int) -> Tensor:
        """A label as in `records.Labels`, or None, and the batch size -> (n, dim).

        Raises:
            UserError: the label has another shape, or an index out of range.
        """
        if label is None:
            return self.unknown.expand(n, -1)
        if label.ndim == 3:
            checks.shape(f"label {self.field.name}", label, (n, 1, self.dim))
            return label[:, 0]
        weights, known = self.weights(label, n)
        vectors = weights @ self.table if self.table is not None else weights
        return torch.where(known[:, None], vectors, self.unknown)

    def weights(self, label: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """The label as weights of the table's rows (n, size), and where it is known (n,)."""
        f = self.field
        if label.ndim == 2:
            checks.shape(f"label {f.name}", label, (n, f.size))
            known = label.isfinite().all(1)
            return torch.where(known[:, None], label, 0).to(self.unknown.dtype), known
        checks.shape(f"label {f.name}", label, (n,))
        if f.kind == "category":
            if (label >= f.size).any():
                raise checks.UserError(f"label {f.name}={int(label.max())} must be below its size={f.size}")
            return F.one_hot(label.clamp(min=0), f.size).to(self.unknown.dtype), label >= 0
        known = label.isfinite()
        return self._interpolate(torch.where(known, label, 0.0).to(self.unknown.dtype)), known

    def _first_table(self, dim: int) -> Tensor:
        if self.field.kind == "ordinal":
            return smooth_table(self.points, dim)
        return torch.randn(self.field.size, dim) / math.sqrt(dim)

    def _interpolate(self, value: Tensor) -> Tensor:
        size = self.field.size
        if self.field.kind == "angle":
            place = value.remainder(360) / 360 * size
            low = place.floor()
        else:
            value = value.clamp(self.points[0], self.points[-1])
            low = ((value[:, None] >= self.points).sum(1) - 1).clamp(0, max(size - 2, 0))
            high = (low + 1).clamp(max=size - 1)
            place = low + (value - self.points[low]) / (self.points[high] - self.points[low]).clamp(min=1e-9)
        share, low = place - low, low.long()
        return F.one_hot(low % size, size) * (1 - share)[:, None] + F.one_hot((low + 1) % size, size) * share[:, None]


def smooth_table(points: Tensor, dim: int) -> Tensor:
    """First vectors (len(points), dim) of an ordinal's points, alike where the points lie close together.

    Random Fourier features (Rahimi and Recht, 2007, algorithm 1) of a Gaussian a quarter of the range wide: what is
    learned of one pitch or velocity holds for its neighbours from the beginning.
    """
    width = (points[-1] - points[0]).clamp(min=1e-6) / 4
    angles = points[:, None] * (torch.randn(dim) / width) + 2 * math.pi * torch.rand(dim)
    return angles.cos() * math.sqrt(2 / dim)


class LabelEncoder(nn.Module):
    """All labels as one vector: the concatenated `FieldEncoder`s through two dense layers.

    In training each label is replaced by "unknown" with probability `dropout`, so that a label may be left out later
    (as in classifier-free guidance, Ho and Salimans, 2022, arXiv:2207.12598, section 3.1).
    """

    def __init__(self, fields: tuple[Field, ...], dim: int, *, table: int | None = 64, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict({f.name: FieldEncoder(f, table) for f in fields})
        self.dropout = dropout
        width = sum(e.dim for e in self.encoders.values())
        self.dense = nn.Sequential(nn.Linear(width, dim), nn.SiLU(), nn.Linear(dim, dim), nn.SiLU())

    def forward(self, labels: Labels, n: int) -> Tensor:
        """Labels and the batch size -> (n, dim)."""
        return self.dense(torch.cat([self._encode(name, labels.get(name), n) for name in self.encoders], dim=1))

    def _encode(self, name: str, label: Tensor | None, n: int) -> Tensor:
        encoder = self.encoders[name]
        vector = encoder(label, n)
        if self.training and self.dropout:
            drop = torch.rand(n, 1, device=vector.device) < self.dropout
            vector = torch.where(drop, encoder.unknown, vector)
        return vector


class Modulate(nn.Module):
    """Scale and shift of channels by a vector (FiLM; Perez et al., 2018, arXiv:1709.07871, section 2)."""

    def __init__(self, ndim: int, dim: int, channels: int) -> None:
        super().__init__()
        self.ndim = ndim
        self.project = nn.Linear(dim, 2 * channels)
        nn.init.normal_(self.project.weight, std=0.02)
        nn.init.zeros_(self.project.bias)

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:
        """(B, C, *S) and (B, dim) -> (B, C, *S)."""
        scale, shift = self.project(vector)[(...,) + (None,) * self.ndim].chunk(2, dim=1)
        return torch.addcmul(shift.to(x.dtype), x, 1 + scale.to(x.dtype))
