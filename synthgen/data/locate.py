"""From what a user calls the data (a folder, an archive, a record file, or a folder of these) to sources of notes."""

from __future__ import annotations

from pathlib import Path

from synthgen.checks import UserError
from synthgen.data.archive import ArchiveSource
from synthgen.data.sources import FolderSource, Source
from synthgen.data.splits import PARTS
from synthgen.data.tfrecord import RecordSource

_ARCHIVES = (".jsonwav.tar.gz", ".tar.gz", ".tgz")
_RECORDS = (".tfrecord",)
_ENDINGS = (*_ARCHIVES, *_RECORDS)
_DOWNLOAD = "`synthgen data nsynth --split {} --out DIR` downloads it"


def find_one(root: Path) -> Source:
    """The set that `root` is, or the only one that it holds.

    Raises:
        UserError: there is none, or there are several.
    """
    root = _existing(root)
    source = _source(root)
    if source is not None:
        return source
    if not root.is_dir():
        raise UserError(f"{root}: is no folder in NSynth's layout, no .tar.gz and no .tfrecord; check --data.root")
    inside = _sets_in(root)
    if not inside:
        raise UserError(
            f"{root}: there is no examples.json and no nsynth-*.jsonwav.tar.gz or .tfrecord; check the path"
        )
    if len(inside) > 1:
        raise UserError(f"{root}: holds several sets ({', '.join(sorted(inside))}); give one, or --data.split official")
    return next(iter(inside.values()))


def find_official(root: Path) -> dict[str, Source]:
    """NSynth's train, valid and test sets, given any one of them or the folder that they lie in.

    Raises:
        UserError: `root` is another set, or one of the three is missing.
    """
    root = _existing(root)
    home, prefix = root, "nsynth"
    if _source(root) is not None or not root.is_dir():
        home = root.parent
        prefix, _, part = _stem(root).rpartition("-")
        if part not in PARTS:
            raise UserError(f"{root}: is no nsynth-train, -valid or -test; use --data.split completion")
    inside = _sets_in(home)
    for part in PARTS:
        if f"{prefix}-{part}" not in inside:
            raise UserError(f"{home}: there is no {prefix}-{part} for the official split; {_DOWNLOAD.format(part)}")
    return {part: inside[f"{prefix}-{part}"] for part in PARTS}


def _existing(root: Path) -> Path:
    path = root.expanduser().resolve()
    if not path.exists():
        raise UserError(f"{root}: no such file or folder; check --data.root, or {_DOWNLOAD.format('train')}")
    return path


def _sets_in(folder: Path) -> dict[str, Source]:
    """Sets by name; of one set in several forms, the folder goes before the archive, and that before the records."""
    found: dict[str, Source] = {}
    order = (FolderSource, ArchiveSource, RecordSource)
    sources = [s for s in map(_source, sorted(folder.iterdir())) if s is not None and s.path.name[0] != "."]
    for source in sorted(sources, key=lambda source: order.index(type(source))):
        found.setdefault(_stem(source.path), source)
    return found


def _source(path: Path) -> Source | None:
    if path.is_dir():
        return FolderSource(path) if (path / "examples.json").is_file() else None
    if path.name.endswith(_ARCHIVES):
        return ArchiveSource(path)
    return RecordSource(path) if path.name.endswith(_RECORDS) else None


def _stem(path: Path) -> str:
    ending = next((e for e in _ENDINGS if path.is_file() and path.name.endswith(e)), "")
    return path.name.removesuffix(ending)
