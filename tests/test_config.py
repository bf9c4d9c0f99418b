from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from synthgen.checks import UserError
from synthgen.config import from_dict, to_dict


@dataclass(frozen=True, kw_only=True)
class Inner:
    widths: tuple[int, ...] = (1, 2)
    scale: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str
    inner: Inner = field(default_factory=Inner)
    pair: tuple[int, str] = (1, "a")
    kind: Literal["one", "two"] = "one"
    limit: int | None = None
    folder: Path = Path("runs")
    on: bool = False


def test_json_round_trip():
    config = Outer(name="x", inner=Inner(widths=(3,), scale=2.0), kind="two", limit=4, folder=Path("a/b"), on=True)
    assert from_dict(Outer, json.loads(json.dumps(to_dict(config)))) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "x", "colour": 1}, "Outer has no field colour"),
        ({}, "Outer lacks field name"),
        ([], r"Outer=\[\] must be a table"),
        ({"name": 3}, "Outer.name=3 must be str"),
        ({"name": "x", "inner": {"widths": [1, "2"]}}, r"Outer.inner.widths\[1\]='2' must be a whole number"),
        ({"name": "x", "inner": {"widths": 7}}, "Outer.inner.widths=7 must be a list"),
        ({"name": "x", "inner": {"scale": float("nan")}}, "Outer.inner.scale=nan must be a finite number"),
        ({"name": "x", "inner": {"scale": 10**400}}, "must be a finite number"),
        ({"name": "x", "pair": [1]}, "must be a list of 2"),
        ({"name": "x", "kind": "three"}, "must be one of 'one', 'two'"),
        ({"name": "x", "kind": ["one"]}, "must be one of 'one', 'two'"),
        ({"name": "x", "limit": True}, "must be a whole number"),
        ({"name": "x", "folder": 1}, "must be a path"),
        ({"name": "x", "on": "yes"}, "must be bool"),
    ],
)
def test_bad_values_are_named(values, message):
    with pytest.raises(UserError, match=message):
        from_dict(Outer, values)
