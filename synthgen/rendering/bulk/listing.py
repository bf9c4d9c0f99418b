"""Rows of plans as they are read, checked one after the other."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from synthgen.checks import UserError
from synthgen.data.layout import check_name, safe_name
from synthgen.rendering.bulk.listed import TYPES, ListedPlan
from synthgen.rendering.bulk.plan import Skipped, Voice, check_labels, stem
from synthgen.rendering.library import ModelInfo, inspect
from synthgen.rendering.request import parse_seed, parse_velocity

COLUMNS = ("instrument", "pitch", "velocity", "seed", "duration", "model", "id")
REQUIRED = frozenset(COLUMNS[:3])
SECONDS = (0.01, 60.0)
LONG_NAME = 100


class Listing:
    """A plan that is being read, row by row.

    Args:
        model: What plays the rows that name no model.
        place: Where the row of a number is, for messages.
        skip_bad: Leave bad rows out and count them, instead of stopping at the first.
    """

    def __init__(self, model: ModelInfo, place: Callable[[int], str], *, skip_bad: bool = False) -> None:
        self._place, self._skip_bad = place, skip_bad
        self._models = [model]
        self._voices = _Voices()
        self._readers = dict.fromkeys(("", model.name), _Reader(model, self._voices))
        self._columns, self._skipped = _Columns(), Skipped()

    def add(self, rows: Sequence[tuple[int, Mapping[str, Any] | UserError]]) -> None:
        """Rows with their numbers, or what is wrong with them.

        Raises:
            UserError: a bad row, unless it is skipped; the message names its place and column.
        """
        try:
            columns = self._readers[""].read_together([cells for _, cells in rows])
        except UserError:
            columns = None
        if columns is None:  # something about them is special, or bad
            for number, cells in rows:
                self._add(number, cells)
        else:
            self._columns.extend([number for number, _ in rows], columns)

    def _add(self, number: int, cells: Mapping[str, Any] | UserError) -> None:
        try:
            if isinstance(cells, UserError):
                raise cells
            named = cells.get("model") or ""
            reader = self._readers.get(named) if isinstance(named, str) else None
            reader = reader or self._open(named)
            self._columns.append(reader.number, number, *reader.read(cells))
        except UserError as error:
            self._skip(number, error)

    def finish(self, where: str) -> ListedPlan:
        """The plan of all rows.

        Raises:
            UserError: it has no rows, or some twice, or instruments of one name.
        """
        columns, ids, lines = self._columns.arrays()
        plan = self._plan(columns, ids)
        again = plan.repeated()
        for index in again:
            error = f"note {plan.row(index).name} is asked for twice; remove one, or give it another seed or id"
            self._skip(int(lines[index]), UserError(error))
        kept = {name: np.delete(column, again) for name, column in columns.items()}
        dropped = set(again.tolist())
        plan = self._plan(kept, [one for i, one in enumerate(ids) if i not in dropped] if ids else None)
        if not len(plan):
            good = "good " if self._skipped.count else ""
            raise UserError(f"{where}: asks for no {good}notes; ask for at least one")
        check_labels(plan.voices, where)
        return plan

    def _plan(self, columns: Mapping[str, np.ndarray], ids: list[str | None] | None) -> ListedPlan:
        """A plan of what its rows name, in the order in which they do: bad rows leave no trace."""
        voices, voice = _numbered(columns["voice"])
        models, model = _numbered(np.append(columns["model"].dtype.type(0), columns["model"]))
        columns = {**columns, "voice": voice.astype(np.uint32), "model": model[1:].astype(np.uint16)}
        named = tuple(self._models[number] for number in models)
        return ListedPlan(named, [self._voices.known[number] for number in voices], columns, ids, self._skipped)

    def _open(self, named: Any) -> _Reader:
        try:
            info = inspect(_named(named))
            same = next(
                (n for n, known in enumerate(self._models) if known.path.resolve() == info.path.resolve()), None
            )
            if same is None and any(known.name == info.name for known in self._models):
                raise UserError(f"model={named!r}: another of the plan is called {info.name!r} too; rename a folder")
        except UserError as error:
            raise UserError(f"column model: {error}") from error
        if same is None:
            self._models.append(info)
        self._readers[named] = _Reader(info, self._voices, len(self._models) - 1 if same is None else same)
        return self._readers[named]

    def _skip(self, number: int, error: UserError) -> None:
        between = ", " if str(error).startswith("column ") else ": "
        line = f"{self._place(number)}{between}{error}"
        if not self._skip_bad:
            raise UserError(line) from error
        self._skipped = Skipped(self._skipped.count + 1, self._skipped.first or line)


class _Reader:
    """Reads the cells of rows that one model plays; what it has seen before it knows."""

    def __init__(self, info: ModelInfo, voices: _Voices, number: int = 0) -> None:
        self.number, self._info, self._voices = number, info, voices
        self._numbers: dict[Any, int] = {}
        self._columns = (
            ("instrument", self._voice, ""),
            ("pitch", info.with_files.pitch, ""),
            ("velocity", parse_velocity, ""),
            ("seed", lambda seed: parse_seed(0 if seed == "" else seed), ""),
            ("duration", _seconds, ""),
            ("id", _identity, ""),
        )

    def read(self, cells: Mapping[str, Any]) -> list[Any]:
        """Voice, pitch, velocity, seed, seconds and id of a row.

        Raises:
            UserError: a bad cell; the message names its column.
        """
        values = []
        for column, parse, default in self._columns:
            cell = cells.get(column, default)
            try:
                values.append(parse(default if cell is None else _hashable(cell)))
            except UserError as error:
                raise UserError(f"column {column}: {error}") from error
        voice = self._voices.known[values[0]]
        if len(voice.name) > LONG_NAME:
            check_name(
                stem(voice.name, *values[1:4], f"d{values[4]:g}", safe_name(self._info.name)), "column instrument"
            )
        return values

    def read_together(self, rows: Sequence[Mapping[str, Any] | UserError]) -> list[list[Any]] | None:
        """As `read` for many rows, by columns: each value that occurs is read once.

        Returns:
            The columns, or None where rows are to be read one by one: bad ones, of other models, of mixed types.

        Raises:
            UserError: a bad cell in some row.
        """
        if any(isinstance(cells, UserError) or cells.get("model") not in (None, "", self._info.name) for cells in rows):
            return None
        columns = []
        for column, parse, default in self._columns:
            cells = [default if (cell := row.get(column)) is None else cell for row in rows]
            kinds = set(map(type, cells)) - {str}
            if len(kinds) > 1 or not kinds <= {int, float}:  # 1, 1.0 and True are the same key
                return None
            known = {cell: parse(cell) for cell in dict.fromkeys(cells)}
            columns.append([known[cell] for cell in cells])
        return None if any(len(self._voices.known[n].name) > LONG_NAME for n in set(columns[0])) else columns

    def _voice(self, cell: Any) -> int:
        number = self._numbers.get(cell)
        if number is None:
            number = self._voices.number(Voice.find(self._info.with_files, _instrument(cell)))
            self._numbers[cell] = number
        return number


class _Voices:
    """The voices of a plan, numbered as they appear."""

    def __init__(self) -> None:
        self.known: list[Voice] = []
        self._numbers: dict[str, int] = {}

    def number(self, voice: Voice) -> int:
        key = json.dumps(voice.to_json())
        if key not in self._numbers:
            self._numbers[key] = len(self.known)
            self.known.append(voice)
        return self._numbers[key]


class _Columns:
    """Growing columns."""

    def __init__(self) -> None:
        self._arrays = [array(kind) for kind in TYPES.values()]
        self._lines, self._ids = array("q"), []
        self._any_id = False

    def append(self, model: int, line: int, *values: Any) -> None:
        *numbers, name = values
        for column, value in zip(self._arrays, (model, *numbers), strict=True):
            column.append(value)
        self._lines.append(line)
        self._ids.append(name)
        self._any_id |= name is not None

    def extend(self, lines: Sequence[int], columns: Sequence[Sequence[Any]]) -> None:
        *numbers, ids = columns
        for column, values in zip(self._arrays, ([0] * len(lines), *numbers), strict=True):
            column.extend(values)
        self._lines.extend(lines)
        self._ids.extend(ids)
        self._any_id |= any(name is not None for name in ids)

    def arrays(self) -> tuple[dict[str, np.ndarray], list[str | None] | None, np.ndarray]:
        """Columns by name, ids if there is any, and the rows' numbers."""
        columns = {name: np.array(column) for name, column in zip(TYPES, self._arrays, strict=True)}
        return columns, self._ids if self._any_id else None, np.array(self._lines)


