"""All audio of a set as 16-bit samples in one file, so that a batch costs a few reads and memory stays flat."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from synthgen import files
from synthgen.checks import UserError
from synthgen.data.layout import Entry, read_examples, safe_name, write_examples
from synthgen.data.sources import Item, Source

VERSION = 1
AUDIO, EXAMPLES, INDEX = "audio.int16", "examples.json", "cache.json"


@dataclass(kw_only=True)
class Cache:
    """An open cache.

    Attributes:
        entries: Labels of all good notes, sorted by name.
        rows: Row of each note in the audio file, int64.
        samples: Length of a note in samples.
        skipped: What was wrong with each note that was left out.
    """

    entries: list[Entry]
    rows: np.ndarray
    samples: int
    skipped: tuple[str, ...]
    _audio: BinaryIO
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        weakref.finalize(self, self._audio.close)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """The samples in `rows` (B,) of the audio file, int16 (B, samples).

        Reads instead of mapping: mapped pages would be counted to the process and grow with the set.
        """
        out = np.empty((len(rows), self.samples), np.int16)
        with self._lock:
            for row, place in zip(rows.tolist(), out, strict=True):
                self._audio.seek(row * place.nbytes)
                if self._audio.readinto(place) != place.nbytes:
                    raise UserError(f"{self._audio.name}: cut off while in use; start again to build it anew")
        return out


def open_cache(
    source: Source, *, sample_rate: int, samples: int, folder: Path | None = None, skip_bad: bool = False
) -> Cache:
    """The cache of `source`, built first if there is none or if the source has changed since.

    Args:
        source: Where the notes come from.
        sample_rate: Rate that all notes must have.
        samples: Length that all notes must have.
        folder: Where caches lie; None for `.synthgen-cache` beside the notes or, where that cannot be written, the
            user's cache folder.
        skip_bad: Leave bad notes out instead of refusing the set.

    Raises:
        UserError: a bad note (unless `skip_bad`), no good note at all, or no room on the disk.
    """
    place = hashlib.sha256(str(source.path.resolve()).encode()).hexdigest()[:8]
    name = f"{safe_name(source.path.name)}-{samples}-{sample_rate}-{place}"
    key = f"{VERSION}-{source.fingerprint()}"
    folders = [folder.expanduser()] if folder else _default_folders(source.path)
    found = next((c for c in (_load(f / name, key, samples) for f in folders) if c), None)
    if found is None:
        target = next((f for f in folders[:-1] if _writable(f)), folders[-1]) / name
        with _only_builder(target):
            found = _load(target, key, samples)
            if found is None:
                _replace(target, lambda partial: _build(source, partial, key, sample_rate, samples, skip_bad))
                found = _load(target, key, samples)
    if found is None:
        raise UserError(f"{target}: changed while it was built; start again, or choose another place by --data.cache")
    _refuse(found.skipped, skip_bad)
    if found.skipped:
        sys.stderr.write(f"{source.path}: bad notes left out: {len(found.skipped)}, first {found.skipped[0]}\n")
    return found


def _default_folders(path: Path) -> list[Path]:
    home = path if path.is_dir() else path.parent
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [home / ".synthgen-cache", user / "synthgen"]


def _writable(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return os.access(folder, os.W_OK)


@contextlib.contextmanager
def _only_builder(target: Path) -> Iterator[None]:
    """Hold the lock of `target`, so that of several processes one builds and the others wait for it."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = target.with_name(f".{target.name}.lock").open("w")
    except OSError as error:
        raise UserError(f"{files.describe(target.parent, error)} by --data.cache") from error
    with lock:
        with contextlib.suppress(ImportError, OSError):  # without locks, two builders do the same work twice
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _replace(target: Path, build: Callable[[Path], None]) -> None:
    """Build a folder beside `target` and put it in its place; leave nothing behind where that fails."""
    for left_over in target.parent.glob(f".{target.name}.*.partial"):
        shutil.rmtree(left_over, ignore_errors=True)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.mkdir()
        build(partial)
        if target.exists():
            shutil.rmtree(target)
        partial.replace(target)
    except OSError as error:
        raise UserError(f"{files.describe(target, error)} by --data.cache") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _build(source: Source, folder: Path, key: str, sample_rate: int, samples: int, skip_bad: bool) -> None:
    """Fill `folder` with the audio in the order of the source, the labels sorted by name, and the index of both."""
    rows, skipped = _write_audio(source, folder / AUDIO, sample_rate=sample_rate, samples=samples, skip_bad=skip_bad)
    entries = sorted(source.entries(), key=lambda entry: entry.note_str)
    for entry in entries:
        if entry.note_str not in rows and entry.note_str not in skipped:
            skipped[entry.note_str] = f"{source.path}: there is no audio of note {entry.note_str!r}; add it"
            _refuse(skipped.values(), skip_bad)
    kept = [entry for entry in entries if entry.note_str in rows]
    if not kept:
        reason = f", first {next(iter(skipped.values()))}" if skipped else ""
        raise UserError(f"{source.path}: there is no good note in it{reason}; give a set in NSynth's layout")
    write_examples(folder / EXAMPLES, kept)
    index = {"key": key, "rows": [rows[entry.note_str] for entry in kept], "skipped": list(skipped.values())}
    files.write_bytes(folder / INDEX, json.dumps({**index, "audio_rows": len(rows)}).encode())


