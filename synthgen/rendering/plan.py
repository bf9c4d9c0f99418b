"""Which notes to render: rows of a CSV file, or every combination on a grid."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from synthgen import checks
from synthgen.checks import UserError
from synthgen.data.layout import check_name, safe_name
from synthgen.rendering.adapted import Adapted
from synthgen.rendering.request import Repertoire, Request, parse_seed, parse_velocity

COLUMNS = ("instrument", "pitch", "velocity", "seed")
REQUIRED = COLUMNS[:3]
STEPS = (0.01, 127)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The notes of a data set.

    Attributes:
        requests: In the model's own names, each with a file name of its own.
        skipped: What was wrong with each bad row that was left out.
    """

    requests: tuple[Request, ...]
    skipped: tuple[str, ...] = ()

    def digest(self) -> str:
        """SHA-256 of the requests: two plans that ask for the same notes in the same order have the same."""
        return hashlib.sha256(json.dumps([asdict(r) for r in self.requests]).encode()).hexdigest()


def stem(request: Request) -> str:
    """File name of a resolved request, without suffix, in NSynth's manner; the seed is in it unless it is 0.

    >>> stem(Request(instrument="church organ", pitch=60.5, velocity=100.0, seed=7))
    'church_organ-060.5-100-s7'
    """
    pitch, velocity = (f"{value:010.6f}".rstrip("0").rstrip(".") for value in (request.pitch, request.velocity))
    seed = f"-s{request.seed}" if request.seed else ""
    return f"{safe_name(request.instrument_name)}-{pitch}-{velocity}{seed}"


def read_csv(path: Path, repertoire: Repertoire, *, skip_bad: bool = False) -> Plan:
    """The plan in a CSV file with columns instrument, pitch, velocity and perhaps seed, in any order.

    Args:
        path: UTF-8 text, comma separated.
        repertoire: What the model can play.
        skip_bad: Leave bad rows out and count them, instead of stopping at the first.

    Raises:
        UserError: a file that is no such table, or a bad row; the message names file, line and column.
    """
    requests: dict[str, Request] = {}
    skipped: list[str] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = _rows(csv.reader(file, strict=True), str(path))
            _, header = next(rows, ("", []))
            _check_header(header, f"{path}, line 1")
            for where, cells in rows:
                try:
                    _add(requests, _request(header, cells, where, repertoire), where)
                except UserError as error:
                    if not skip_bad:
                        raise
                    skipped.append(str(error))
    except OSError as error:
        raise UserError(f"{path}: cannot read ({error.strerror}); give a CSV of {_columns()}, or --grid") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text ({error.reason}); save the plan as UTF-8 CSV") from error
    return _plan(requests, str(path), tuple(skipped))


def grid(
    repertoire: Repertoire,
    *,
    instruments: str | None = None,
    pitches: str | None = None,
    velocities: str | None = None,
    seed: int = 0,
) -> Plan:
    """Every instrument at every pitch and velocity.

    Args:
        repertoire: What the model can play.
        instruments: Names, comma separated; every one if None.
        pitches: Pitches or inclusive ranges LOW:HIGH[:STEP], comma separated; every whole one if None.
        velocities: As pitches; every learned one if None.
        seed: Seed of every note.

    Raises:
        UserError: a value that the model cannot play, or one that is asked for twice.
    """
    low, high = repertoire.pitches
    pitches = pitches or f"{low:g}:{high:g}"
    velocities = velocities or ",".join(f"{v:g}" for v in repertoire.velocities) or "100"
    names = repertoire.instruments if instruments is None else [n.strip() for n in instruments.split(",")]
    requests: dict[str, Request] = {}
    every_pitch = list(_values("pitches", pitches, repertoire.pitch))
    every_velocity = list(_values("velocities", velocities, parse_velocity))
    for name in names:
        first = repertoire.resolve(Request(instrument=name, pitch=low, seed=seed))
        for pitch in every_pitch:
            for velocity in every_velocity:
                _add(requests, replace(first, pitch=pitch, velocity=velocity), "--grid")
    return _plan(requests, "--grid")


def _add(requests: dict[str, Request], request: Request, where: str) -> None:
    name = stem(request)
    check_name(name, where)
    if name in requests:
        raise UserError(f"{where}: note {name} is asked for twice; remove one, or give it another seed")
    requests[name] = request


def _plan(requests: dict[str, Request], where: str, skipped: tuple[str, ...] = ()) -> Plan:
    if not requests:
        raise UserError(f"{where}: asks for no {'good ' if skipped else ''}notes; ask for at least one")
    adapted: dict[str, Adapted] = {}
    for one in (one for request in requests.values() for one in request.adapted):
        if adapted.setdefault(one.label, one) != one:
            raise UserError(f"{where}: two instruments are called {one.label}; rename one of them in its file")
    return Plan(requests=tuple(requests.values()), skipped=skipped)


def _rows(reader: Iterator[list[str]], path: str) -> Iterator[tuple[str, list[str]]]:
    """Rows that are not blank, and where each begins."""
    while True:
        where = f"{path}, line {reader.line_num + 1}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UserError(f"{where}: is not CSV ({error}); mend the row") from error
        if any(cell.strip() for cell in cells):
            yield where, [cell.strip() for cell in cells]


def _check_header(header: list[str], where: str) -> None:
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise UserError(f"{where}: lacks column {', '.join(missing)}; the first line must name {_columns()}")
    for index, name in enumerate(header):
        checks.one_of(f"{where}: column", name, COLUMNS)
        if name in header[:index]:
            raise UserError(f"{where}: column {name} is there twice; remove one")


def _columns() -> str:
    return f"columns {','.join(REQUIRED)}[,seed]"


def _request(header: list[str], cells: list[str], where: str, repertoire: Repertoire) -> Request:
    if len(cells) != len(header):
        raise UserError(f"{where}: has {len(cells)} cells, the header has {len(header)}; quote names that hold commas")
    row = dict(zip(header, cells, strict=True))
    checked = {
        "instrument": repertoire.instrument,
        "pitch": repertoire.pitch,
        "velocity": parse_velocity,
        "seed": lambda text: parse_seed(text or 0),
    }
    values = {}
    for column, check in checked.items():
        try:
            values[column] = check(row.get(column, ""))
        except UserError as error:
            raise UserError(f"{where}, column {column}: {error}") from error
    return repertoire.resolve(Request(**values | {"instrument": row["instrument"]}))


def _values(name: str, text: str, parse: Callable[[str], float]) -> Iterator[float]:
    """Each value of a comma-separated list of values and inclusive ranges LOW:HIGH[:STEP]."""
    for part in text.split(","):
        ends = part.split(":")
        if len(ends) > 3:
            raise UserError(f"{name}={part!r} must read LOW:HIGH or LOW:HIGH:STEP, e.g. 48:72:12")
        low, high = parse(ends[0].strip()), parse(ends[min(1, len(ends) - 1)].strip())
        if low > high:
            raise UserError(f"{name}={part!r} must rise; write the lower end first")
        step = _step(name, ends[2]) if len(ends) == 3 else 1.0
        yield from (low + index * step for index in range(int((high - low) / step + 1e-6) + 1))


def _step(name: str, text: str) -> float:
    try:
        step = float(text)
    except ValueError as error:
        raise UserError(f"step={text!r} of {name} must be a number") from error
    checks.between(f"step of {name}", step, *STEPS)
    return step
