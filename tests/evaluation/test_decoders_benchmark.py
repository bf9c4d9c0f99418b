import importlib.util
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from synthgen.data.nsynth import NSynth

RECIPE = Path(__file__).parents[2] / "recipes" / "benchmarks" / "decoders.py"


@pytest.fixture(scope="module")
def recipe():
    spec = importlib.util.spec_from_file_location("decoders_benchmark", RECIPE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_each_model_is_a_line_and_an_entry(recipe, tiny_checkpoint, tone_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(recipe, "first_note_apart", recipe.first_note)  # a new process costs seconds
    names, out = (str(tiny_checkpoint),) * 2, tmp_path / "decoders.json"
    picture = tmp_path / "decoders.png"
    recipe.main(
        recipe.Benchmark(
            models=names, data=NSynth.Config(root=tone_folder), limit=3, json=out, picture=picture, shown=2
        )
    )
    printed = capsys.readouterr().out
    lines = [line for line in printed.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(names)
    assert len({line.count("|") for line in lines}) == 1
    assert "ANOTHER SPLIT" in printed
    figures = json.loads(out.read_text())
    assert [f["model"] for f in figures] == list(names)
    assert f"| {figures[0]['log_spectral_distance_db']['nearest']['multi']:.2f} |" in lines[2]
    assert figures[0]["bytes"] == tiny_checkpoint.stat().st_size
    assert figures[0]["first_note_seconds"] > 0
    assert figures[0]["notes"] == len(figures[0]["each"]) == 3
    with Image.open(picture) as image:
        assert image.size == (250 * 3, 90 + 150 * 2)
