"""Faces as simple as can be, in the published files of CelebA."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

NAMES = ("Smiling", "Hat", "Pale_Skin")


def write_faces(folder: Path, count: int = 40, *, size: tuple[int, int] = (27, 22), seed: int = 0) -> Path:
    """A folder of pictures (JPEG) of a disc that may have a mouth, a hat and a light colour, and their attributes."""
    rng = np.random.default_rng(seed)
    flags = rng.integers(0, 2, (count, len(NAMES)))
    row, column = np.mgrid[: size[0], : size[1]]
    lines = [str(count), " ".join(NAMES)]
    (folder / "img_align_celeba").mkdir(parents=True)
    for number, (smiling, hat, pale) in enumerate(flags, start=1):
        picture = np.full((*size, 3), rng.integers(20, 120, 3), np.uint8)
        picture[(row - 14) ** 2 + (column - 11) ** 2 < 49] = (230, 200, 190) if pale else (120, 80, 60)
        picture[17:19, 8:14] = (200, 20, 20) if smiling else picture[14, 11]
        picture[5:9, 5:17] = (0, 0, 160) if hat else picture[5, 5]
        name = f"{number:06d}.jpg"
        Image.fromarray(picture).save(folder / "img_align_celeba" / name, quality=95)
        lines.append(f"{name} " + " ".join("1" if flag else "-1" for flag in (smiling, hat, pale)))
    (folder / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")
    return folder