def _numbered(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The values of a column in the order of their first appearance, and the column with their numbers instead."""
    values, firsts, inverse = np.unique(column, return_index=True, return_inverse=True)
    order = np.argsort(firsts)
    numbers = np.empty_like(order)
    numbers[order] = np.arange(len(order))
    return values[order], numbers[inverse]


def _hashable(cell: Any) -> Any:
    """Scalars as they are, weights as JSON, what else JSON may hold as text that no column takes."""
    if isinstance(cell, str | int | float):
        return cell
    return json.dumps(cell, sort_keys=True) if isinstance(cell, dict) else repr(cell)


def _instrument(cell: Any) -> Any:
    if not (isinstance(cell, str) and cell.startswith("{")):
        return cell
    try:
        return json.loads(cell)
    except (ValueError, RecursionError) as error:
        raise UserError(f"instrument={cell[:40]!r} must be a name, or JSON of names and weights") from error


def _seconds(cell: Any) -> float:
    """A duration, NaN where there is none."""
    if cell == "":
        return math.nan
    try:
        seconds = math.nan if isinstance(cell, bool) else float(cell)
    except ValueError:
        seconds = math.nan
    low, high = SECONDS
    if not low <= seconds <= high:
        raise UserError(f"duration={str(cell)[:40]!r} must be a number of seconds between {low:g} and {high:g}")
    return seconds


def _identity(cell: Any) -> str | None:
    if cell == "":
        return None
    check_name(cell, f"id={str(cell)[:40]!r}")
    return cell


def _named(cell: Any) -> str:
    if not isinstance(cell, str):
        raise UserError(f"model={str(cell)[:40]!r} must be a bundled model's name or the path of a checkpoint")
    return cell
