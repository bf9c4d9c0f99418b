"""Sprites of 792 Pokémon in 20 x 20 pixels of 167 colours, as prepared for a course by Hung-yi Lee (2016)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthgen.checks import UserError
from synthgen.data.images import ImageSet, Pictures, divided, find_folder, remedy
from synthgen.representations.base import ImageRepresentation
from synthgen.representations.palette import Palette

SIDE = 20
PIXELS, COLOURS = "pixel_color.txt", "colormap.txt"
PUBLISHED = "https://speech.ee.ntu.edu.tw/~tlkagk/courses/ML_2016/Pokemon_creation/"


class Pokemon(ImageSet):
    """Sprites without labels, split 80/10/10; the set brings its own representation.

    Attributes:
        palette: The colours of the file. Where two are equal, pictures are encoded with the number of the first.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Where the sprites are, and how they are split."""

        root: Path = Path("data/pokemon")
        """Folder with `pixel_color.txt` (a sprite a line, numbers of colours) and `colormap.txt` (a colour a line)."""
        seed: int = 0
        """Seed of the split."""

    def __init__(self, config: Pokemon.Config, representation: ImageRepresentation | None = None) -> None:
        """Read both files; None takes the `palette`, another representation is given the colours themselves.

        Raises:
            UserError: a missing file, or a line in one that is not as it must be.
        """
        self.config = config
        root = find_folder(config.root, published=PUBLISHED)
        colours = _read_table(root / COLOURS, columns=3, highest=255, what="part of a colour")
        self.palette = Palette(height=SIDE, width=SIDE, colours=tuple(map(tuple, colours.tolist())))
        highest = len(colours) - 1
        sprites = _read_table(root / PIXELS, columns=SIDE * SIDE, highest=highest, what=f"colour of {COLOURS}")
        pixels = colours.astype(np.uint8)[sprites].reshape(-1, SIDE, SIDE, 3)
        pictures = Pictures(x=np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
        super().__init__("Pokémon", divided(pictures, seed=config.seed), representation or self.palette, config=config)


def _read_table(path: Path, *, columns: int, highest: int, what: str) -> np.ndarray:
    """Whole numbers between 0 and `highest`, (rows, columns) int64."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()
    except OSError as error:
        raise UserError(f"{path}: cannot read ({error.strerror}); {remedy(PUBLISHED)}") from error
    rows = [line.split() for line in lines]
    for number, row in enumerate(rows, start=1):
        if len(row) != columns:
            raise UserError(f"{path}: row {number} has {len(row)} numbers, must have {columns}; mend the file")
        _check_row(row, f"{path}: row {number}", highest=highest, what=what)
    if not rows:
        raise UserError(f"{path}: is empty; the set is published at {PUBLISHED}")
    return np.array(rows, dtype=np.int64)


def _check_row(row: Sequence[str], where: str, *, highest: int, what: str) -> None:
    for column, value in enumerate(row, start=1):
        if not (value.isdecimal() and value.isascii() and len(value) < 10 and int(value) <= highest):
            raise UserError(f"{where}, column {column}: {value!r} must be a {what}, 0 to {highest}; mend the file")
