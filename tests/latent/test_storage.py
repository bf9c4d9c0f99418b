from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from synthgen.checks import UserError
from synthgen.latent import LatentSpace
from synthgen.latent.storage import read_presets, write_presets

META = {"format": "synthgen-latent-1", "synthgen": '{"shape": [3], "density": "normal"}'}


@pytest.fixture
def path(tmp_path):
    return LatentSpace.normal(3).save(tmp_path / "space.safetensors")


def changed(path, meta=META, **tensors):
    save_file(load_file(path) | tensors, path, metadata=meta)


@pytest.mark.parametrize(
    ("meta", "tensors", "message"),
    [
        ({"format": "x"}, {}, "its format is 'x'"),
        ({**META, "synthgen": "{"}, {}, "damaged one"),
        ({**META, "synthgen": '{"shape": [0], "density": "normal"}'}, {}, "must be a list of sizes"),
        ({**META, "synthgen": '{"shape": [4], "density": "normal"}'}, {}, r"middle has shape \(3,\), expected \(4\)"),
        ({**META, "synthgen": '{"shape": [3], "density": "flat"}'}, {}, "density='flat' is not known"),
        ({**META, "synthgen": '{"shape": [3], "density": "mixture"}'}, {}, "mixture.weights"),
        (META, {"middle": torch.full((3,), float("nan"))}, "middle must be finite"),
        (META, {"deviations": torch.tensor([1.0, -1.0, 1.0])}, "deviation is negative"),
        (META, {"directions": torch.eye(3).long()}, "directions must be finite numbers"),
    ],
)
def test_a_damaged_space_is_one_line(path, meta, tensors, message):
    changed(path, meta, **tensors)
    with pytest.raises(UserError, match=message) as error:
        LatentSpace.load(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value) or "has shape" in str(error.value)


def test_files_that_are_none(path, tmp_path):
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(UserError, match="not a space, or a damaged one"):
        LatentSpace.load(path)
    with pytest.raises(UserError, match="no such space"):
        LatentSpace.load(tmp_path / "none.safetensors")
    with pytest.raises(UserError, match=r"suffix='\.pt' must be \.safetensors"):
        LatentSpace.normal(3).save(tmp_path / "space.pt")


def test_presets_come_back(tmp_path):
    presets = {"lächelnd": {0: 1.5, 3: -2.0}, "neutral": {}}
    path = write_presets(tmp_path / "p.json", presets, axes=4)
    assert read_presets(path, axes=4) == presets
    with pytest.raises(UserError, match="axes=4 must equal the space's=5"):
        read_presets(path, axes=5)


@pytest.mark.parametrize(
    ("presets", "message"),
    [
        ([], "presets must be a table of names"),
        ({"a": 1}, "presets must be a table of names"),
        ({"": {}}, "a preset has no name"),
        ({"a": {"4": 1}}, "preset 'a', axis '4' must be a number from 0 to 3"),
        ({"a": {"-1": 1}}, "axis '-1' must be a number"),
        ({"a": {"0": "1"}}, "axis 0: '1' must be a number"),
        ({"a": {"0": True}}, "axis 0: True must be a number"),
        ({"a": {"0": 1e9}}, "must be between -100 and 100"),
        ({"a": {"0": float("nan")}}, "must be between -100 and 100"),
    ],
)
def test_bad_presets_are_one_line(tmp_path, presets, message):
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"format": "synthgen-presets-1", "axes": 4, "presets": presets}))
    with pytest.raises(UserError, match=message):
        read_presets(path, axes=4)


def test_files_that_hold_no_presets(tmp_path):
    path = tmp_path / "p.json"
    with pytest.raises(UserError, match="cannot read"):
        read_presets(path, axes=4)
    for content in ("{", "[]", '{"format": "x"}', "[" * 100_000):
        path.write_text(content)
        with pytest.raises(UserError, match="holds no presets"):
            read_presets(path, axes=4)
    with pytest.raises(UserError, match="axis '7' must be a number from 0 to 3"):
        write_presets(path, {"a": {7: 1.0}}, axes=4)
