"""The import rule: a module imports only from rows above its own, and rows are those of the design."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROWS = [
    {"records", "checks", "config", "files", "script", "threads"},
    {"signal", "nn", "kernels"},
    {"losses", "heads", "representations"},
    {"data", "models"},
    {"checkpoint"},
    {"training", "rendering", "evaluation", "latent"},
    {"app", "commands", "cli", "__main__"},
]
ROW = {name: row for row, names in enumerate(ROWS) for name in names}
MAX_LINES = 300
FILES = sorted((ROOT / "synthgen").rglob("*.py"))
PYTHON = sorted([*FILES, *(ROOT / "recipes").rglob("*.py"), *(ROOT / "tests").rglob("*.py"), ROOT / "gradio_app.py"])


def imported(path: Path) -> set[str]:
    """First-level synthgen modules that a file imports; relative imports stay within one."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("synthgen.")}
        elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "synthgen":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {a.name for a in node.names} & ROW.keys()
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_up(path: Path):
    own = path.relative_to(ROOT / "synthgen").parts[0].removesuffix(".py")
    if own == "__init__":
        return
    for other in imported(path) - {own}:
        # cli dispatches to app and back-ends of every row; rows 0 and 6 may import within themselves.
        same_row = ROW[other] == ROW[own] and ROW[own] in (0, 6)
        assert ROW[other] < ROW[own] or same_row, f"{own} (row {ROW[own]}) imports {other}"


@pytest.mark.parametrize("path", PYTHON, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_are_short(path: Path):
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.py")), ids=lambda p: p.stem)
def test_recipes_are_shorter(path: Path):
    assert len(path.read_text().splitlines()) <= 80


def test_nothing_is_called_utils():
    for path in FILES:
        assert not {"utils", "helpers", "common", "misc"} & {p.removesuffix(".py") for p in path.parts}
