"""The recipes that judge faces run end to end on small ones in the published files."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_recipes import ROOT, load
from toy_faces import write_faces

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
