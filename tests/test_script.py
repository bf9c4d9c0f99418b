from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from synthgen.checks import UserError
from synthgen.script import run


@dataclass(frozen=True)
class Options:
    steps: int = 3


def test_options_come_from_the_command_line(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["recipe", "--steps", "5"])
    seen = []
    run(seen.append, Options(), description="A recipe.")
    assert seen == [Options(steps=5)]


def test_bad_input_is_one_line(monkeypatch):
    def main(_: Options) -> None:
        raise UserError("notes.csv: row 3 lacks a pitch")

    monkeypatch.setattr(sys, "argv", ["recipe"])
    with pytest.raises(SystemExit, match=r"^error: notes\.csv: row 3 lacks a pitch$"):
        run(main, Options(), description=None)
