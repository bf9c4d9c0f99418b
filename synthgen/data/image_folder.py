"""Any folder of pictures, cropped and scaled to one size."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from tqdm import tqdm

from synthgen import checks
from synthgen.checks import UserError
from synthgen.data.images import ImageSet, Pictures, category, find_folder, random_parts
from synthgen.data.picture_file import fit_picture, mode_of
from synthgen.representations.base import ImageRepresentation

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
THREADS = 8


class ImageFolder(ImageSet):
    """Pictures of any size and mode, split 80/10/10.

    Attributes:
        skipped: What was wrong with each bad picture that was left out.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Which pictures, and how they are split."""

        root: Path = Path("data/pictures")
        """Folder of pictures, in folders of any depth."""
        labels: Literal["none", "folders"] = "none"
        """Label pictures with the folder in `root` that they lie in, as `class`, or not at all."""
        seed: int = 0
        """Seed of the split."""
        skip_bad: bool = False
        """Leave out pictures that cannot be read instead of stopping at the first."""

    def __init__(self, config: ImageFolder.Config, representation: ImageRepresentation) -> None:
        """Read all pictures: the middle of each, as wide and high as it goes, scaled to the representation's size.

        Raises:
            UserError: no folder, too few pictures in it, or a picture that cannot be read.
        """
        checks.one_of("data.labels", config.labels, ("none", "folders"))
        self.config = config
        root = find_folder(config.root)
        paths = list_pictures(root)
        names, numbers = _classes(root, paths) if config.labels == "folders" else ((), None)
        parts, skipped = {}, []
        for part, rows in random_parts(len(paths), seed=config.seed).items():
            x, read, bad = load_pictures([paths[row] for row in rows], representation, skip_bad=config.skip_bad)
            parts[part] = Pictures(x=x, labels={} if numbers is None else {"class": numbers[rows][read]})
            skipped += bad
        self.skipped = tuple(skipped)
        if skipped:
            sys.stderr.write(f"{root}: bad pictures left out: {len(skipped)}, first {skipped[0]}\n")
        fields = (category("class", names),) if names else ()
        super().__init__(root.resolve().name, parts, representation, fields=fields, config=config)


def list_pictures(folder: Path) -> list[Path]:
    """Picture files at any depth, sorted; hidden ones and those in hidden folders are passed over.

    Raises:
        UserError: there are none.
    """
    inside = (path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    seen = sorted(path.as_posix() for path in inside if not any(part.startswith(".") for part in path.parts))
    paths = [folder / path for path in seen if (folder / path).is_file()]
    if not paths:
        raise UserError(f"{folder}: there are no pictures in it ({', '.join(SUFFIXES)}); check --data.root")
    return paths


def load_pictures(
    paths: Sequence[Path], representation: ImageRepresentation, *, skip_bad: bool = False
) -> tuple[np.ndarray, list[int], list[str]]:
    """Pictures (N, C, H, W) uint8 of the representation's size; see `fit_picture`.

    Returns:
        The pictures, which of `paths` they are from, and what was wrong with each that was left out.

    Raises:
        UserError: a picture cannot be read, and is not to be skipped.
    """
    mode_of(representation.channels)  # else every picture would be called bad
    size = (representation.channels, representation.height, representation.width)
    x, read, skipped = np.empty((len(paths), *size), np.uint8), [], []

    def load(path: Path) -> np.ndarray | str:
        try:
            return fit_picture(path, size=size)
        except UserError as error:
            if skip_bad:
                return str(error)
            raise UserError(f"{error}; or leave bad pictures out by --data.skip-bad") from error

    with ThreadPoolExecutor(THREADS, thread_name_prefix="pictures") as pool:
        for row, result in enumerate(tqdm(pool.map(load, paths), total=len(paths), unit="picture", disable=None)):
            if isinstance(result, str):
                skipped.append(result)
            else:
                x[len(read)] = result
                read.append(row)
    return x[: len(read)], read, skipped


def _classes(root: Path, paths: Sequence[Path]) -> tuple[tuple[str, ...], torch.Tensor]:
    """Names of the folders in `root`, and the number (N,) of that which each picture lies in."""
    folders = []
    for path in paths:
        first, *rest = path.relative_to(root).parts
        if not rest:
            raise UserError(f"{path}: lies in no class's folder; move it into one, or leave --data.labels folders out")
        folders.append(first)
    names = sorted(set(folders))
    number = {name: index for index, name in enumerate(names)}
    return tuple(names), torch.tensor([number[folder] for folder in folders])
