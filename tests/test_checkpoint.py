from __future__ import annotations

import json
import pickle
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from synthgen import checkpoint
from synthgen.checks import UserError


def reopened(path) -> tuple[dict, dict]:
    return load_file(path), {"format": checkpoint.FORMAT, "synthgen": json.dumps(checkpoint.describe(path))}


def rewritten(path, tmp_path, *, weights=None, **changes) -> object:
    """A copy of a checkpoint with parts of its JSON replaced: ``model__config__dim=3``."""
    tensors, metadata = reopened(path)
    described = json.loads(metadata["synthgen"])
    for key, value in changes.items():
        *parents, last = key.split("__")
        entry = described
        for parent in parents:
            entry = entry[parent]
        entry[last] = value
    target = tmp_path / "changed.safetensors"
    save_file(weights or tensors, target, metadata={**metadata, "synthgen": json.dumps(described)})
    return target


def test_a_model_survives(tiny_checkpoint, tmp_path):
    loaded = checkpoint.load(tiny_checkpoint)
    again = tmp_path / "again.safetensors"
    checkpoint.save(again, loaded.model, loaded.representation, loaded.provenance)
    copy = checkpoint.load(again)
    assert copy.representation == loaded.representation
    assert copy.provenance == loaded.provenance == {"data": {"name": "none"}, "steps": 0}
    assert copy.model.spec == loaded.model.spec
    assert not copy.model.training
    labels = {"instrument": torch.tensor([1]), "pitch": torch.tensor([50.5])}
    assert torch.equal(copy.model(labels, 1), loaded.model(labels, 1))


def test_half_precision_halves_the_file(tiny_checkpoint, tmp_path):
    loaded = checkpoint.load(tiny_checkpoint)
    full, half = tmp_path / "full.safetensors", tmp_path / "half.safetensors"
    checkpoint.save(full, loaded.model, loaded.representation, {})
    checkpoint.save(half, loaded.model, loaded.representation, {}, dtype=torch.float16)
    weights = sum(p.numel() for p in loaded.model.state_dict().values())
    assert full.stat().st_size - half.stat().st_size == pytest.approx(2 * weights, rel=0.05)
    assert {p.dtype for p in checkpoint.load(half).model.parameters()} == {torch.float32}


def test_pickles_are_not_read(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps({"weights": [1, 2, 3]}))
    with pytest.raises(UserError, match=r"model\.safetensors: not a synthgen checkpoint .* pickles are not read"):
        checkpoint.load(path)


def test_every_truncation_is_noticed(tiny_checkpoint, tmp_path):
    content = tiny_checkpoint.read_bytes()
    path = tmp_path / "model.safetensors"
    for size in (0, 4, 8, 100, 3000, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(UserError, match=r"model\.safetensors: "):
            checkpoint.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.safetensors: no such checkpoint; train one"):
        checkpoint.load(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model__name": "wavnet"}, "model='wavnet' is not known"),
        ({"representation__name": "pixel"}, "representation='pixel' is not known"),
        ({"model__config__dim": 10**9}, "dim=1000000000 must be between"),
        ({"model__config__dim": 8192}, "the model asks for"),
        ({"model__config__channels": [10**9] * 3}, "channels=1000000000 must be between"),
        ({"model__config__channels": [8] * 100_001}, "must be a list"),
        ({"model__config__dim": "16"}, "model.dim='16' must be a whole number"),
        ({"model__config__evil": 1}, "model has no field evil"),
        ({"model__spec__shape": [1, 2]}, "do not fit together"),
        ({"model__spec": None}, "spec=None must be a table"),
        ({"model": []}, "its model has no name"),
        ({"representation__config__n_fft": 10**8}, "n_fft=100000000 must be between"),
        ({"representation__config__samples": 16000}, "do not fit together"),
    ],
)
def test_hostile_settings_are_named(tiny_checkpoint, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        checkpoint.load(rewritten(tiny_checkpoint, tmp_path, **changes))


def test_wrong_shapes_are_named(tiny_checkpoint, tmp_path):
    tensors, _ = reopened(tiny_checkpoint)
    name = next(iter(sorted(tensors)))
    with pytest.raises(UserError, match=rf"weights {name}: the model asks for .*, the file has \[3\]"):
        checkpoint.load(rewritten(tiny_checkpoint, tmp_path, weights={**tensors, name: torch.zeros(3)}))
    del tensors[name]
    with pytest.raises(UserError, match=rf"weights {name}: .* the file has nothing"):
        checkpoint.load(rewritten(tiny_checkpoint, tmp_path, weights=tensors))


def test_a_header_of_any_length_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes((1 << 60).to_bytes(8, "little") + b"{}")
    with pytest.raises(UserError, match="its header is longer than the file"):
        checkpoint.load(path)


def test_training_can_begin_with_the_weights_of_a_checkpoint(tiny_checkpoint, note_fields):
    loaded = checkpoint.load(tiny_checkpoint)
    model = type(loaded.model)(loaded.model.spec, loaded.model.config)
    checkpoint.load_into(model, None)
    assert not torch.equal(model.body.seed.weight, loaded.model.body.seed.weight)
    checkpoint.load_into(model, tiny_checkpoint)
    assert torch.equal(model.body.seed.weight, loaded.model.body.seed.weight)
    wider = type(model)(model.spec, replace(model.config, dim=17))
    with pytest.raises(UserError, match="another model than this one"):
        checkpoint.load_into(wider, tiny_checkpoint)
