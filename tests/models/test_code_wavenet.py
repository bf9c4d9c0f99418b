"""The prior of frames with several codes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from synthgen.checks import UserError
from synthgen.heads import Sampling
from synthgen.models import MODELS, CodeWaveNet
from synthgen.models.autoregressive import Autoregressive
from synthgen.records import Axis, Batch, DataSpec

SMALL = CodeWaveNet.Config(labels=("pitch",), dim=6, channels=5, skip_channels=7, blocks=2, layers=2)
CASES = {
    "several codes": ((3, 12), SMALL),
    "one code": ((1, 15), SMALL),
    "no labels": ((2, 9), replace(SMALL, labels=())),
}


def build(shape, config, fields, levels: int = 6) -> CodeWaveNet:
    """A model whose outputs vary as a trained one's do."""
    spec = DataSpec(shape=shape, levels=levels, fields=fields, axes=(Axis(unit="seconds", step=0.064),))
    model = CodeWaveNet(spec, config).eval()
    with torch.no_grad():
        for out in model.readout.out:
            out.weight.mul_(20)
    return model


@pytest.fixture(params=CASES.values(), ids=CASES)
def model(request, note_fields) -> CodeWaveNet:
    return build(*request.param, note_fields)


def labels(n: int) -> dict[str, torch.Tensor]:
    return {"pitch": torch.linspace(50, 60.5, n)}


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def codes(model: CodeWaveNet, n: int = 2, seed: int = 0) -> torch.Tensor:
    return torch.randint(model.head.levels, (n, *model.spec.shape), generator=rng(seed))


def test_it_is_an_autoregressive_model():
    assert issubclass(MODELS["code_wavenet"], Autoregressive)


def test_the_step_equals_the_whole_pass(model):
    x = codes(model)
    whole = model(model.elements(x), labels(2))
    assert whole.shape == (2, 6, *model.elements(x).shape[1:])
    order = model.in_order(model.elements(x))
    cache, previous, made = model.init_cache(labels(2), 2), None, []
    for t in range(order.shape[1]):
        made.append(model.step(cache, previous))
        previous = order[:, t]
    whole = torch.stack([model.in_order(p) for p in whole.unbind(1)], dim=1)
    torch.testing.assert_close(torch.stack(made, dim=2), whole, atol=1e-5, rtol=1e-5)


def test_outputs_ignore_later_codes(model):
    x = model.elements(codes(model, 1))
    flat = model.in_order(x)
    for place in (0, 7, flat.shape[1] - 1):
        changed = flat.clone()
        changed[0, place] = (changed[0, place] + 1) % model.head.levels
        count = model.spec.shape[0]
        y = changed if count == 1 else changed.view(1, -1, count).movedim(-1, 1)
        a, b = (torch.stack([model.in_order(p) for p in model(v, labels(1)).unbind(1)], 1) for v in (x, y))
        assert torch.equal(a[..., : place + 1], b[..., : place + 1])
        if place + 1 < flat.shape[1]:
            assert not torch.allclose(a[..., place + 1], b[..., place + 1])


def test_samples_depend_on_their_seed_alone_and_completion_keeps_what_is_known(model):
    alone = model.sample(1, labels(1), rng=[rng(3)])
    both = model.sample(2, {"pitch": torch.tensor([50.0, 50.0])}, rng=[rng(3), rng(4)])
    assert alone.shape == (1, *model.spec.shape)
    assert torch.equal(alone[0], both[0])
    known = model.in_order(model.elements(alone))[:, :5]
    assert torch.equal(model.complete(known, labels(1), rng=[rng(3)]), alone)
    assert (
        model.complete(known, labels(1), rng=[rng(3)], sampling=Sampling(temperature=0)).flatten().shape
        == alone.flatten().shape
    )


def test_it_learns_codes_that_follow_from_labels_and_from_each_other(note_fields):
    model = build((2, 8), replace(SMALL, channels=16, skip_channels=16), note_fields, levels=4).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-2)
    for step in range(80):
        first = torch.randint(4, (32, 1, 8), generator=rng(step))
        pitch = torch.where(torch.arange(32) % 2 == 0, 50.0, 60.0)
        second = (first + (pitch > 55).long()[:, None, None]) % 4
        loss = model.loss(Batch(torch.cat([first, second], dim=1), {"pitch": pitch}))
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
    assert loss.parts["bits"] < 1.3  # the first code has two bits, the second none
    drawn = model.eval().sample(16, {"pitch": torch.full((16,), 60.0)}, rng=rng())
    assert ((drawn[:, 1] - drawn[:, 0]) % 4 == 1).float().mean() > 0.9


def test_every_weight_learns(model):
    model.train().loss(Batch(codes(model, 4), labels(4))).total.backward()
    model.loss(Batch(codes(model, 4), {})).total.backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == (["before.rows.weight"] if model.spec.shape[0] == 1 else [])


def test_probabilities_sum_to_one(model):
    parameters = model(model.elements(codes(model)), labels(2))
    assert parameters.softmax(1).sum(1).sub(1).abs().max() < 1e-5
    assert model.surprise(Batch(codes(model), labels(2))).ge(0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"channels": 0}, "channels=0"), ({"labels": ("colour",)}, "colour"), ({"temperature": 0.0}, "temperature=0")],
)
def test_bad_settings_are_refused(note_fields, change, message):
    with pytest.raises(UserError, match=message):
        build((2, 5), replace(SMALL, **change), note_fields)


def test_pictures_are_refused(note_fields):
    with pytest.raises(UserError, match="axes of a CodeWaveNet's data=2"):
        build((2, 5, 5), SMALL, note_fields)
