from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from synthgen.checks import UserError
from synthgen.models import MODELS, Decoder
from synthgen.models.base import GenerativeModel
from synthgen.records import Axis, Batch, DataSpec

WAVEFORM = Decoder.Config(dim=16, channels=(16, 8, 8), strides=((4,), (4,)), patch=(5,), seed_channels=4)
PICTURE = Decoder.Config(dim=16, channels=(16, 8), strides=((2, 2),), patch=(1, 2), seed_channels=4, periodic="pitch")
DENSE = Decoder.Config(dim=16, body="mlp", channels=(16, 16))
HZ, SECONDS = Axis(unit="hz", step=31.25), Axis(unit="seconds", step=0.001)
CASES = {
    "1-d": ((1, 203), (SECONDS,), WAVEFORM),
    "2-d": ((2, 33, 21), (HZ, SECONDS), PICTURE),
    "repeat": ((3, 17, 16), (HZ, SECONDS), replace(PICTURE, upsampling="repeat", encoding="onehot")),
    "dense": ((1, 9, 7), (HZ, SECONDS), DENSE),
}


@pytest.fixture(params=CASES.values(), ids=CASES)
def model(request, note_fields) -> Decoder:
    shape, axes, config = request.param
    return Decoder(DataSpec(shape=shape, fields=note_fields, axes=axes), config).eval()


def labels(n: int) -> dict[str, torch.Tensor]:
    return {
        "instrument": torch.arange(n) % 3,
        "pitch": torch.linspace(50, 60.5, n),
        "velocity": torch.linspace(30, 120, n),
    }


def test_decoders_are_generative():
    assert issubclass(MODELS["decoder"], GenerativeModel)


def test_any_shape_is_drawn(model):
    assert model.sample(3, labels(3), rng=torch.Generator()).shape == (3, *model.spec.shape)


def test_an_example_does_not_depend_on_its_batch(model):
    together = model.sample(3, labels(3), rng=torch.Generator())
    alone = model.sample(1, {k: v[1:2] for k, v in labels(3).items()}, rng=torch.Generator())
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-4)


def test_labels_matter_and_may_be_absent(model):
    one = model(labels(1), 1)
    for name in labels(1):
        others = {k: v for k, v in labels(1).items() if k != name}
        assert not torch.allclose(model(others, 1), one)


def test_every_weight_learns(model):
    model.train()
    target = torch.zeros(2, *model.spec.shape)
    withheld = {"instrument": torch.tensor([0, -1]), "pitch": torch.tensor([float("nan"), 50.0])}
    for batch in (Batch(target, labels(2)), Batch(target, withheld), Batch(target, {})):
        model.loss(batch).total.backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]


def test_it_learns_two_pictures(note_fields):
    spec = DataSpec(shape=(2, 33, 21), fields=note_fields, axes=(HZ, SECONDS))
    model = Decoder(spec, PICTURE)
    batch = Batch(torch.rand(2, *spec.shape) - 0.5, labels(2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    first = model.loss(batch).total.item()
    for _ in range(60):
        optimizer.zero_grad()
        model.loss(batch).total.backward()
        optimizer.step()
    assert model.loss(batch).total.item() < 0.5 * first


def test_the_period_alone_tells_pitches_apart(note_fields):
    """The period is exact where the label vector is interpolated or, here, withheld."""
    spec = DataSpec(shape=(1, 128, 8), fields=note_fields, axes=(HZ, SECONDS))
    model = Decoder(spec, replace(PICTURE, labels=("instrument",))).eval()
    low, high = model({"pitch": torch.tensor([57.0, 57.25])}, 2)
    assert (low - high).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ("instrument", "pich")}, "label of the model='pich' is not known; did you mean 'pitch'"),
        ({"channels": (10**9, 8)}, "channels=1000000000 must be between 1 and 8192"),
        ({"channels": (8,) * 17}, "number of channels=17 must be between"),
        ({"strides": ()}, "number of strides=0 must equal number of channels - 1=1"),
        ({"strides": ((2,),)}, "length of a stride or patch=1 must equal number of axes=2"),
        ({"patch": (1, 1000)}, "stride or patch=1000 must be between 1 and 64"),
        ({"patch": (2, 2)}, "patch along the periodic axis=2"),
        ({"dim": 0}, "dim=0 must be between"),
    ],
)
def test_impossible_configs_are_named(note_fields, change, message):
    spec = DataSpec(shape=(1, 16, 16), fields=note_fields, axes=(HZ, SECONDS))
    with pytest.raises(UserError, match=message):
        Decoder(spec, replace(PICTURE, **change))
