"""Frozen dataclasses to plain dictionaries and back, strictly: a checkpoint's configuration may be hostile."""

from __future__ import annotations

import dataclasses
import sys
import types
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from synthgen.checks import UserError

T = TypeVar("T")
MAX_ITEMS = 100_000


def to_dict(config: Any) -> Any:
    """A copy of `config` made only of dicts, lists and JSON scalars."""
    if dataclasses.is_dataclass(config):
        return {f.name: to_dict(getattr(config, f.name)) for f in dataclasses.fields(config)}
    if isinstance(config, dict):
        return {k: to_dict(v) for k, v in config.items()}
    if isinstance(config, list | tuple):
        return [to_dict(v) for v in config]
    return str(config) if isinstance(config, Path) else config


def from_dict(cls: type[T], values: Any, *, where: str = "") -> T:
    """The `cls` that `to_dict` made `values` from.

    Args:
        cls: A dataclass; its type hints are checked, nested ones too.
        values: What `to_dict` returned, perhaps by way of JSON.
        where: Path of the value in its file, for messages.

    Raises:
        UserError: an unknown, missing or ill-typed key; the message names it.
    """
    where = where or cls.__qualname__
    if not isinstance(values, dict):
        raise UserError(f"{where}={_short(values)} must be a table of fields")
    hints = get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise UserError(f"{where} has no field {', '.join(unknown)}; it has {', '.join(fields)}")
    required = (n for n, f in fields.items() if f.default is f.default_factory is dataclasses.MISSING)
    missing = [n for n in required if n not in values]
    if missing:
        raise UserError(f"{where} lacks field {', '.join(missing)}")
    return cls(**{k: _restore(hints[k], v, f"{where}.{k}") for k, v in values.items()})


def _restore(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return from_dict(hint, value, where=where)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _restore_union(arguments, value, where)
    if origin is tuple:
        return _restore_tuple(arguments, value, where)
    if origin is Literal:
        return _require(value in arguments, value, where, f"one of {', '.join(map(repr, arguments))}")
    if hint is Path:
        return Path(_require(isinstance(value, str), value, where, "a path"))
    if hint is float:
        return float(_require(_is_number(value), value, where, "a finite number"))
    if hint is int:
        return _require(isinstance(value, int) and not isinstance(value, bool), value, where, "a whole number")
    return _require(hint is Any or isinstance(value, hint), value, where, getattr(hint, "__name__", str(hint)))


def _restore_union(arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in arguments:
        return None
    (hint,) = (a for a in arguments if a is not type(None))
    return _restore(hint, value, where)


def _restore_tuple(arguments: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    _require(isinstance(value, list | tuple) and len(value) <= MAX_ITEMS, value, where, "a list")
    hints = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
    _require(len(hints) == len(value), value, where, f"a list of {len(hints)}")
    return tuple(_restore(h, v, f"{where}[{i}]") for i, (h, v) in enumerate(zip(hints, value, strict=True)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _require(ok: bool, value: Any, where: str, expected: str) -> Any:
    if not ok:
        raise UserError(f"{where}={_short(value)} must be {expected}")
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
