"""The recipes that judge faces run end to end on small ones in the published files."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image
from test_recipes import ROOT, load
from toy_faces import write_faces

from synthgen.checks import UserError
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
