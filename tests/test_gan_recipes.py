"""The recipes of GANs on faces run end to end, and what they leave is sampled by the command."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from PIL import Image
from test_recipes import ROOT, load
from toy_faces import write_faces

from synthgen.cli import main as command
from synthgen.data.celeba import CelebA
from synthgen.models import Classifier
from synthgen.representations import Pixels
from synthgen.training import Trainer


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return write_faces(tmp_path_factory.mktemp("celeba"))


@pytest.fixture(scope="module")
def extractor(faces, tmp_path_factory):
    pixels, folder = Pixels(height=16, width=16, channels=3, levels=None), tmp_path_factory.mktemp("faces")
    data = CelebA(CelebA.Config(root=faces), pixels)
    model = Classifier(data.spec, Classifier.Config(label="attributes", widths=(4, 4)))
    Trainer(model, pixels, Trainer.Config(steps=1, batch_size=4, device="cpu"), folder).fit(data.train)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["celeba_gan", "celeba_progressive_gan"])
def test_a_recipe_trains_judges_and_draws(name, faces, extractor, tmp_path, capsys):
    recipe = load(ROOT / "recipes" / f"{name}.py")
    tiny = replace(recipe.TINY, folder=tmp_path / "run", data=replace(recipe.TINY.data, root=faces))
    recipe.main(replace(tiny, extractor=extractor))
    told = capsys.readouterr().out
    assert "FD[" in told and "made pictures against" in told
    recipe.main(tiny)
    assert "no extractor" in capsys.readouterr().out
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert max(line["step"] for line in lines) == tiny.train.steps
    assert {"train/critic/total", "train/generator/total"} <= set(lines[-1])
    (sheet,) = (tmp_path / "run" / "samples").glob("*.png")
    with Image.open(sheet) as image:
        assert image.size[0] > 16 * 16
    picture = tmp_path / "drawn.png"
    assert not command(["sample", "--model", str(tmp_path / "run"), "--out", str(picture), "--n", "3"])
    assert "3 pictures" in capsys.readouterr().out
    with Image.open(picture) as image:
        assert image.size[0] > 3 * 16
