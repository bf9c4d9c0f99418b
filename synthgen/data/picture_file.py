"""Single picture files, and sheets of many small pictures."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

from synthgen import files
from synthgen.checks import UserError

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
CONVERTIBLE = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
LOSSLESS = {"1": "L", "P": "RGB"}
_DAMAGED = (OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error, Image.DecompressionBombError)
GAP, MARGIN, TEXT = 2, 6, 14
GROUND = 255
FRAME_MILLISECONDS = 80


def mode_of(channels: int) -> str:
    """What Pillow calls pictures of so many channels.

    Raises:
        UserError: there are none.
    """
    if channels not in MODES:
        raise UserError(f"channels={channels} must be 1, 3 or 4; change representation.channels")
    return MODES[channels]


def read_picture(path: Path, *, channels: int) -> np.ndarray:
    """A picture (C, H, W) uint8, as it is.

    Raises:
        UserError: no picture, or one whose mode has other channels; black-and-white counts as grey, a palette as RGB.
    """
    mode = mode_of(channels)
    with _opened(path, str(path)) as image:
        if LOSSLESS.get(image.mode, image.mode) != mode:
            raise UserError(f"{path}: mode {image.mode} must be {mode}; convert the picture")
        return _pixels(image.convert(mode))


def fit_picture(
    source: Path | BinaryIO, *, size: tuple[int, int, int], where: str = "", zoom: float = 1.0
) -> np.ndarray:
    """The middle of a picture, as wide and high as it goes, scaled to `size` without aliasing; (C, H, W) uint8.

    Transparent places become white where there is no fourth channel for them; the turn that a camera noted is taken.

    Args:
        source: A picture of any size and 8-bit mode.
        size: Channels (1, 3 or 4), rows and columns.
        where: What messages call it; the path if empty.
        zoom: The middle is shown so much larger; 1 shows as much of the picture as fits.

    Raises:
        UserError: no picture that can be read, or one of more than 8 bits a channel.
    """
    height, width = size[1:]
    mode = mode_of(size[0])
    where = where or str(source)
    with _opened(source, where) as image:
        if image.mode not in CONVERTIBLE:
            raise UserError(f"{where}: mode {image.mode} must be one of {', '.join(CONVERTIBLE)}; convert the picture")
        flat = _flattened(ImageOps.exif_transpose(image), mode)
        scale = min(flat.width / width, flat.height / height) / zoom
        left, top = max(0, flat.width - scale * width) / 2, max(0, flat.height - scale * height) / 2
        box = (left, top, flat.width - left, flat.height - top)
        return _pixels(flat.resize((width, height), Image.Resampling.LANCZOS, box=box))


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
        rows: Name, shown above if not empty, and pictures (N, C, H, W) uint8, which may fill several lines; all
            pictures are of one size.
        columns: Pictures a line; 0 takes as many as the longest row has.
        side: Pictures are enlarged by a whole factor to about so many pixels.
    """
    columns = columns or max(1, *(len(pictures) for _, pictures in rows))
    _, _, height, width = rows[0][1].shape
    scale = max(1, round(side / max(height, width)))
    step_x, step_y = width * scale + GAP, height * scale + GAP
    lines = [(TEXT if name else 0) + -(-len(pictures) // columns) * step_y + MARGIN for name, pictures in rows]
    longest = math.ceil(max(ImageFont.load_default().getlength(name) for name, _ in rows))
    sheet = Image.new("RGB", (max(columns * step_x, longest) + 2 * MARGIN, sum(lines) + MARGIN), (GROUND,) * 3)
    draw, top = ImageDraw.Draw(sheet), MARGIN
    for (name, pictures), line in zip(rows, lines, strict=True):
        draw.text((MARGIN, top - 1), name, fill=(40, 40, 40))
        for i, pixels in enumerate(pictures):
            image = _image(pixels).convert("RGB").resize((width * scale, height * scale), Image.Resampling.NEAREST)
            y, x = divmod(i, columns)
            sheet.paste(image, (MARGIN + x * step_x, top + (TEXT if name else 0) + y * step_y))
        top += line
    _write(path, sheet)


def write_animation(path: Path, pictures: np.ndarray) -> None:
    """Write pictures (N, C, H, W) uint8 as an endless GIF, atomically."""
    content, (first, *others) = io.BytesIO(), [_image(pixels) for pixels in pictures]
    first.save(content, "GIF", save_all=True, append_images=others, duration=FRAME_MILLISECONDS, loop=0)
    files.write_bytes(path, content.getvalue())


def check_ending(path: Path) -> None:
    """Raise UserError unless the path ends as a picture format does, before work is put into the picture."""
    if path.suffix.lower() not in Image.registered_extensions():
        raise UserError(f"{path}: must end in .png or another picture format")


@contextmanager
def _opened(source: Path | BinaryIO, where: str) -> Iterator[Image.Image]:
    """The picture in a file, decoded."""
    try:
        with Image.open(source) as image:
            image.load()
            yield image
    except UserError:
        raise
    except UnidentifiedImageError as error:
        raise UserError(f"{where}: not a picture of a known format; remove it, or download it again") from error
    except _DAMAGED as error:
        reason = getattr(error, "strerror", None) or (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{where}: cannot read ({reason}); check the file") from error


def _flattened(image: Image.Image, mode: str) -> Image.Image:
    if mode != "RGBA" and ("A" in image.getbands() or "transparency" in image.info):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(mode)


def _pixels(image: Image.Image) -> np.ndarray:
    pixels = np.array(image)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def _write(path: Path, image: Image.Image) -> None:
    check_ending(path)
    content = io.BytesIO()
    try:
        image.save(content, Image.registered_extensions()[path.suffix.lower()])
    except OSError as error:
        raise UserError(f"{path}: cannot hold such a picture ({error}); write a .png") from error
    files.write_bytes(path, content.getvalue())
