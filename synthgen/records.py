"""The records that pass between layers: data -> model -> training -> rendering."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from synthgen import checks

Labels = dict[str, Tensor]
"""Labels of a batch by field name. Each is one of

* category: indices (B,) int64, -1 where unknown, or weights (B, size) that sum to one (a blend), or vectors
  (B, 1, dim) in the space of a model's embedding, for what is none of the names;
* ordinal, angle: values (B,) float in the field's own unit, NaN where unknown;
* multihot: (B, size) float of zeros and ones, NaN in a row where unknown.

A field that is missing from the dictionary is unknown for the whole batch.
"""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One label of an example.

    Attributes:
        name: What the label is called, e.g. ``"instrument"``.
        kind: ``category`` (one of `size` names), ``ordinal`` (ordered values that may be asked for in between),
            ``angle`` (degrees, wraps around at 360) or ``multihot`` (any number of `size` names at once).
        size: Number of categories, of learned points of an ordinal or an angle, or of flags.
        names: Names of the categories or flags, in index order; they travel with the checkpoint.
        values: The values of an ordinal's learned points, ascending, e.g. MIDI velocities ``(25, 50, 75, 100, 127)``.
    """

    name: str
    kind: Literal["category", "ordinal", "angle", "multihot"]
    size: int
    names: tuple[str, ...] = ()
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        checks.between(f"size of label {self.name}", self.size, 1, 1_000_000)
        if self.names:
            checks.equal(f"names of label {self.name}", len(self.names), "size", self.size)
        if self.kind == "ordinal":
            checks.equal(f"values of label {self.name}", len(self.values), "size", self.size)
            checks.ascending(f"values of label {self.name}", self.values)


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What one step along an axis of an example means.

    Attributes:
        unit: ``hz`` along frequencies, ``seconds`` along time, ``pixels`` along a picture.
        step: Distance of neighbouring entries in that unit; the first entry lies at zero.
    """

    unit: Literal["hz", "seconds", "pixels"]
    step: float = 1.0


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """All that a model may know of a data set.

    Attributes:
        shape: One example without its batch axis, channels first: (C, T), (C, F, L) or (C, H, W).
        levels: Number of values an entry takes where data are discrete (int64, 0 to levels - 1);
            None where they are continuous (float32, about -1 to 1).
        fields: The labels that examples carry.
        axes: The meaning of each axis after the channels.
        coded_by: Hash of the autoencoder where examples are its codes, which mean nothing to another; empty elsewhere.
    """

    shape: tuple[int, ...]
    levels: int | None = None
    fields: tuple[Field, ...] = ()
    axes: tuple[Axis, ...] = ()
    coded_by: str = ""

    @property
    def ndim(self) -> int:
        """Number of axes after the channels: 1 for waveforms and codes, 2 for images and spectrograms."""
        return len(self.shape) - 1

    def field(self, name: str) -> Field:
        """The label called `name`.

        Raises:
            ValueError: no such label; the message names the closest one.
        """
        checks.one_of("label", name, [f.name for f in self.fields])
        return next(f for f in self.fields if f.name == name)


@dataclass(frozen=True)
class Batch:
    """Examples (or media, before a representation has encoded them) and their labels.

    Attributes:
        x: (B, C, *S); see `DataSpec` for examples, `Representation` for media.
        labels: See `Labels`.
        media: What `x` was encoded from, for losses that compare what is heard or seen; None where nothing was.
    """

    x: Tensor
    labels: Labels = field(default_factory=dict)
    media: Tensor | None = None

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on `device`."""
        media = None if self.media is None else self.media.to(device)
        return Batch(self.x.to(device), {k: v.to(device) for k, v in self.labels.items()}, media)

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Loss:
    """What a phase minimises, and the parts worth a line in the log.

    Attributes:
        total: Scalar with a gradient.
        parts: Scalars to log; the trainer detaches them.
    """

    total: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
    """One optimizer's turn in a training step: most models have one, a GAN has two.

    Attributes:
        name: What the log calls it.
        module: What it changes.
        loss: What it minimises.
        rate: Its learning rate, as a multiple of the trainer's.
    """

    name: str
    module: nn.Module
    loss: Callable[[Batch], Loss]
    rate: float = 1.0
