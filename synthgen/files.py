"""Atomic writes: a result is there whole, or not at all."""

from __future__ import annotations

import errno
import io
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from synthgen.checks import UserError


@contextmanager
def atomic(path: Path, *, by_way_of: Path | None = None) -> Iterator[Path]:
    """Yield a temporary file; on success it is fsynced and renamed to `path`, on failure removed.

    Args:
        path: The file to write.
        by_way_of: A folder for the temporary file, on the same disk; None for that of `path`.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.
    """
    partial = (by_way_of or path.parent) / f".{path.name}.{secrets.token_hex(4)}.partial"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        sync(partial)
        partial.replace(path)
        sync(path.parent)
    except OSError as error:
        raise UserError(describe(path, error)) from error
    finally:
        with suppress(OSError):  # the folder itself may be what is wrong
            partial.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file atomically."""
    with atomic(path) as partial, Stream(partial) as stream:
        stream.write(content)


class Stream(io.RawIOBase):
    """A new file, unbuffered: a write that fails says so at once, and one that the system cut short goes on."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        self._size = 0

    def writable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Bytes written so far."""
        return self._size

    def write(self, content: bytes | memoryview) -> int:
        """Write all of `content`; return its size.

        Raises:
            OSError: the disk is full, or the like.
        """
        rest = memoryview(content).cast("B")
        while rest:
            written = os.write(self._handle, rest)
            self._size, rest = self._size + written, rest[written:]
        return memoryview(content).nbytes

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if not self.closed:
            os.close(self._handle)
        super().close()


def describe(path: Path, error: OSError) -> str:
    """One line for a failed write: what happened to which file, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path}: the disk is full; free some space{_free(path)} and start again, nothing half-written was left"
    return f"{path}: cannot write ({error.strerror or error}); choose another place or mend its permissions"


def _free(path: Path) -> str:
    """What is free on the disk of a file that may not be there yet."""
    place = next((folder for folder in path.absolute().parents if folder.exists()), Path())
    try:
        return f" ({shutil.disk_usage(place).free / 2**20:.1f} MB are free)"
    except OSError:  # the message is worth more than the figure
        return ""


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
