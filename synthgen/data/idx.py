"""The idx format of MNIST: a short header, then the bytes of all pictures or labels, often gzipped."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from synthgen.checks import UserError

CONTENT = {1: "labels", 3: "pictures"}
_CHUNK = 2**18


def read_idx(path: Path, *, ndim: int) -> np.ndarray:
    """The uint8 array in a file, gzipped or not.

    No more is held in memory than the file holds, whatever its header says.

    Args:
        path: Begins with 0, 0, 8 (bytes), the number of axes, and the size of each, big-endian.
        ndim: 1 for labels (N,), 3 for pictures (N, H, W).

    Raises:
        UserError: the file is missing, damaged, cut off, longer than its header says, or holds something else.
    """
    content, header = CONTENT[ndim], 4 + 4 * ndim
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = gzip.GzipFile(fileobj=raw) if zipped else raw
            head = _take(stream, header)
            if head[:4] != bytes([0, 0, 8, ndim]) or len(head) < header:
                expected = f"0000080{ndim}"
                raise UserError(f"{path}: begins with {head[:4].hex()}, idx files of {content} with {expected}")
            shape = struct.unpack(f">{ndim}I", head[4:])
            body = _take(stream, math.prod(shape) + 1)
    except (OSError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot be read ({reason}); download it again") from error
    if not len(body):
        raise UserError(f"{path}: holds no {content} after its header; download it again")
    if len(body) < math.prod(shape):
        whole = len(body) // math.prod(shape[1:])
        ends = f"the file ends at byte {path.stat().st_size}"
        raise UserError(f"{path}: cut off, {whole} of {shape[0]} {content} are there ({ends}); download it again")
    if len(body) > math.prod(shape):
        size = " x ".join(map(str, shape))
        raise UserError(f"{path}: longer than the {size} bytes that its header says; download it again")
    return np.frombuffer(body, np.uint8).reshape(shape)


def _take(stream: BinaryIO | gzip.GzipFile, size: int) -> bytearray:
    """Up to `size` bytes; fewer where the file ends, even amid a gzip stream."""
    content = bytearray()
    with suppress(EOFError):
        while len(content) < size and (chunk := stream.read1(min(_CHUNK, size - len(content)))):
            content += chunk
    return content
