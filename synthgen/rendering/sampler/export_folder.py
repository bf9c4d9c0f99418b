"""A folder that is written whole or not at all, and replaces nothing but an earlier export."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synthgen import files
from synthgen.checks import UserError

MANIFEST = "export.json"
FORMAT = 1


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside `folder`; on success it takes its place, on failure it is removed.

    Raises:
        UserError: `folder` holds anything but an earlier export, or cannot be written.
    """
    folder = folder.resolve()
    _check_replaceable(folder)
    mark = f".{folder.name}.{secrets.token_hex(4)}"
    partial, earlier = folder.with_name(f"{mark}.partial"), folder.with_name(f"{mark}.earlier")
    try:
        partial.mkdir(parents=True)
        yield partial
        files.sync(partial)
        if folder.exists():
            folder.rename(earlier)
        try:
            partial.rename(folder)
        except OSError:
            if earlier.exists():
                earlier.rename(folder)
            raise
        files.sync(folder.parent)
    except UserError as error:
        raise UserError(str(error).replace(str(partial), str(folder))) from error
    except OSError as error:
        raise UserError(files.describe(folder, error)) from error
    finally:
        for leftover in (partial, earlier) if folder.exists() else (partial,):
            shutil.rmtree(leftover, ignore_errors=True)


def write_manifest(folder: Path, content: dict[str, Any]) -> None:
    """Write the manifest of an export, which also lists the files beside it."""
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    content = {"format": FORMAT, **content, "files": [*names, MANIFEST]}
    files.write_bytes(folder / MANIFEST, json.dumps(content, indent=1).encode())


def _check_replaceable(folder: Path) -> None:
    """Raise UserError unless `folder` is absent, empty, or holds an export and nothing besides."""
    try:
        first = next(folder.iterdir(), None) if folder.exists() else None
        listed = _listed(folder / MANIFEST) if first else set()
        names = (str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())
        strangers = (name for name in names if name not in listed) if listed else filter(None, [first and first.name])
        stranger = next(strangers, None)
    except OSError as error:
        raise UserError(f"{folder}: cannot be used ({error.strerror}); choose another --out") from error
    if stranger:
        raise UserError(f"{folder}: holds {stranger}, which no export made; choose another folder for --out")


def _listed(path: Path) -> set[str]:
    """Files that an earlier export says to have written; none if there is no readable manifest."""
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except ValueError:
        return set()
    known = isinstance(content, dict) and content.get("format") == FORMAT and isinstance(content.get("files"), list)
    return {name for name in content["files"] if isinstance(name, str)} if known else set()
