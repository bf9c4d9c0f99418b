import importlib.util
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from synthgen.data.nsynth import NSynth

RECIPE = Path(__file__).parents[2] / "recipes" / "benchmarks" / "notes.py"


@pytest.fixture(scope="module")
def recipe():
    spec = importlib.util.spec_from_file_location("notes_benchmark", RECIPE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_it_prints_the_table_and_writes_figures_and_picture(recipe, tiny_checkpoint, tone_folder, tmp_path, capsys):
    data = NSynth.Config(root=tone_folder)
    out = {"json": tmp_path / "figures.json", "picture": tmp_path / "notes.png"}
    recipe.main(recipe.Benchmark(checkpoint=str(tiny_checkpoint), data=data, limit=3, **out))
    printed = capsys.readouterr().out
    figures = json.loads(out["json"].read_text())
    assert figures["data"]["split_hash"] in printed
    assert "ANOTHER SPLIT" in printed
    assert f"{figures['log_spectral_distance_db']['generated']['multi']:.2f}" in printed
    assert figures["notes"] == len(figures["each"]) == 3
    assert figures["log_spectral_distance_db"]["round_trip"]["multi"] < 15
    with Image.open(out["picture"]) as image:
        assert image.format == "PNG"
