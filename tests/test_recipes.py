"""Every recipe has a TINY variant that runs end to end."""

from __future__ import annotations

import importlib.util
import json
import re
import runpy
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from synthgen import script
from synthgen.rendering.synthesizer import Synthesizer

ROOT = Path(__file__).parent.parent
RECIPES = sorted((ROOT / "recipes").glob("notes_*.py"))


def load(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_a_recipe_trains_judges_and_plays(path, tmp_path, capsys):
    recipe = load(path)
    tiny = replace(recipe.TINY, folder=tmp_path / "run", data=replace(recipe.TINY.data, cache=tmp_path / "cache"))
    recipe.main(tiny)
    assert "log-spectral distance" in capsys.readouterr().out
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert max(line["step"] for line in lines) == tiny.train.steps
    assert list((tmp_path / "run" / "samples").rglob("*.png"))
    synthesizer = Synthesizer.load(tmp_path / "run")
    note = synthesizer.note("flute", pitch="A3", velocity=100)
    assert note.audio.shape == (64_000,)


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").rglob("*.py")), ids=lambda p: p.stem)
def test_scripts_print_bad_input_as_one_line(path):
    source = path.read_text()
    assert '__name__ == "__main__"' in source
    assert "    run(main, " in source, "scripts end in synthgen.script.run"


NO_BRACKETS = str.maketrans("", "", "[]")  # around what may be left out


def commands() -> list[tuple[Path, list[str]]]:
    """The options of every command that a script's docstring or README shows."""
    found = []
    for page in (*sorted((ROOT / "recipes").rglob("*.[pm][yd]")), ROOT / "README.md"):
        text = page.read_text() if page.suffix == ".md" else page.read_text().split('"""')[1]
        for line in text.replace("\\\n", " ").splitlines():
            shown = re.search(r"(?:python|torchrun\b.*?) (recipes/\S+\.py)([^`#]*)", line.translate(NO_BRACKETS))
            if shown:
                found.append((ROOT / shown[1], shlex.split(shown[2].split("|")[0])))
    return found


@pytest.mark.parametrize(("path", "words"), commands(), ids=lambda x: x.stem if isinstance(x, Path) else None)
def test_a_command_that_is_shown_is_understood(path, words, monkeypatch):
    seen, run = [], script.run
    monkeypatch.setattr(script, "run", lambda main, options, description: run(seen.append, options, description=None))
    monkeypatch.setattr(sys, "argv", [str(path), *[word for word in words if word != "..."]])
    runpy.run_path(str(path), run_name="__main__")
    assert len(seen) == 1
