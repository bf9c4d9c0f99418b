"""Recipes of PCA, autoencoders and VAEs have TINY variants that run end to end on small data in the published files."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from test_celeba import NAMES, contents, lay_out
from test_picture_recipes import pokemon
from test_recipes import ROOT, load
from toy_pictures import write_mnist

from synthgen import cli
from synthgen.latent import LatentSpace
from synthgen.latent.storage import read_presets
from synthgen.rendering.pictures import PictureMaker

SHEETS = {"sheet.png", "sweep.png", "path.png", "path.gif"}


def celeba(folder):
    return lay_out(folder / "celeba", "zip", contents(40))


DATA = {
    "celeba_autoencoder": celeba,
    "celeba_pca": celeba,
    "celeba_vae": celeba,
    "digits_vae": write_mnist,
    "pokemon_vae": pokemon,
}
TOLD = {"celeba_autoencoder": "| PCA |", "celeba_pca": "| 4 axes |"}


def run(name, tmp_path, **options):
    recipe = load(ROOT / "recipes" / f"{name}.py")
    data = replace(recipe.TINY.data, root=DATA[name](tmp_path))
    tiny = replace(recipe.TINY, folder=tmp_path / "run", data=data, **options)
    recipe.main(tiny)
    return tiny, tmp_path / "run"


@pytest.mark.slow
@pytest.mark.parametrize("name", DATA)
def test_a_recipe_fits_judges_and_draws(name, tmp_path, capsys):
    tiny, folder = run(name, tmp_path)
    assert TOLD.get(name, "| -ELBO |") in capsys.readouterr().out
    extra = {"celeba_vae": {"attributes.png"}, "digits_vae": {"classes.png"}}.get(name, set())
    assert {path.name for path in (folder / "samples").iterdir()} == SHEETS | extra
    for path in (folder / "samples").iterdir():
        with Image.open(path) as image:
            image.load()
    if name == "celeba_pca":
        space = LatentSpace.load(folder / "space.safetensors")
        presets = read_presets(folder / "presets.json", axes=len(space.axes))
        assert space.at(presets["face 1"]).shape == (3, 8, 8)
        return
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert max(line["step"] for line in lines) == tiny.train.steps
    if name == "celeba_autoencoder":
        assert len(LatentSpace.load(folder / "mixture.safetensors").axes) == tiny.model.latents
        return
    maker = PictureMaker.load(folder)
    drawn = maker.sample(3)
    assert drawn.shape == (3, *(getattr(tiny.representation, side) for side in ("channels", "height", "width")))
    assert np.array_equal(maker.sample(1)[0], drawn[0])


@pytest.mark.slow
def test_small_digits_need_no_files_and_the_command_draws_them(tmp_path, capsys):
    recipe = load(ROOT / "recipes" / "digits_vae.py")
    recipe.main(replace(recipe.TINY, small=True, folder=tmp_path / "run"))
    words = ["--model", str(tmp_path / "run"), "--label", "7", "--n", "4", "--out", str(tmp_path / "sevens.png")]
    assert cli.main(["sample", *words]) == 0
    assert "4 pictures of 7, seed 0" in capsys.readouterr().out
    assert cli.main(["sample", *words, "--temperature", "0.5"]) == 1
    assert "takes no temperature" in capsys.readouterr().err


@pytest.mark.slow
def test_notes_have_principal_axes_too(tmp_path, capsys):
    recipe = load(ROOT / "recipes" / "spectrogram_pca.py")
    tiny = replace(recipe.TINY, folder=tmp_path / "run", data=replace(recipe.TINY.data, cache=tmp_path / "cache"))
    recipe.main(tiny)
    rows = [line.split("|")[2] for line in capsys.readouterr().out.splitlines() if " axes |" in line]
    errors = [float(value) for value in rows]
    assert errors == sorted(errors, reverse=True)
    names = {path.name for path in (tmp_path / "run" / "samples").iterdir()}
    assert {"sheet.png", "real_1.wav", "rebuilt_1.wav", "drawn_1.wav", "slider_1_5.wav", "path_6.wav"} <= names


@pytest.mark.parametrize("name", ["celeba_autoencoder", "celeba_pca", "celeba_vae"])
def test_a_missing_set_is_one_line(name, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", [name, "--data.root", str(tmp_path / "none"), "--folder", str(tmp_path / "run")])
    recipe = load(ROOT / "recipes" / f"{name}.py")
    with pytest.raises(SystemExit, match=r"^error: .*none: no such folder or archive; .*--data\.root") as error:
        recipe.run(recipe.main, recipe.Recipe(), description=recipe.__doc__)
    assert "\n" not in str(error.value)
    assert "Smiling" in NAMES
