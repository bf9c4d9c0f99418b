"""The recipes that judge faces run end to end on small ones in the published files."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image
from test_recipes import ROOT, load
from toy_faces import write_faces
from toy_pictures import write_mnist

from synthgen.checks import UserError
from synthgen.data import chair_builder
from synthgen.evaluation.frechet import Extractor


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return write_faces(tmp_path_factory.mktemp("faces"))


def test_the_classifier_becomes_an_extractor(faces, tmp_path, capsys):
    recipe = load(ROOT / "recipes" / "celeba_classifier.py")
    recipe.main(replace(recipe.TINY, folder=tmp_path / "run", data=replace(recipe.TINY.data, root=faces)))
    told, extractor = capsys.readouterr().out, Extractor.load(tmp_path / "run")
    assert "of 3 flags of 4 held-out pictures told rightly (always the commoner value: " in told
    assert f"FD[{extractor.name}] " in told and "(4 made pictures against 16 real, other real ones " in told


@pytest.mark.slow
def test_models_are_trained_and_compared_on_a_page(faces, tmp_path, capsys):
    recipe, classifier = (load(ROOT / "recipes" / f"celeba_{name}.py") for name in ("compare", "classifier"))
    classifier.main(replace(classifier.TINY, folder=tmp_path / "eye", data=replace(classifier.TINY.data, root=faces)))
    name, data = Extractor.load(tmp_path / "eye").name, replace(recipe.TINY.data, root=faces)
    tiny = replace(recipe.TINY, data=data, extractor=tmp_path / "eye", folder=tmp_path / "all", remarks="All is noise.")
    recipe.main(tiny)
    told, page = capsys.readouterr().out, (tmp_path / "all" / "comparison.md").read_text()
    for line in (
        f"| way | side, pixels | numbers | PSNR, dB | FD[{name}] |",
        "| PCA, 2 axes | 8 | 2 |",
        "| gan | 8 | - | - |",
    ):
        assert line in told and line in page
    assert "| autoencoder, mixture of 10 | 8 | 2 | - |" in page and "All is noise." in page and "FID" not in page
    with Image.open(tmp_path / "all" / "sheet.png") as sheet:
        # real; PCA, autoencoder and VAE rebuilt and drawn; the mixture and the GAN drawn
        assert sheet.width > 12 * 56 and sheet.height > 9 * 56
    # the same runs, given
    again = replace(tiny, runs=tuple(tmp_path / "all" / run for run in ("autoencoder", "gan")), folder=tmp_path / "two")
    recipe.main(again)
    wanted = [line for line in told.splitlines() if line.startswith("| autoencoder, Gaussian | 8")]
    assert wanted[0].rsplit("|", 2)[0] in capsys.readouterr().out  # but for the milliseconds


def test_a_run_that_is_not_there_is_named(faces, tmp_path):
    recipe = load(ROOT / "recipes" / "celeba_compare.py")
    tiny = replace(recipe.TINY, data=replace(recipe.TINY.data, root=faces), runs=(tmp_path / "none",))
    with pytest.raises(UserError, match=r"no such extractor; train one with recipes/celeba_classifier.py"):
        recipe.main(replace(tiny, extractor=tmp_path / "eye"))


@pytest.mark.slow
def test_one_command_prints_all_figures_from_runs(faces, tmp_path, capsys):
    names = ("celeba_classifier", "celeba_autoencoder", "celeba_gan", "digits_vae", "chairs_decoder")
    recipes = {name: load(ROOT / "recipes" / f"{name}.py") for name in names}
    roots = {"digits_vae": tmp_path / "mnist", "chairs_decoder": tmp_path / "chairs"}
    (tmp_path / "mnist").mkdir()
    write_mnist(tmp_path / "mnist")
    chair_builder.build(chair_builder.Config(out=tmp_path / "chairs", count=3, size=16, workers=1))
    for name, recipe in recipes.items():
        tiny = replace(recipe.TINY, folder=tmp_path / name)
        recipe.main(replace(tiny, data=replace(tiny.data, root=roots.get(name, faces))))
    capsys.readouterr()
    images = load(ROOT / "recipes" / "benchmarks" / "images.py")
    given = images.Benchmark(
        chairs_data=replace(recipes["chairs_decoder"].TINY.data, root=tmp_path / "chairs"),
        chairs=(tmp_path / "chairs_decoder",),
        faces=replace(recipes["celeba_gan"].TINY.data, root=faces),
        extractor=tmp_path / "celeba_classifier",
        autoencoder=tmp_path / "celeba_autoencoder",
        generators=(tmp_path / "celeba_gan",),
        axes=(1, 3),
        digits=replace(recipes["digits_vae"].TINY.data, root=tmp_path / "mnist"),
        vae=tmp_path / "digits_vae",
        conditional_vae=tmp_path / "digits_vae",
        page=tmp_path / "page",
    )
    images.main(given)
    told = capsys.readouterr().out
    assert "- PCA beside scikit-learn's by axes, largest difference 1: " in told and "<= 0.0001: met" in told
    for line in ("shown views", "held-out views", "silhouettes", "autoencoder ", "celeba_gan: FD[celeba_classifier-"):
        assert f"- {line}" in told
    assert "0.00 nats lower; target >= 1.5 lower: NOT MET" in told
    assert (tmp_path / "page" / "comparison.md").is_file()
    with pytest.raises(UserError, match="trained on another set"):
        images.main(replace(given, chairs=(), faces=replace(given.faces, seed=1)))
    with pytest.raises(UserError, match="no runs are given"):
        images.main(images.Benchmark())
