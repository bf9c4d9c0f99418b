"""Every recipe of pictures has a TINY variant that runs end to end on small data in the published files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_recipes import ROOT, load
from toy_pictures import cifar_batches, make_pictures, write_cifar, write_mnist

from synthgen.rendering.pictures import PictureMaker


def quickdraw(folder: Path) -> Path:
    for number, name in enumerate(("cat", "dog")):
        np.save(folder / f"{name}.npy", make_pictures(30, (784,), seed=number))
    return folder


def pokemon(folder: Path) -> Path:
    colours, sprites = make_pictures(5, (3,)), make_pictures(30, (400,)) % 5
    np.savetxt(folder / "colormap.txt", colours, fmt="%d")
    np.savetxt(folder / "pixel_color.txt", sprites, fmt="%d")
    return folder


DATA = {
    "cifar10_pixelcnnpp": lambda folder: write_cifar(folder, cifar_batches()),
    "digits_pixelcnn": lambda folder: None,
    "mnist_pixelcnn": write_mnist,
    "mnist_vqvae": write_mnist,
    "pokemon_rnn": pokemon,
    "quickdraw_pixelcnnpp": quickdraw,
    "quickdraw_vqvae": quickdraw,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DATA)
def test_a_recipe_trains_judges_and_draws(name, tmp_path, capsys):
    recipe, root = load(ROOT / "recipes" / f"{name}.py"), DATA[name](tmp_path)
    tiny = replace(recipe.TINY, folder=tmp_path / "run")
    if root is not None:
        tiny = replace(tiny, data=replace(tiny.data, root=root))
    recipe.main(tiny)
    assert "bits per" in capsys.readouterr().out
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert max(line["step"] for line in lines) == tiny.train.steps
    for sheet in (tmp_path / "run" / "samples").rglob("*.png"):
        with Image.open(sheet) as image:
            assert image.size[0] > 28
    assert (tmp_path / "run" / "samples").is_dir()
    maker = PictureMaker.load(tmp_path / "run")
    drawn = maker.sample(2)
    assert drawn.shape[0] == 2
    wanted = maker.representation
    assert drawn.shape[2:] == (wanted.height, wanted.width)
