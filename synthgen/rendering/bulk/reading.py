"""Plans in files: CSV, JSON lines, NSynth's `examples.json`, Parquet."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from synthgen import checks
from synthgen.checks import UserError
from synthgen.rendering.bulk.listed import ListedPlan
from synthgen.rendering.bulk.listing import COLUMNS, REQUIRED, Listing
from synthgen.rendering.library import ModelInfo

Rows = Iterator[tuple[int, Mapping[str, Any] | UserError]]
MAX_LINE, TOGETHER = 1 << 20, 1 << 12
WEIGHTS = "weights"
KNOWN = (*COLUMNS, WEIGHTS)
MEASURED = frozenset(
    ("audio", "sample_rate", "family", "source", "peak", "f0", "cents", "silent", "clipped", "off_pitch", "index")
)
"""Columns of what was rendered, which say nothing of what to render: a rendered set may be a plan."""
ALLOWED = MEASURED.union(KNOWN)
NUMBERS = ("pitch", "velocity", "seed", "duration", "model", WEIGHTS)
"""Columns that an `examples.json` calls by the same name."""
HINT = f"give a CSV of columns {','.join(COLUMNS[:3])}[,{','.join(COLUMNS[3:])}], JSON lines, Parquet, or --grid"


def read(path: Path, model: ModelInfo, *, skip_bad: bool = False) -> ListedPlan:
    """The plan in a file, by its suffix: .jsonl or .ndjson, .json, .parquet, otherwise CSV.

    Columns are instrument (a name or a blend), pitch, velocity and perhaps seed, duration in seconds, model, and id,
    the note's name. JSON may give a blend as names and weights, under `instrument` or `weights`.

    Args:
        path: The file.
        model: What plays the rows that name no model.
        skip_bad: Leave bad rows out and count them, instead of stopping at the first.

    Raises:
        UserError: a file that is no such table, or a bad row; the message names file, line and column.
    """
    kind, unit = _KINDS.get(path.suffix.lower(), (_csv_rows, "line"))
    places: dict[int, str] = {}
    listing = Listing(model, lambda n: f"{path}, {places.get(n) or f'{unit} {n}'}", skip_bad=skip_bad)
    try:
        rows = kind(path, places)
        while group := list(itertools.islice(rows, TOGETHER)):
            listing.add(group)
    except OSError as error:
        raise UserError(f"{path}: cannot read ({error.strerror or error}); {HINT}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text ({error.reason}); save the plan as UTF-8 text") from error
    return listing.finish(str(path))


def _csv_rows(path: Path, _: dict[int, str]) -> Rows:
    """Rows that are not blank, and the lines that they begin in."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = [name.strip() for name in _next(reader, path) or []]
        _check_header(header, f"{path}, line 1")
        while True:
            line = reader.line_num + 1
            cells = _next(reader, path)
            if cells is None:
                return
            if len(cells) != len(header) and any(map(str.strip, cells)):
                counts = f"has {len(cells)} cells, the header has {len(header)}"
                yield line, UserError(f"{counts}; quote names that hold commas")
            elif any(map(str.strip, cells)):
                yield line, _weighted(dict(zip(header, map(str.strip, cells), strict=False)))


def _next(reader: Iterator[list[str]], path: Path) -> list[str] | None:
    where = f"{path}, line {reader.line_num + 1}"
    try:
        return next(reader, None)
    except csv.Error as error:
        raise UserError(f"{where}: is not CSV ({error}); mend the row") from error


def _check_header(header: list[str], where: str) -> None:
    missing = [name for name in COLUMNS if name in REQUIRED and name not in header]
    if missing and not (missing == ["instrument"] and WEIGHTS in header):
        raise UserError(
            f"{where}: lacks column {', '.join(missing)}; there must be columns {','.join(COLUMNS[:3])}"
            f"[,{','.join(COLUMNS[3:])}]"
        )
    for index, name in enumerate(header):
        if name not in MEASURED:
            checks.one_of(f"{where}: column", name, KNOWN)
        if name in header[:index]:
            raise UserError(f"{where}: column {name} is there twice; remove one")


