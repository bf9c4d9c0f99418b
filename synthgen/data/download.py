"""Download one of NSynth's archives (Engel et al. 2017), which are read as downloaded.

An interrupted download goes on where it was, unless the file on the server has changed since. The archive gets its name
when it is whole: its size is the announced one, and its checksum is the one given. The data set's authors publish no
SHA-256; without one the MD5 that the server announces is compared (Google's storage does), or else the archive is
unpacked once in memory, which compares gzip's CRC-32.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

from synthgen import checks, files
from synthgen.checks import UserError
from synthgen.data import building, fetch

URLS = {
    split: f"http://download.magenta.tensorflow.org/datasets/nsynth/nsynth-{split}.jsonwav.tar.gz"
    for split in ("train", "valid", "test")
}
CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which archive, and where to."""

    out: Path
    """Folder of the archive."""
    split: Literal["train", "valid", "test"] = "test"
    """train has 289,205 notes (about 30 GB), valid 12,678 (1.4 GB), test 4,096 (0.35 GB)."""
    url: str | None = None
    """Another place to download the archive from."""
    sha256: str | None = None
    """Checksum that the archive must have, 64 hexadecimal digits."""
    retries: int = 5
    """Attempts after the first that may fail in a row without a byte arriving."""
    pause: float = 1.0
    """Seconds before the first retry; doubled with each that fails."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A downloaded archive.

    Attributes:
        path: Where it is.
        size: In bytes.
        sha256: Its checksum, in hexadecimal.
        verified: What was compared.
    """

    path: Path
    size: int
    sha256: str
    verified: str

    def __str__(self) -> str:
        return f"{self.path}: {self.size:,} bytes, {self.verified} verified, SHA-256 {self.sha256}"


def build(config: Config) -> Report:
    """Download and verify the archive, unless it is there.

    Raises:
        UserError: the server cannot be reached or has no such file, or what arrived is not what was announced.
    """
    url, wanted = _check(config)
    path = config.out / _file_name(url)
    if path.exists():
        return _existing(path, wanted)
    partial = path.with_name(f".{path.name}.partial")
    remote = fetch.fetch(url, partial, retries=config.retries, pause=config.pause)
    try:
        report = _verified(path, partial, remote, wanted)
        partial.replace(path)
    except OSError as error:
        raise UserError(files.describe(path, error)) from error
    fetch.note(partial).unlink(missing_ok=True)
    return report


def _check(config: Config) -> tuple[str, str | None]:
    checks.between("retries", config.retries, 0, 1000)
    checks.between("pause", config.pause, 0, 3600)
    url = config.url or URLS[config.split]
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise UserError(f"url={url!r} must begin with http:// or https://")
    wanted = config.sha256.strip().lower() if config.sha256 else None
    if wanted is not None and (len(wanted) != 64 or set(wanted) - set("0123456789abcdef")):
        raise UserError(f"sha256={config.sha256!r} must be 64 hexadecimal digits")
    return url, wanted


def _file_name(url: str) -> str:
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    if not name or name.startswith(".") or "\\" in name:
        raise UserError(f"url={url!r} must end with the name of a file")
    return name


def _existing(path: Path, wanted: str | None) -> Report:
    found = building.sha256(path)
    if wanted not in (None, found):
        raise UserError(f"{path}: is there, but its SHA-256 is {found}, not {wanted}; delete it and start again")
    verified = "SHA-256" if wanted else "it was there before, nothing"
    return Report(path=path, size=path.stat().st_size, sha256=found, verified=verified)


def _verified(path: Path, partial: Path, remote: fetch.Remote, wanted: str | None) -> Report:
    """Compare all that is known; what fails is removed, since going on from it would not mend it."""
    unpack = path.suffix == ".gz" and not (wanted or remote.md5)
    sha256, md5, whole = _digests(partial, unpack=unpack)
    compared = {"SHA-256": (wanted, sha256), "MD5 announced by the server": (remote.md5, md5)}
    for name, (expected, found) in compared.items():
        if expected not in (None, found):
            partial.unlink()
            hint = "what arrived is not this file and was removed; start again"
            raise UserError(f"{remote.url}: {name} is {found}, not {expected}; {hint}")
    if not whole:
        partial.unlink()
        raise UserError(f"{remote.url}: the archive is damaged and was removed; start again")
    checked = ["size"] if remote.size else []
    checked += [name for name, (expected, _) in compared.items() if expected]
    checked += ["CRC-32 of its content"] if unpack else []
    return Report(path=path, size=fetch.size(partial), sha256=sha256, verified=" and ".join(checked) or "nothing")


def _digests(partial: Path, *, unpack: bool) -> tuple[str, str, bool]:
    """SHA-256, MD5, and whether the gzip stream is whole as far as it was unpacked."""
    from tqdm import tqdm

    sha256, md5, unpacker = hashlib.sha256(), hashlib.md5(usedforsecurity=False), zlib.decompressobj(wbits=31)
    with (
        partial.open("rb") as stream,
        tqdm(total=fetch.size(partial), unit="B", unit_scale=True, desc="verifying", disable=None) as bar,
    ):
        while chunk := stream.read(CHUNK_BYTES):
            sha256.update(chunk)
            md5.update(chunk)
            try:
                while unpack and chunk:
                    unpacker = zlib.decompressobj(wbits=31) if unpacker.eof else unpacker
                    unpacker.decompress(chunk)
                    chunk = unpacker.unused_data
            except zlib.error:
                return sha256.hexdigest(), md5.hexdigest(), False
            bar.update(min(CHUNK_BYTES, bar.total - bar.n))
    return sha256.hexdigest(), md5.hexdigest(), unpacker.eof or not unpack