def _write_audio(
    source: Source, path: Path, *, sample_rate: int, samples: int, skip_bad: bool
) -> tuple[dict[str, int], dict[str, str]]:
    """Row of each good note, and what is wrong with each bad one."""
    rows: dict[str, int] = {}
    skipped: dict[str, str] = {}
    decoded = _decoded(source, sample_rate=sample_rate, samples=samples)
    with path.open("wb") as stream, contextlib.closing(decoded):
        for where, result in decoded:
            if isinstance(result, UserError):
                skipped[where] = str(result)
                _refuse(skipped.values(), skip_bad)
                continue
            name, audio = result
            if name in rows:
                raise UserError(f"{source.path}: note {name!r} appears more than once; keep one of them")
            rows[name] = len(rows)
            stream.write(audio.data)
        stream.flush()
        os.fsync(stream.fileno())
    return rows, skipped


def _decoded(source: Source, *, sample_rate: int, samples: int) -> Iterator[tuple[str, Any]]:
    """Each item's `where` with its name and samples, or with the UserError that it raised."""
    from tqdm import tqdm

    workers = min(8, os.cpu_count() or 1)
    items = source.items(sample_rate=sample_rate, samples=samples)
    pending: deque[tuple[Item, Future[tuple[str, np.ndarray]]]] = deque()
    bar = tqdm(
        desc=f"caching {source.path.name}", total=source.total(), unit=source.unit, unit_scale=True, disable=None
    )
    with bar, ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:

        def oldest() -> tuple[str, Any]:
            item, future = pending.popleft()
            error = future.exception()
            if error is not None and not isinstance(error, UserError):
                raise error
            bar.update(item.done - bar.n)
            return item.where, error or future.result()

        try:
            for item in items:
                pending.append((item, pool.submit(item.decode)))
                if len(pending) > 4 * workers:
                    yield oldest()
            while pending:
                yield oldest()
        finally:
            pool.shutdown(cancel_futures=True)


def _load(folder: Path, key: str, samples: int) -> Cache | None:
    """The cache in `folder`, or None where there is none, or a stale or damaged one."""
    try:
        index = json.loads((folder / INDEX).read_bytes())
        if index["key"] != key or (folder / AUDIO).stat().st_size != index["audio_rows"] * samples * 2:
            return None
        entries = read_examples(folder / EXAMPLES)
        rows = np.array(index["rows"], np.int64)
        if len(rows) != len(entries) or not 0 <= rows.min() <= rows.max() < index["audio_rows"]:
            return None
        skipped = tuple(map(str, index["skipped"]))
        audio = (folder / AUDIO).open("rb", buffering=0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Cache(entries=entries, rows=rows, samples=samples, skipped=skipped, _audio=audio)


def _refuse(skipped: Iterable[str], skip_bad: bool) -> None:
    if skipped and not skip_bad:
        raise UserError(f"{next(iter(skipped))}; or leave bad notes out by --data.skip-bad")
