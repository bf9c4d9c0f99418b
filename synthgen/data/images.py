"""Labelled pictures in memory, in the parts that every image data set has."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synthgen.checks import UserError
from synthgen.config import to_dict
from synthgen.data.splits import PARTS
from synthgen.records import Batch, DataSpec, Field, Labels
from synthgen.representations.base import ImageRepresentation

HELD_OUT = 0.1
"""Share of the pictures that are set aside to validate on, and to test on where a set has no test pictures."""
MOST_HELD_OUT = 5000


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Pictures and their labels.

    Attributes:
        x: (N, C, H, W) uint8, 0 for none of a channel and 255 for all; may be memory-mapped.
        labels: See `records.Labels`, each with N rows.
    """

    x: np.ndarray
    labels: Labels = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, indices: np.ndarray) -> Pictures:
        rows = torch.from_numpy(np.asarray(indices))
        return Pictures(x=self.x[indices], labels={name: values[rows] for name, values in self.labels.items()})


class Images:
    """The pictures of one part; see `synthgen.data.loading.Examples`.

    Attributes:
        spec: What a model may know of the encoded pictures.
        pictures: All of them.
    """

    def __init__(self, spec: DataSpec, pictures: Pictures, *, provenance: Mapping[str, Any]) -> None:
        self.spec, self.pictures = spec, pictures
        self._provenance = {**provenance, "pictures": len(pictures)}

    def __len__(self) -> int:
        return len(self.pictures)

    def batch(self, indices: Tensor) -> Batch:
        """Pictures (B, C, H, W) float32 in [0, 1] and labels of those at `indices` (B,) int64, on the CPU."""
        x = torch.from_numpy(np.multiply(self.pictures.x[indices.numpy()], np.float32(1 / 255), dtype=np.float32))
        return Batch(x, {name: values[indices] for name, values in self.pictures.labels.items()})

    def provenance(self) -> dict[str, Any]:
        """Name and size of the part, and the split's hash."""
        return dict(self._provenance)


class ImageSet:
    """A data set of pictures and its parts `train`, `valid` and `test`.

    Attributes:
        fields: Labels.
        spec: What a model may know of the encoded pictures.
        split_hash: SHA-256 of the pictures of each part.
    """

    def __init__(
        self,
        name: str,
        parts: Mapping[str, Pictures],
        representation: ImageRepresentation,
        *,
        fields: tuple[Field, ...] = (),
        config: Any = None,
    ) -> None:
        """`parts` are train, valid and test; all of `config` but the root goes into the provenance.

        Raises:
            UserError: a part is empty, or its pictures are not of the size that the representation takes.
        """
        self.fields, self.spec = fields, representation.spec(fields)
        wanted = (representation.channels, representation.height, representation.width)
        for part, pictures in parts.items():
            if not len(pictures):
                raise UserError(f"{name}: there are no pictures in its part {part}; give more")
            check_size(f"{name}, {part}", pictures.x.shape[1:], wanted)
        self.split_hash = _hash(parts)
        options = {key: value for key, value in (to_dict(config) or {}).items() if key != "root"}
        provenance = {"name": name, "split_hash": self.split_hash, "options": options}
        self.train, self.valid, self.test = (
            Images(self.spec, parts[part], provenance={**provenance, "part": part}) for part in PARTS
        )


def find_folder(root: Path, *, published: str = "") -> Path:
    """The folder that a set lies in.

    Raises:
        UserError: there is none; the message says where the set is `published`.
    """
    folder = root.expanduser()
    if folder.is_dir():
        return folder
    raise UserError(f"{root}: no such folder; {remedy(published)}")


def remedy(published: str = "") -> str:
    """What to do where a set is not found."""
    return "check --data.root" + (f"; the set is published at {published}" if published else "")


def category(name: str, names: Sequence[str]) -> Field:
    """A label that is one of `names`."""
    return Field(name=name, kind="category", size=len(names), names=tuple(names))


def check_size(where: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Raise UserError unless pictures (channels, height, width) are of the size that a model takes."""
    if tuple(found) == tuple(wanted):
        return
    channels, height, width = found
    raise UserError(
        f"{where}: pictures of {height} x {width} pixels and {channels} channel(s), the representation takes "
        f"{wanted[1]} x {wanted[2]} and {wanted[0]}; change representation.height, .width or .channels"
    )


def hold_out(size: int, *, seed: int, share: float = HELD_OUT) -> tuple[np.ndarray, np.ndarray]:
    """Indices that stay and that are set aside, both ascending; at least one of each.

    Raises:
        UserError: there are fewer than two.
    """
    if size < 2:
        raise UserError(f"{size} picture(s) are too few to hold any out; give at least 2")
    count = min(max(1, round(share * size)), MOST_HELD_OUT)
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed)).numpy()
    return np.sort(order[count:]), np.sort(order[:count])


def random_parts(size: int, *, seed: int) -> dict[str, np.ndarray]:
    """Indices of train, valid and test, 80/10/10, each ascending; at least one of each.

    Raises:
        UserError: there are fewer than three.
    """
    if size < len(PARTS):
        raise UserError(f"{size} picture(s) are too few for train, valid and test; give at least {len(PARTS)}")
    count = max(1, round(HELD_OUT * size))
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed)).numpy()
    valid, test, train = np.split(order, [count, 2 * count])
    return {"train": np.sort(train), "valid": np.sort(valid), "test": np.sort(test)}


def divided(pictures: Pictures, *, seed: int) -> dict[str, Pictures]:
    """The parts of a set that has no test pictures of its own; see `random_parts`."""
    return {part: pictures[rows] for part, rows in random_parts(len(pictures), seed=seed).items()}


def with_valid(train: Pictures, test: Pictures, *, seed: int) -> dict[str, Pictures]:
    """The parts of a set that has test pictures of its own; see `hold_out`."""
    stay, aside = hold_out(len(train), seed=seed)
    return {"train": train[stay], "valid": train[aside], "test": test}


def _hash(parts: Mapping[str, Pictures]) -> str:
    digest = hashlib.sha256()
    for part in sorted(parts):
        pictures = parts[part]
        digest.update(f"{part} {pictures.x.shape}".encode())
        for start in range(0, len(pictures), 4096):
            digest.update(np.ascontiguousarray(pictures.x[start : start + 4096]))
        for name in sorted(pictures.labels):
            digest.update(f"{name}".encode() + np.ascontiguousarray(pictures.labels[name].numpy()).tobytes())
    return digest.hexdigest()
