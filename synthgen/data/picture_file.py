"""Single picture files, and sheets of many small pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, UnidentifiedImageError

from synthgen import files
from synthgen.checks import UserError

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
LOSSLESS = {"1": "L", "P": "RGB"}
GAP, MARGIN, TEXT = 2, 6, 14
GROUND = 255


def read_picture(path: Path, *, channels: int) -> np.ndarray:
    """A picture (C, H, W) uint8.

    Raises:
        UserError: no picture, or one whose mode has other channels; black-and-white counts as grey, a palette as RGB.
    """
    try:
        with Image.open(path) as image:
            mode = LOSSLESS.get(image.mode, image.mode)
            if mode != MODES[channels]:
                raise UserError(f"{path}: mode {image.mode} must be {MODES[channels]}; convert the picture")
            pixels = np.asarray(image.convert(mode))
    except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError) as error:
        raise UserError(f"{path}: not a picture that can be read ({error})") from error
    except OSError as error:
        raise UserError(f"{path}: cannot read ({error.strerror or error})") from error
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def write_picture(path: Path, pixels: np.ndarray) -> None:
    """Write a picture (C, H, W) uint8 atomically; the file's ending says how."""
    _write(path, _image(pixels))


def to_bytes(media: np.ndarray) -> np.ndarray:
    """Pictures with values in [0, 1] as uint8."""
    return (np.asarray(media, dtype=np.float32).clip(0, 1) * 255).round().astype(np.uint8)


def write_sheet(path: Path, rows: Sequence[tuple[str, np.ndarray]], *, columns: int = 0, side: int = 56) -> None:
    """Write small pictures as one, row by row, each row under its name, atomically.

    Args:
        path: File to write.
        rows: Name, shown above if not empty, and pictures (N, C, H, W) uint8, which may fill several lines.
        columns: Pictures a line; 0 takes as many as the longest row has.
        side: Pictures are enlarged by a whole factor to about so many pixels.
    """
    columns = columns or max(len(pictures) for _, pictures in rows)
    _, _, height, width = rows[0][1].shape
    scale = max(1, round(side / max(height, width)))
    step_x, step_y = width * scale + GAP, height * scale + GAP
    lines = [(TEXT if name else 0) + -(-len(pictures) // columns) * step_y + MARGIN for name, pictures in rows]
    sheet = Image.new("RGB", (columns * step_x + 2 * MARGIN, sum(lines) + MARGIN), (GROUND,) * 3)
    top = MARGIN
    for (name, pictures), line in zip(rows, lines, strict=True):
        if name:
            ImageDraw.Draw(sheet).text((MARGIN, top - 1), name, fill=(40, 40, 40))
        for i, pixels in enumerate(pictures):
            image = _image(pixels).convert("RGB").resize((width * scale, height * scale), Image.Resampling.NEAREST)
            y, x = divmod(i, columns)
            sheet.paste(image, (MARGIN + x * step_x, top + (TEXT if name else 0) + y * step_y))
        top += line
    _write(path, sheet)


def _image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def _write(path: Path, image: Image.Image) -> None:
    content = io.BytesIO()
    try:
        image.save(content, Image.registered_extensions()[path.suffix.lower()])
    except KeyError as error:
        raise UserError(f"{path}: must end in .png or another picture format") from error
    files.write_bytes(path, content.getvalue())
