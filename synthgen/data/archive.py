"""NSynth's `nsynth-*.jsonwav.tar.gz` as downloaded, read in one pass and never unpacked."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from synthgen.checks import UserError
from synthgen.data.audio import SUFFIXES, decode_audio, to_int16
from synthgen.data.layout import Entry, check_name, parse_examples
from synthgen.data.sources import Item

MAX_EXAMPLES_BYTES = 2**30


class ArchiveSource:
    """The notes in a gzipped tar archive: `examples.json` and `audio/*.wav` (or `.flac`) below any folder."""

    unit = "B"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: list[Entry] | None = None

    def total(self) -> int:
        return self.path.stat().st_size

    def fingerprint(self) -> str:
        stat = self.path.stat()
        return hashlib.sha256(f"archive {self.path.name} {stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()

    def entries(self) -> list[Entry]:
        if self._entries is None:
            raise UserError(f"{self.path}: there is no examples.json in it; download the jsonwav archive")
        return self._entries

    def items(self, *, sample_rate: int, samples: int) -> Iterator[Item]:
        """Every audio file in the order of the archive; the labels are kept for `entries`.

        Raises:
            UserError: the archive is cut off or damaged, or a name in it points out of it.
        """
        largest = 16 * samples + 2**16
        try:
            with self.path.open("rb") as raw, gzip.open(raw) as content:
                with tarfile.open(fileobj=content, mode="r|") as archive:
                    for member in archive:
                        self._check_member(member)
                        path = PurePosixPath(member.name)
                        if not member.isfile() or path.name.startswith("."):
                            continue
                        if path.name == "examples.json":
                            self._read_labels(archive, member)
                        elif path.parent.name == "audio" and path.suffix in SUFFIXES:
                            audio = self._read(archive, member) if member.size <= largest else None
                            decode = self._decoder(path, audio, sample_rate=sample_rate, samples=samples)
                            yield Item(where=path.stem, decode=decode, done=raw.tell())
                while content.read(2**20):  # the checksum of the whole comes last
                    pass
        except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
            raise UserError(f"{self.path}: cut off or damaged ({error}); download it again") from error

    def _check_member(self, member: tarfile.TarInfo) -> None:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts:
            raise UserError(f"{self.path}: holds the unsafe path {member.name!r}; do not use this archive")

    def _read(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
        content = archive.extractfile(member).read()
        if len(content) != member.size:
            raise EOFError(f"{member.name} ends early")
        return content

    def _read_labels(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        where = f"{self.path}:{member.name}"
        if self._entries is not None:
            raise UserError(f"{where}: a second examples.json in one archive; keep one of them")
        if member.size > MAX_EXAMPLES_BYTES:
            raise UserError(f"{where}: {member.size} bytes is too large; download the archive again")
        self._entries = parse_examples(self._read(archive, member), where)

    def _decoder(
        self, path: PurePosixPath, audio: bytes | None, *, sample_rate: int, samples: int
    ) -> Callable[[], tuple[str, np.ndarray]]:
        where = f"{self.path}:{path}"

        def decode() -> tuple[str, np.ndarray]:
            check_name(path.stem, where)
            if audio is None:
                raise UserError(f"{where}: too large for a note of {samples} samples; cut it")
            samples_read = decode_audio(io.BytesIO(audio), where, sample_rate=sample_rate, samples=samples)
            return path.stem, to_int16(samples_read)

        return decode
