"""A plan, a folder, and the shards that the former becomes in the latter."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from synthgen import __version__, checks, files
from synthgen.checks import UserError
from synthgen.rendering.bulk.making import AudioFormat
from synthgen.rendering.bulk.plan import Plan

if TYPE_CHECKING:
    from synthgen.heads import Sampling

Layout = Literal["nsynth", "webdataset", "parquet"]
CLAIM, RECORDS, PARTIAL = "render.json", "shards", ".partial"
FORMAT = 2
SHARD_SIZES = {"nsynth": 100, "webdataset": 1000, "parquet": 1000}
"""Notes in a shard unless told otherwise: what a kill may cost, against the number of files."""
AUDIO: dict[str, AudioFormat] = {"nsynth": "wav", "webdataset": "flac", "parquet": "flac"}
MAX_SHARD, MAX_FILES = 1_000_000, 500_000
PACKAGES = ("torch", "numpy", "soundfile")


@dataclass(frozen=True)
class Shard:
    """A part of a plan that is made as a whole.

    Attributes:
        number: Counts from 0.
        start: Its first row.
        stop: The row after its last.
    """

    number: int
    start: int
    stop: int

    def __len__(self) -> int:
        """Number of notes."""
        return self.stop - self.start

    @property
    def name(self) -> str:
        """Its number with leading zeros."""
        return f"{self.number:06d}"


@dataclass(frozen=True, kw_only=True)
class Job:
    """A render.

    Attributes:
        plan: What to render.
        folder: New, empty, or of an earlier start of the same render.
        layout: Of the files; NSynth's has a file a note.
        audio: 16-bit WAV or FLAC; None for WAV in NSynth's layout, FLAC in others.
        shard_size: Notes in a shard; None for 100 in NSynth's layout, 1000 in others.
        sampling: See `Synthesizer.note`.
        device: Where the models compute.

    Raises:
        UserError: settings that cannot be.
    """

    plan: Plan = field(repr=False)
    folder: Path
    layout: Layout = "nsynth"
    audio: AudioFormat | None = None
    shard_size: int | None = None
    sampling: Sampling | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.shard_size is not None:
            checks.between("shard_size", self.shard_size, 1, MAX_SHARD)
        if self.layout == "nsynth" and len(self.plan) > MAX_FILES:
            raise UserError(
                f"format=nsynth makes {len(self.plan)} files, at most {MAX_FILES} can be; choose webdataset or parquet"
            )

    @property
    def kind(self) -> AudioFormat:
        """Of the audio."""
        return self.audio or AUDIO[self.layout]

    @cached_property
    def shards(self) -> Sequence[Shard]:
        """All of them, worked out when they are asked for."""
        return _Shards(len(self.plan), self.shard_size or SHARD_SIZES[self.layout])

    @property
    def partial(self) -> Path:
        """Where files are while they are being written."""
        return self.folder / PARTIAL

    def vacate(self) -> None:
        """Remove the place for files that are being written, if nobody uses it."""
        with suppress(OSError):
            self.partial.rmdir()

    def record(self, shard: Shard) -> Path:
        """The file that says what a finished shard holds; it is written last."""
        return self.folder / RECORDS / f"{shard.name}.jsonl"

    @cached_property
    def claim(self) -> dict[str, Any]:
        """All that the bytes of the result depend on."""
        hashes = [info.with_files.owner.home.sha256 for info in self.plan.models]
        return {
            "format": FORMAT,
            "model": hashes[0] if len(hashes) == 1 else hashes,
            "plan": self.plan.digest(),
            "notes": len(self.plan),
            "layout": self.layout,
            "audio": self.kind,
            "shard size": self.shards.size,
            "sampling": None if self.sampling is None else asdict(self.sampling),
            "device": self.device.split(":")[0],
            "versions": versions(self.layout),
        }

    def own(self) -> None:
        """Make the folder this render's own, or find that it already is.

        Raises:
            UserError: it holds another render, or something else.
        """
        path = self.folder / CLAIM
        try:
            strangers = [*filter(_strange, self.folder.iterdir())] if self.folder.exists() else []
            content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None  # maybe another rank's
        except OSError as error:
            raise UserError(f"{self.folder}: cannot be used ({error.strerror}); choose another --out") from error
        except ValueError as error:
            raise UserError(f"{path}: is not a render's manifest; choose another --out") from error
        if strangers and not content:
            name = strangers[0].name
            raise UserError(f"{self.folder}: holds {name}, which no render made; choose an empty folder for --out")
        if content is None:
            files.write_bytes(path, json.dumps(self.claim, indent=1).encode())
        else:
            self._compare(content)

    def _compare(self, content: Any) -> None:
        for key, value in self.claim.items():
            found = content.get(key) if isinstance(content, dict) else None
            if found != value:
                differ = f"{_short(found)}, not {_short(value)}"
                raise UserError(f"{self.folder}: holds the render of another {key} ({differ}); choose another --out")


@dataclass(frozen=True)
class _Shards(Sequence[Shard]):
    notes: int
    size: int

    def __len__(self) -> int:
        return -(-self.notes // self.size)

    def __getitem__(self, number: int) -> Shard:
        if not 0 <= number < len(self):
            raise IndexError(number)
        return Shard(number, number * self.size, min((number + 1) * self.size, self.notes))

    def __iter__(self) -> Iterator[Shard]:
        return map(self.__getitem__, range(len(self)))


def versions(layout: Layout) -> dict[str, str]:
    """Of what makes the bytes."""
    names = (*PACKAGES, "pyarrow") if layout == "parquet" else PACKAGES
    try:
        return {"synthgen": __version__, **{name: importlib.metadata.version(name) for name in names}}
    except importlib.metadata.PackageNotFoundError as error:
        raise UserError(f"{layout} needs {error.name}; pip install 'synthgen[parquet]'") from error


def _strange(path: Path) -> bool:
    return not (path.name.startswith(".") and path.name.endswith(".partial"))


def _short(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_short(one) for one in value)
    if isinstance(value, dict):
        return " ".join(f"{key} {one}" for key, one in value.items())
    return str(value)[:16]
