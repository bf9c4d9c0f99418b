import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from synthgen.checks import UserError

RECIPE = Path(__file__).parents[2] / "recipes" / "benchmarks" / "resynthesis.py"


@pytest.fixture(scope="module")
def recipe():
    spec = importlib.util.spec_from_file_location("resynthesis_benchmark", RECIPE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def folder(tmp_path):
    """A tone, and a file without a sound."""
    (tmp_path / "tones").mkdir()
    tone = 0.3 * np.sin(2 * np.pi * 330 * np.arange(44_100) / 44_100)
    for name, audio in (("a.wav", tone), ("silent.wav", 0 * tone)):
        soundfile.write(tmp_path / "tones" / name, audio, 44_100)
    return tmp_path / "tones"


def test_it_prints_what_is_left_of_recordings(recipe, coded_checkpoint, folder, tmp_path, capsys):
    picture = tmp_path / "out.png"
    recipe.main(recipe.Benchmark(folders=(folder,), model=str(coded_checkpoint), notes=2, picture=picture))
    printed = capsys.readouterr().out
    (cells,) = (
        [cell.strip() for cell in line.split("|")] for line in printed.splitlines() if line.startswith("| tones")
    )
    name, count, seconds, coded, uncoded, _, kept, *speeds = cells[1:-1]
    assert (name, count, seconds, kept) == ("tones", "1", "1", "1 of 1")
    assert float(uncoded) < float(coded)
    assert all(float(speed) > 0 for speed in speeds)
    assert re.search(r"notes from labels: \d+\.\d x real time, the first took .*; 1 files left out", printed)
    assert f"{folder / 'silent.wav'}: silent: its peak is 0.00000 of full scale" in printed
    with Image.open(picture) as image:
        assert image.format == "PNG"


def test_a_folder_without_a_sound_is_one_line(recipe, coded_checkpoint, folder):
    (folder / "a.wav").unlink()
    with pytest.raises(UserError, match=r"silent.wav: silent: .*; no recording of the folder is of use$"):
        recipe.main(recipe.Benchmark(folders=(folder,), model=str(coded_checkpoint)))


def test_a_model_without_codes_is_one_line(recipe, tiny_checkpoint, folder):
    with pytest.raises(UserError, match=r"has no codes; choose one that does"):
        recipe.main(recipe.Benchmark(folders=(folder,), model=str(tiny_checkpoint)))