def _line_rows(path: Path, _: dict[int, str]) -> Rows:
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), 1):
            if len(line) > MAX_LINE:
                raise UserError(f"{path}, line {number}: is longer than {MAX_LINE} bytes; give one note a line")
            if number == 1 and line.startswith(b"\xef\xbb\xbf"):
                line = line[3:]
            if line.strip():
                yield number, _object(line)


def _object(line: bytes) -> Mapping[str, Any] | UserError:
    try:
        cells = json.loads(line, object_pairs_hook=_unique)
    except UserError as error:
        return error
    except (ValueError, RecursionError) as error:
        return UserError(f"is not JSON ({error}); write one object a line")
    if not isinstance(cells, dict):
        return UserError("must be a JSON object of columns such as instrument, pitch and velocity")
    return _checked(cells)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        raise UserError(f"key {next(key for key in keys if keys.count(key) > 1)!r} appears twice; keep one of them")
    return table


def _checked(cells: dict[str, Any]) -> Mapping[str, Any] | UserError:
    try:
        for name in cells.keys() - ALLOWED:
            checks.one_of("column", name, KNOWN)
    except UserError as error:
        return error
    missing = sorted(REQUIRED - cells.keys())
    if missing == ["instrument"] and WEIGHTS in cells:
        missing = []
    return UserError(f"lacks {', '.join(missing)}") if missing else _weighted(cells)


def _weighted(cells: dict[str, Any]) -> Mapping[str, Any]:
    weights = cells.get(WEIGHTS)
    return {**cells, "instrument": weights} if weights else cells


def _nsynth_rows(path: Path, places: dict[int, str]) -> Rows:
    """The notes of an `examples.json`; what it says beyond our columns is no matter."""
    try:
        notes = json.loads(path.read_bytes().decode("utf-8-sig"), object_pairs_hook=_unique)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except UnicodeDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: is not JSON ({error}); download or write it again") from error
    if not isinstance(notes, dict):
        raise UserError(f"{path}: must be a JSON object of one entry a note, as NSynth's examples.json")
    for number, (name, entry) in enumerate(notes.items(), 1):
        places[number] = f"note {name!r}"
        yield number, _entry(name, entry)


def _entry(name: str, entry: Any) -> Mapping[str, Any] | UserError:
    if not isinstance(entry, dict):
        return UserError("must be a table of labels such as instrument_str, pitch and velocity")
    if entry.get("note_str", name) != name:
        return UserError(f"note_str={entry['note_str']!r} must equal the note's key; mend one of them")
    cells = {"id": name, "instrument": entry.get("instrument_str")}
    return _weighted(cells | {key: entry[key] for key in NUMBERS if key in entry})


def _parquet_rows(path: Path, _: dict[int, str]) -> Rows:
    parquet, invalid = _pyarrow()
    path.open("rb").close()
    try:
        with parquet.ParquetFile(path) as file:
            header = file.schema_arrow.names
            _check_header(header, f"{path}, schema")
            wanted, number = [name for name in header if name in KNOWN], 0
            for batch in file.iter_batches(batch_size=1 << 14, columns=wanted):
                for cells in batch.to_pylist():
                    number += 1
                    yield number, _weighted(cells)
    except invalid as error:
        first = str(error).splitlines()[0]
        raise UserError(f"{path}: is not a readable Parquet file ({first}); write it again") from error


def _pyarrow() -> tuple[Any, type[Exception]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise UserError("Parquet needs pyarrow; pip install 'synthgen[parquet]'") from error
    return parquet, ArrowException


_KINDS: dict[str, tuple[Callable[[Path, dict[int, str]], Rows], str]] = {
    ".jsonl": (_line_rows, "line"),
    ".ndjson": (_line_rows, "line"),
    ".json": (_nsynth_rows, "note"),
    ".parquet": (_parquet_rows, "row"),
}
