"""Pictures in a folder, a zip or a tar archive, read one after the other and never unpacked."""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from synthgen.checks import UserError
from synthgen.data.image_folder import SUFFIXES, THREADS, list_pictures
from synthgen.data.picture_file import fit_picture, mode_of
from synthgen.representations.base import ImageRepresentation

TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
ARCHIVES = (".zip", *TAR)
LARGEST_BYTES = 64 << 20
"""Larger members of an archive are bad pictures: one is read into memory whole."""
_DAMAGED = (OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile, RuntimeError, NotImplementedError)

T, R = TypeVar("T"), TypeVar("R")


@dataclass(frozen=True)
class Member:
    """A picture of a source.

    Attributes:
        name: Path within the source.
        content: A file, the bytes of an archive's member, or why there are none.
    """

    name: str
    content: Path | bytes | UserError


class PictureSource:
    """The pictures in a folder or archive, at any depth, in order of their paths.

    Attributes:
        names: Path of each within it; hidden ones are passed over.
    """

    def __init__(self, path: Path) -> None:
        """List what there is.

        Raises:
            UserError: there is no picture, or the archive is damaged.
        """
        self.path = path
        if path.is_dir():
            self.names = [found.relative_to(path).as_posix() for found in list_pictures(path)]
            return
        with self._archive() as archive:
            listed = archive.namelist() if isinstance(archive, zipfile.ZipFile) else _files(archive)
        self.names = sorted(name for name in listed if _is_picture(name))
        if not self.names:
            raise UserError(f"{path}: there are no pictures in it ({', '.join(SUFFIXES)}); check --data.root")

    def members(self, names: Sequence[str]) -> Iterator[Member]:
        """The pictures of those names, in the order of the source, which for an archive is that on the disk.

        Raises:
            UserError: the archive is cut off or damaged.
        """
        if self.path.is_dir():
            for name in names:
                yield Member(name, self.path / name)
            return
        wanted = set(names)
        with self._archive() as archive:
            for name, size, read in _stored(archive):
                if name in wanted:
                    wanted.discard(name)
                    yield Member(name, self._content(name, size, read))

    def _content(self, name: str, size: int, read: Callable[[], bytes]) -> bytes | UserError:
        where = f"{self.path}:{name}"
        if size > LARGEST_BYTES:
            return UserError(f"{where}: {size} bytes are too many for a picture; remove it")
        try:
            return read()
        except _DAMAGED as error:
            return UserError(f"{where}: cannot read ({error}); download the archive again")

    def _archive(self) -> _Opened:
        return _Opened(self.path)


class _Opened:
    """An archive that is open within a with-statement, with one line for what is wrong with it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> zipfile.ZipFile | tarfile.TarFile:
        try:
            is_zip = self.path.suffix.lower() == ".zip"
            self.archive = zipfile.ZipFile(self.path) if is_zip else tarfile.open(self.path)
        except _DAMAGED as error:
            raise UserError(_damaged(self.path, error)) from error
        return self.archive

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        self.archive.close()
        if isinstance(error, _DAMAGED):
            raise UserError(_damaged(self.path, error)) from error


def fit_members(
    members: Iterable[Member], count: int, representation: ImageRepresentation, *, zoom: float = 1.0
) -> tuple[np.ndarray, list[str], list[str]]:
    """Pictures (N, C, H, W) uint8 of the representation's size; see `fit_picture`. Bad ones are left out.

    Args:
        members: What to read.
        count: How many there are, at most.
        representation: Says the size.
        zoom: See `fit_picture`.

    Returns:
        The pictures, the name of each, and what was wrong with each that was left out.
    """
    mode_of(representation.channels)  # else every picture would be called bad
    size = (representation.channels, representation.height, representation.width)
    x, names, bad = np.empty((count, *size), np.uint8), [], []

    def load(member: Member) -> tuple[str, np.ndarray | str]:
        if isinstance(member.content, UserError):
            return member.name, str(member.content)
        source = member.content if isinstance(member.content, Path) else io.BytesIO(member.content)
        where = str(source) if isinstance(source, Path) else member.name
        try:
            return member.name, fit_picture(source, size=size, where=where, zoom=zoom)
        except UserError as error:
            return member.name, str(error)

    for name, result in tqdm(_ahead(load, members), total=count, unit="picture", disable=None):
        if isinstance(result, str):
            bad.append(result)
        else:
            x[len(names)] = result
            names.append(name)
    return x[: len(names)], names, bad


def _ahead(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Results in order, by several threads that are at most some items ahead of what is taken."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="pictures") as pool:
        pending = deque()
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > 8 * THREADS:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _stored(archive: zipfile.ZipFile | tarfile.TarFile) -> Iterator[tuple[str, int, Callable[[], bytes]]]:
    """Name, size and contents of each file."""
    if isinstance(archive, zipfile.ZipFile):
        for info in archive.infolist():
            yield info.filename, info.file_size, lambda info=info: archive.read(info)
    else:
        for info in archive:
            if info.isfile():
                yield info.name, info.size, lambda info=info: archive.extractfile(info).read()


def _files(archive: tarfile.TarFile) -> list[str]:
    return [info.name for info in archive if info.isfile()]


def _is_picture(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in SUFFIXES and not any(part.startswith((".", "__MACOSX")) for part in path.parts)


def _damaged(path: Path, error: BaseException) -> str:
    reason = getattr(error, "strerror", None) or (str(error) or type(error).__name__).splitlines()[0]
    return f"{path}: cut off or damaged ({reason}); download it again"
