"""Quick, Draw!: doodles of 28 x 28 pixels in 345 classes (Jongejan et al. 2016; Ha & Eck 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError

import numpy as np
import torch

from synthgen import checks
from synthgen.checks import UserError
from synthgen.data.images import ImageSet, Pictures, category, find_folder, random_parts, remedy
from synthgen.data.splits import PARTS
from synthgen.representations.base import ImageRepresentation

SIDE = 28
PREFIX = "full_numpy_bitmap_"
PUBLISHED = "https://console.cloud.google.com/storage/browser/quickdraw_dataset/full/numpy_bitmap"
SHAPES = ((SIDE * SIDE,), (1, SIDE * SIDE), (SIDE, SIDE))


class QuickDraw(ImageSet):
    """Doodles with the label `class`; each class is split 80/10/10, whichever others are taken."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Which doodles, and how they are split."""

        root: Path = Path("data/quickdraw")
        """Folder with a `.npy` file a class, named after it, e.g. `cat.npy` or `full_numpy_bitmap_cat.npy`."""
        classes: tuple[str, ...] = ()
        """Take these classes; all if empty."""
        max_per_class: int = 100_000
        """Take so many doodles of a class, drawn by the seed, where there are more."""
        seed: int = 0
        """Seed of which doodles are taken, and of the split."""

    def __init__(self, config: QuickDraw.Config, representation: ImageRepresentation) -> None:
        """Read the doodles that are asked for, and no others.

        Raises:
            UserError: a missing or bad file, a class that there is none of, or a class of fewer than three doodles.
        """
        checks.between("data.max_per_class", config.max_per_class, len(PARTS), 10**9)
        self.config = config
        files = _find_classes(find_folder(config.root, published=PUBLISHED))
        for name in config.classes:
            checks.one_of("data.classes", name, files)
        classes = tuple(sorted(set(config.classes) or files))
        stored = [_open(files[name]) for name in classes]
        rows = [_rows(files[name], len(x), config) for name, x in zip(classes, stored, strict=True)]
        parts = {part: _gather(stored, [r[part] for r in rows]) for part in PARTS}
        super().__init__("Quick, Draw!", parts, representation, fields=(category("class", classes),), config=config)


def _find_classes(root: Path) -> dict[str, Path]:
    """The file of each class."""
    found: dict[str, Path] = {}
    for path in sorted(root.glob("*.npy")):
        name = path.stem.removeprefix(PREFIX)
        if name in found:
            raise UserError(f"{path}: a second file of the class {name!r}, beside {found[name].name}; keep one of them")
        found[name] = path
    if not found:
        raise UserError(f"{root}: there are no .npy files in it; {remedy(PUBLISHED)}")
    return found


def _open(path: Path) -> np.ndarray:
    """The doodles of a class (N, 1, 28, 28) uint8, memory-mapped."""
    try:
        stored = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, SyntaxError, TokenError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{path}: not a whole .npy file ({reason}); download it again") from error
    if stored.dtype != np.uint8 or stored.shape[1:] not in SHAPES:
        raise UserError(f"{path}: {stored.dtype} of shape {stored.shape}, must be uint8 of (N, 784); download it again")
    return stored.reshape(-1, 1, SIDE, SIDE)


def _rows(path: Path, size: int, config: QuickDraw.Config) -> dict[str, np.ndarray]:
    """Rows of the doodles of each part."""
    if size < len(PARTS):
        raise UserError(f"{path}: {size} doodle(s) are too few for train, valid and test; leave the class out")
    generator = torch.Generator().manual_seed(config.seed)
    taken = np.sort(torch.randperm(size, generator=generator)[: config.max_per_class].numpy())
    return {part: taken[rows] for part, rows in random_parts(len(taken), seed=config.seed).items()}


def _gather(stored: list[np.ndarray], rows: list[np.ndarray]) -> Pictures:
    """The chosen rows of all classes, one class after the other."""
    counts = [len(r) for r in rows]
    x, end = np.empty((sum(counts), 1, SIDE, SIDE), np.uint8), np.cumsum(counts)
    for drawings, chosen, last in zip(stored, rows, end, strict=True):
        x[last - len(chosen) : last] = drawings[chosen]
    labels = torch.arange(len(rows)).repeat_interleave(torch.tensor(counts))
    return Pictures(x=x, labels={"class": labels})
