from __future__ import annotations

import json
import pickle
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from synthgen import checkpoint
from synthgen.checks import UserError
from synthgen.models import VQVAE, WaveNet
from synthgen.models.codes import AudioCodes
from synthgen.records import DataSpec, Field
from synthgen.representations import Waveform


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


SOUND = Waveform(samples=600)
FIELDS = (Field(name="kind", kind="category", size=2),)
CODER = VQVAE.Config(channels=(8,), strides=((20,),), blocks=1, codes=16, dim=4)


def make_codes() -> AudioCodes:
    model = VQVAE(SOUND.spec(), CODER)
    model.train().quantizer(torch.randn(16, 4, 8))
    return AudioCodes(model, SOUND)


def make_prior(spec: DataSpec) -> WaveNet:
    config = WaveNet.Config(labels=("kind",), dim=4, channels=4, skip_channels=4, blocks=1, layers=2, clock=False)
    model = WaveNet(spec, config).eval()
    model.backend = "torch"
    return model


@pytest.fixture(scope="module")
def two_stages(tmp_path_factory):
    """A prior, its codes, and the file that both lie in."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        codes = make_codes()
        prior = make_prior(codes.spec(FIELDS))
    path = tmp_path_factory.mktemp("stages") / "model.safetensors"
    checkpoint.save(path, prior, codes, {"steps": 3})
    return prior, codes, path


def played(model, representation) -> torch.Tensor:
    return representation.decode(model.sample(2, {}, rng=torch.Generator().manual_seed(4)))


@pytest.mark.parametrize("dtype", [None, torch.float16])
def test_one_file_holds_both_stages(two_stages, tmp_path, dtype):
    prior, codes, _ = two_stages
    path = tmp_path / "both.safetensors"
    checkpoint.save(path, prior, codes, {"steps": 3}, dtype=dtype)
    loaded = checkpoint.load(path)
    loaded.model.backend = "torch"
    assert isinstance(loaded.representation, AudioCodes)
    assert loaded.representation.inner == SOUND
    assert loaded.representation.spec(FIELDS) == codes.spec(FIELDS) == loaded.model.spec
    assert loaded.provenance == {"steps": 3}
    assert not any(p.requires_grad for p in loaded.representation.autoencoder.parameters())
    if dtype is None:
        assert torch.equal(played(loaded.model, loaded.representation), played(prior, codes))
    # What readers of the header look for is what it is without codes.
    assert checkpoint.describe(path)["representation"] == {
        "name": "waveform",
        "config": {"sample_rate": 16_000, "samples": 600},
    }


def test_an_autoencoder_alone_is_a_model_of_its_examples(tmp_path):
    codes = make_codes()
    path = tmp_path / "coder.safetensors"
    checkpoint.save(path, codes.autoencoder, SOUND, {})
    loaded = checkpoint.load(path)
    again = AudioCodes(loaded.model, loaded.representation)
    assert again.spec() == codes.spec()
    x = torch.randn(2, 1, 600)
    assert torch.equal(again.encode(x), codes.encode(x))


def test_a_prior_of_other_codes_is_refused(two_stages, tmp_path):
    prior, codes, path = two_stages
    other = make_codes()
    message = "learned the codes of autoencoder [0-9a-f]{12}, and these are of [0-9a-f]{12}: .* train it on these"
    with pytest.raises(UserError, match=message):
        checkpoint.save(tmp_path / "mixed.safetensors", prior, other, {})
    tensors, _ = reopened(path)
    theirs = {checkpoint.AUTOENCODER + k: v for k, v in other.autoencoder.state_dict().items()}
    with pytest.raises(UserError, match=rf"changed\.safetensors: the model has {message}"):
        checkpoint.load(rewritten(path, tmp_path, weights={**tensors, **theirs}))
    with pytest.raises(UserError, match=rf"model\.safetensors: another model than this one; .* {message}"):
        checkpoint.load_into(make_prior(other.spec(FIELDS)), path)
    checkpoint.load_into(make_prior(codes.spec(FIELDS)), path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"autoencoder": None}, "its autoencoder has no name"),
        ({"autoencoder__name": "wavenet"}, "autoencoder='wavenet' is not known; choose one of vqvae"),
        ({"autoencoder__config__codes": 32}, "the model asks for"),
        ({"autoencoder__config__dim": 10**9}, "length of a code=1000000000 must be"),
        ({"autoencoder__config__strides": [[10]]}, "the model asks for"),
        ({"autoencoder__spec__shape": [1, 700]}, "do not fit together"),
        ({"model__spec__coded_by": ""}, "learned the codes of autoencoder none, and these are of"),
        ({"representation__config__samples": 1200}, "do not fit together"),
    ],
)
def test_hostile_settings_of_two_stages_are_named(two_stages, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        checkpoint.load(rewritten(two_stages[2], tmp_path, **changes))


def test_missing_weights_of_the_autoencoder_are_named(two_stages, tmp_path):
    tensors, _ = reopened(two_stages[2])
    del tensors[f"{checkpoint.AUTOENCODER}quantizer.table"]
    with pytest.raises(
        UserError, match=r"weights quantizer\.table: the model asks for \[16, 4\], the file has nothing"
    ):
        checkpoint.load(rewritten(two_stages[2], tmp_path, weights=tensors))
