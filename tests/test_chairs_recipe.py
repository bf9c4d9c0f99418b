"""The chairs' recipe runs end to end."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthgen.data.chair_builder import Config, build
from synthgen.rendering.pictures import PictureMaker

PATH = Path(__file__).parent.parent / "recipes" / "chairs_decoder.py"


@pytest.fixture(scope="module")
def recipe():
    spec = importlib.util.spec_from_file_location(PATH.stem, PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[PATH.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def chairs(tmp_path_factory):
    out = tmp_path_factory.mktemp("chairs") / "out"
    build(Config(out=out, count=3, size=16, workers=1))
    return out


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"hold_out": "rotation"}, {"rotation": "category"}], ids=str)
def test_the_recipe_trains_judges_and_draws(recipe, chairs, tmp_path, capsys, options):
    tiny = replace(recipe.TINY, folder=tmp_path / "run", data=replace(recipe.TINY.data, root=chairs, **options))
    recipe.main(tiny)
    told = capsys.readouterr().out
    assert "| held out | 18 |" in told
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert max(line["step"] for line in lines) == tiny.train.steps
    samples = tmp_path / "run" / "samples"
    assert sorted(p.name for p in samples.iterdir()) == [
        *("arithmetic.png", "between_chairs.gif", "between_chairs.png"),
        *("held_out.png", "turning.gif", "turning.png"),
    ]
    for path in samples.iterdir():
        with Image.open(path) as image:
            image.load()
            assert path.suffix == ".png" or image.n_frames > 10
    maker = PictureMaker.load(tmp_path / "run")
    turned = "46.5" if options.get("rotation") == "category" else "46"
    pictures = maker.sample(2, ["chair=drawn-0-00002", f"rotation={turned}", "elevation=20"])
    assert pictures.shape == (2, 3, 16, 16) and pictures.dtype == np.uint8
