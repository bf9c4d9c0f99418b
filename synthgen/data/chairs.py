"""Rendered chairs (Aubry et al., 2014, doi:10.1109/CVPR.2014.487), and those of `synthgen data chairs`."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from synthgen import checks
from synthgen.checks import UserError
from synthgen.data.building import unfinished
from synthgen.data.chair_layout import FOLDER, RENDERS, VIEWS, parse_view
from synthgen.data.image_folder import load_pictures
from synthgen.data.images import HELD_OUT, ImageSet, Pictures, category, find_folder
from synthgen.data.splits import PARTS
from synthgen.records import Field, Labels
from synthgen.representations.base import ImageRepresentation

PUBLISHED = (
    "https://www.di.ens.fr/willow/research/seeing3Dchairs/ (rendered_chairs.tar); `synthgen data chairs --out DIR` "
    "draws one like it"
)


@dataclass(frozen=True, kw_only=True)
class View:
    """One picture of a chair; angles in degrees."""

    path: Path
    chair: str
    rotation: float
    elevation: int


class Chairs(ImageSet):
    """Chairs from many sides, with the labels `chair`, `rotation` and `elevation`, on white.

    Of each chair a tenth of the rotations is `valid` and a tenth is `test`, at every elevation: a model has to turn
    a chair that it knows to where it never saw it.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Which chairs, how their views are split, and how a rotation is told."""

        root: Path = Path("data/chairs")
        """The folder `rendered_chairs`, or the one that it lies in."""
        limit: int | None = None
        """Take the first so many chairs by name; None takes all."""
        hold_out: Literal["view", "rotation"] = "view"
        """Hold out other rotations of each chair, or the same of all chairs, which then are never seen."""
        rotation: Literal["circle", "category"] = "circle"
        """Tell a rotation in degrees, which may lie between those that were seen, or as one of those in the set."""
        points: int = 12
        """Learned points around the circle."""
        skip_bad: bool = False
        """Leave out pictures that cannot be read instead of stopping at the first."""

    def __init__(self, config: Chairs.Config, representation: ImageRepresentation) -> None:
        """Read all pictures, scaled to the representation's size.

        Raises:
            UserError: no such folder, no renders in it, an unfinished set, or a picture that cannot be read.
        """
        checks.one_of("data.hold_out", config.hold_out, ("view", "rotation"))
        checks.one_of("data.rotation", config.rotation, ("circle", "category"))
        checks.between("data.points", config.points, 3, 360)
        self.config = config
        views = find_views(config.root, limit=config.limit)
        x, read, skipped = load_pictures([view.path for view in views], representation, skip_bad=config.skip_bad)
        views = [views[row] for row in read]
        _tell_of_gaps(config.root, views, skipped)
        fields = _fields(views, config)
        pictures = Pictures(x=x, labels=_labels(views, fields))
        rows = split(views, by_chair=config.hold_out == "view")
        parts = {part: pictures[rows[part]] for part in PARTS}
        super().__init__("chairs", parts, representation, fields=fields, config=config)


def find_views(root: Path, *, limit: int | None = None) -> list[View]:
    """All renders of a set, sorted by chair, elevation and rotation.

    Raises:
        UserError: there is no such folder, there are none in it, or a set is still being built in it.
    """
    folder = find_folder(root, published=PUBLISHED)
    inner = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    if unfinished(inner) or unfinished(inner.parent):
        raise UserError(f"{root}: its chairs are not all drawn; repeat the command that builds it, which goes on")
    views, bare = [], []
    for chair in sorted(path.parent for path in inner.glob(f"*/{RENDERS}"))[:limit]:
        seen = [(path, parse_view(path)) for path in (chair / RENDERS).iterdir()]
        ordered = sorted((view[::-1], path) for path, view in seen if view)
        bare += [] if ordered else [chair.name]
        views += [View(path=p, chair=chair.name, rotation=turn, elevation=rise) for (rise, turn), p in ordered]
    if not views:
        raise UserError(f"{root}: there is no CHAIR/{RENDERS}/image_*.png in it; the set is published at {PUBLISHED}")
    if bare:
        sys.stderr.write(f"{root}: chairs without any view left out: {len(bare)}, first {bare[0]}\n")
    return views


def split(views: Sequence[View], *, by_chair: bool) -> dict[str, np.ndarray]:
    """Indices of train, valid and test, by the hash of rotation and, if `by_chair`, of the chair's name."""
    owners: dict[str, dict[float, int]] = {}
    for view in views:
        owner = view.chair if by_chair else ""
        owners.setdefault(owner, {})[view.rotation] = _hash(f"{owner} {view.rotation:.3f}")
    rows: dict[str, list[int]] = {part: [] for part in PARTS}
    ranks = {owner: sorted(turns, key=turns.__getitem__) for owner, turns in owners.items()}
    for row, view in enumerate(views):
        turns = ranks[view.chair if by_chair else ""]
        place, count = turns.index(view.rotation), round(HELD_OUT * len(turns))
        rows["test" if place < count else "valid" if place < 2 * count else "train"].append(row)
    return {part: np.array(found, np.int64) for part, found in rows.items()}


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def _fields(views: Sequence[View], config: Chairs.Config) -> tuple[Field, ...]:
    rotations, elevations = (sorted({getattr(view, name) for view in views}) for name in ("rotation", "elevation"))
    circle = Field(name="rotation", kind="angle", size=config.points)
    return (
        category("chair", sorted({view.chair for view in views})),
        circle if config.rotation == "circle" else category("rotation", [f"{turn:.1f}" for turn in rotations]),
        Field(name="elevation", kind="ordinal", size=len(elevations), values=tuple(map(float, elevations))),
    )


def _labels(views: Sequence[View], fields: tuple[Field, ...]) -> Labels:
    chairs, rotation, _ = fields
    number = {name: index for index, name in enumerate(chairs.names)}
    turns = [view.rotation for view in views]
    if rotation.kind == "category":
        turn = torch.tensor([rotation.names.index(f"{turn:.1f}") for turn in turns])
    else:
        turn = torch.tensor(turns, dtype=torch.float32)
    return {
        "chair": torch.tensor([number[view.chair] for view in views]),
        "rotation": turn,
        "elevation": torch.tensor([float(view.elevation) for view in views]),
    }


def _tell_of_gaps(root: Path, views: Sequence[View], skipped: Sequence[str]) -> None:
    """Say on stderr which chairs were not seen from all sides, and what was left out."""
    counts = Counter(view.chair for view in views)
    short = [chair for chair, count in counts.items() if count < len(VIEWS)]
    if short:
        first = f"first {short[0]} with {counts[short[0]]}"
        sys.stderr.write(f"{root}: {len(short)} of {len(counts)} chairs have fewer than {len(VIEWS)} views, {first}\n")
    if skipped:
        sys.stderr.write(f"{root}: bad pictures left out: {len(skipped)}, first {skipped[0]}\n")
