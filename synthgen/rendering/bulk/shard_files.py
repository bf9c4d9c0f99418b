"""Shards on disk: whole or not there, the same bytes whoever writes them."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from synthgen import files
from synthgen.checks import UserError
from synthgen.rendering.bulk.job import RECORDS, Job, Shard
from synthgen.rendering.bulk.making import Made
from synthgen.rendering.bulk.parquet_file import write_parquet


@dataclass(kw_only=True)
class Totals:
    """What is in some notes.

    Attributes:
        notes: How many.
        silent: Below -80 dB throughout.
        clipped: Beyond [-1, 1] before they were limited to it.
        off_pitch: More than 50 cents from their pitch, octaves counted.
        unmeasured: Without a clear pitch.
    """

    notes: int = 0
    silent: int = 0
    clipped: int = 0
    off_pitch: int = 0
    unmeasured: int = 0

    def add(self, record: dict[str, Any]) -> None:
        """Count a note."""
        self.notes += 1
        for name in ("silent", "clipped", "off_pitch"):
            setattr(self, name, getattr(self, name) + record[name])
        self.unmeasured += record["f0"] is None

    def join(self, other: Totals) -> None:
        """Count others' notes too."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


def write_shard(job: Job, shard: Shard, notes: Iterable[Made]) -> Totals:
    """Write a shard's files, and after them the record that makes it a finished one.

    Args:
        job: Whose shard it is.
        shard: Which.
        notes: All of it, in order.

    Raises:
        UserError: a file cannot be written.
    """
    records: list[dict[str, Any]] = []
    totals = Totals()

    def counted() -> Iterator[Made]:
        for index, made in enumerate(notes, shard.start):
            records.append({"index": index, **made.record})
            totals.add(made.record)
            yield made
        if totals.notes != len(shard):
            raise UserError(f"shard {shard.number}: only {totals.notes} of its {len(shard)} notes were made")

    facts = _WRITERS[job.layout](job, shard, counted())
    lines = [{"shard": shard.number, **facts, **vars(totals)}, *records]
    with files.atomic(job.record(shard), by_way_of=job.partial) as partial, files.Stream(partial) as stream:
        stream.write("".join(f"{json.dumps(line, sort_keys=True)}\n" for line in lines).encode())
    return totals


def data_file(job: Job, shard: Shard) -> Path:
    """The file that holds a shard's notes, in layouts that have one."""
    if job.layout == "parquet":  # the names by which Hugging Face's loader knows a split
        return job.folder / "data" / f"train-{shard.number:05d}-of-{len(job.shards):05d}.parquet"
    return job.folder / f"notes-{shard.name}.tar"


def audio_file(job: Job, name: str) -> Path:
    """The file of a note in NSynth's layout."""
    return job.folder / "audio" / f"{name}.{job.kind}"


def finished(job: Job, shards: Iterable[int]) -> dict[int, Totals]:
    """Those of `shards` that are whole: their records are there, and the files that these tell of."""
    names = {path.name for path in (job.folder / "audio").iterdir()} if (job.folder / "audio").is_dir() else set()
    found = {number: _whole(job, job.shards[number], names) for number in shards}
    return {number: totals for number, totals in found.items() if totals}


def recorded(job: Job) -> int:
    """Number of shards that have a record, found by a single look at the folder."""
    return sum(path.suffix == ".jsonl" for path in (job.folder / RECORDS).glob("[0-9]*"))


def read_records(job: Job, shard: Shard) -> Iterator[dict[str, Any]]:
    """What was written of a shard: first the file and its totals, then each note."""
    with job.record(shard).open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def forget(job: Job, shards: Iterable[int]) -> None:
    """Let finished shards be made anew; their files stay until they are replaced."""
    for number in shards:
        job.record(job.shards[number]).unlink(missing_ok=True)


def clean(job: Job, shards: Iterable[int] | None = None) -> None:
    """Remove what killed processes were writing: of some shards, or all there is and the place for it."""
    wanted = None if shards is None else set(shards)
    for path in job.partial.glob(".*"):
        number = re.search(r"\d+", path.name)
        if wanted is None or (number and int(number[0]) in wanted):
            _remove(path)
    if wanted is None:
        for path in job.folder.glob(".*.partial"):
            _remove(path)
        job.vacate()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _whole(job: Job, shard: Shard, names: set[str]) -> Totals | None:
    try:
        lines = read_records(job, shard)
        header = next(lines)
        if job.layout == "nsynth":
            there = all(audio_file(job, record["id"]).name in names for record in lines)
        else:
            there = data_file(job, shard).stat().st_size == header["bytes"]
        return Totals(**{one.name: header[one.name] for one in fields(Totals)}) if there else None
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None  # not by us, or its file was taken away: it is made again


class _Hashed(files.Stream):
    """A stream that knows the SHA-256 of what was written."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.sha256 = hashlib.sha256()

    def write(self, content: bytes | memoryview) -> int:
        self.sha256.update(content)
        return super().write(content)


def _write_files(job: Job, shard: Shard, notes: Iterable[Made]) -> dict[str, Any]:
    """A file a note: all are written and on the disk before the first gets its name."""
    place = job.partial / f".{shard.name}.{secrets.token_hex(4)}.partial"
    written: list[tuple[Path, Path]] = []
    path = audio_file(job, shard.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir(parents=True)
        for made in notes:
            path = audio_file(job, made.record["id"])
            with files.Stream(place / path.name) as stream:
                stream.write(made.audio)
            written.append((place / path.name, path))
        for partial, path in written:
            files.sync(partial)
            partial.replace(path)
        files.sync(path.parent)
    except OSError as error:
        raise UserError(files.describe(path, error)) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return {}


def _write_tar(job: Job, shard: Shard, notes: Iterable[Made]) -> dict[str, Any]:
    """WebDataset: two members a note, audio and labels, called after the note's number in the plan.

    WebDataset takes all before a name's first dot as the note's key, and names of notes may hold dots.
    """
    path = data_file(job, shard)
    with files.atomic(path, by_way_of=job.partial) as partial, _Hashed(partial) as stream:
        for index, made in enumerate(notes, shard.start):
            labels = json.dumps(made.record, sort_keys=True).encode()
            stream.write(_member(f"{index:09d}.{job.kind}", made.audio) + _member(f"{index:09d}.json", labels))
        stream.write(bytes(2 * tarfile.BLOCKSIZE))
    return {"file": path.name, "bytes": stream.tell(), "sha256": stream.sha256.hexdigest()}


def _member(name: str, content: bytes) -> bytes:
    """A file in a tar archive, without owner or time."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % tarfile.BLOCKSIZE)


def _write_table(job: Job, shard: Shard, notes: Iterable[Made]) -> dict[str, Any]:
    path = data_file(job, shard)
    rates = {info.sample_rate for info in job.plan.models}
    with files.atomic(path, by_way_of=job.partial) as partial, _Hashed(partial) as stream:
        write_parquet(stream, notes, kind=job.kind, sample_rate=rates.pop() if len(rates) == 1 else None)
    return {"file": f"data/{path.name}", "bytes": stream.tell(), "sha256": stream.sha256.hexdigest()}


_WRITERS = {"nsynth": _write_files, "webdataset": _write_tar, "parquet": _write_table}
