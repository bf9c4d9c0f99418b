from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from toy_training import FIELDS, REPRESENTATION, Vectors

from synthgen import checkpoint
from synthgen.checks import UserError
from synthgen.models import VQVAE, WaveNet
from synthgen.models.codes import AudioCodes
from synthgen.training import Trainer
from synthgen.training.coded import CodedExamples, coded_parts

SMALL = VQVAE.Config(channels=(8,), strides=((2,),), blocks=1, codes=16, dim=4)
PRIOR = WaveNet.Config(labels=("kind",), dim=4, channels=8, skip_channels=8, blocks=1, layers=3, clock=False, crop=0)


def make_codes(seed: int = 0) -> AudioCodes:
    torch.manual_seed(seed)
    model = VQVAE(REPRESENTATION.spec(), SMALL)
    model.train().loss(Vectors().batch(torch.arange(40)))
    return AudioCodes(model, REPRESENTATION)


def prior_trainer(codes: AudioCodes, folder, steps: int) -> Trainer:
    model = WaveNet(codes.spec(FIELDS), PRIOR)
    model.backend = "torch"
    config = Trainer.Config(steps=steps, batch_size=8, lr=3e-2, warmup=2, log_every=50, device="cpu")
    return Trainer(model, codes, config, folder)


def test_batches_are_the_codes_of_the_media():
    codes, media = make_codes(), Vectors()
    coded = CodedExamples(media, codes, batch_size=7)
    assert len(coded) == 40
    assert coded.spec == codes.spec(FIELDS)
    indices = torch.tensor([39, 0, 17])
    batch, real = coded.batch(indices), media.batch(indices)
    assert batch.x.dtype == torch.int64
    assert torch.equal(batch.x, codes.encode(real.x))
    assert torch.equal(codes.encode(batch.x), batch.x)
    assert torch.equal(batch.labels["kind"], real.labels["kind"])
    assert coded.provenance() == {"name": "vectors", "size": 40, "coded_by": codes.fingerprint}


def test_codes_are_computed_once(tmp_path):
    codes, path = make_codes(), tmp_path / "codes.safetensors"
    first, asked = CodedExamples(Vectors(), codes, path=path), Vectors()
    again = CodedExamples(asked, codes, path=path)
    assert asked.asked == []
    everything = torch.arange(40)
    assert torch.equal(again.batch(everything).x, first.batch(everything).x)
    assert torch.equal(again.batch(everything).labels["kind"], first.batch(everything).labels["kind"])


def test_the_parts_of_a_data_set_are_kept_in_a_folder(tmp_path):
    data = SimpleNamespace(train=Vectors(), valid=Vectors(size=10), test=Vectors(size=7))
    codes = make_codes()
    assert [len(part) for part in coded_parts(data, codes, tmp_path / "codes")] == [40, 10, 7]
    assert sorted(path.name for path in (tmp_path / "codes").iterdir()) == [
        f"{part}.safetensors" for part in ("test", "train", "valid")
    ]
    for part in (data.train, data.valid, data.test):
        part.asked.clear()
    train, _, test = coded_parts(data, codes, tmp_path / "codes")
    assert data.train.asked == data.valid.asked == data.test.asked == []
    assert torch.equal(train.batch(torch.arange(7)).x, test.batch(torch.arange(7)).x)


@pytest.mark.parametrize("change", ["autoencoder", "examples", "damage"])
def test_codes_of_others_are_replaced(tmp_path, change):
    path = tmp_path / "codes.safetensors"
    CodedExamples(Vectors(), make_codes(), path=path)
    codes = make_codes(seed=1 if change == "autoencoder" else 0)
    media = Vectors(size=20 if change == "examples" else 40)
    if change == "damage":
        path.write_bytes(path.read_bytes()[:-100])
    coded = CodedExamples(media, codes, path=path)
    indices = torch.arange(len(media))
    assert torch.equal(coded.batch(indices).x, codes.encode(media.batch(indices).x))
    assert len(media.asked) > 1
    media.asked.clear()
    CodedExamples(media, codes, path=path)
    assert media.asked == []


def test_a_second_stage_learns_and_its_file_plays_alone(tmp_path):
    codes = make_codes()
    trainer = prior_trainer(codes, tmp_path, steps=100)
    trainer.fit(CodedExamples(Vectors(), codes), CodedExamples(Vectors(size=10), codes))
    assert trainer.metrics["model/bits"] < 3.3, "of 4"
    loaded = checkpoint.load(tmp_path / "model.safetensors")
    assert loaded.provenance["data"]["coded_by"] == codes.fingerprint
    loaded.model.backend = "torch"
    levels = loaded.model.sample(3, {"kind": torch.tensor([0, 1, 2])}, rng=torch.Generator().manual_seed(0))
    assert loaded.representation.decode(levels).shape == (3, 1, 16)


def test_a_second_stage_does_not_go_on_with_other_codes(tmp_path):
    codes, other = make_codes(), make_codes(seed=1)
    prior_trainer(codes, tmp_path, steps=2).fit(CodedExamples(Vectors(), codes))
    with pytest.raises(UserError, match=r"holds a run with .*coded_by="):
        prior_trainer(other, tmp_path, steps=4).fit(CodedExamples(Vectors(), other))
    mixed = prior_trainer(codes, tmp_path / "mixed", steps=2)
    mixed.representation = other
    with pytest.raises(UserError, match="the model has learned the codes of autoencoder"):
        mixed.fit(CodedExamples(Vectors(), codes))
