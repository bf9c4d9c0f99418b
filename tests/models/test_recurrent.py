from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from synthgen.checks import UserError
from synthgen.models import MODELS
from synthgen.models.autoregressive_waveform import LEAD
from synthgen.models.recurrent import SampleRNN
from synthgen.records import Axis, Batch, DataSpec

TINY = SampleRNN.Config(dim=8, frame=8, hidden=12, window=6, entry=4, channels=10, layers=2, crop=40, periodic="pitch")
MIXTURE = replace(TINY, head="logistic_mixture", components=3, frame=5, window=9, layers=0, clock=False, periodic="")
CASES = {"categorical": (32, TINY), "mixture": (65_536, MIXTURE)}
LENGTH = 93


def labels(n: int) -> dict[str, torch.Tensor]:
    return {
        "instrument": torch.arange(n) % 3,
        "pitch": torch.linspace(50, 60.5, n),
        "velocity": torch.linspace(30, 120, n),
        LEAD: torch.linspace(0.1, 0.9, n)[:, None] * torch.arange(4),
    }


def build(note_fields, levels: int, config: SampleRNN.Config) -> SampleRNN:
    axes = (Axis(unit="seconds", step=0.001),)
    model = SampleRNN(DataSpec(shape=(1, LENGTH), levels=levels, fields=note_fields, axes=axes), config)
    with torch.no_grad():
        model.out.weight.mul_(20)
    return model.eval()


@pytest.fixture(params=CASES.values(), ids=CASES)
def model(request, note_fields) -> SampleRNN:
    return build(note_fields, *request.param)


def notes(model: SampleRNN, n: int) -> torch.Tensor:
    return torch.randint(model.spec.levels, (n, LENGTH))


def test_it_is_a_model():
    assert MODELS["recurrent"] is SampleRNN


@torch.no_grad()
def test_steps_give_what_the_whole_pass_gives(model):
    x = notes(model, 3)
    whole, cache = model(x, labels(3)), model.init_cache(labels(3), 3)
    for i in range(LENGTH):
        step = model.step(cache, x[:, i - 1] if i else None)
        torch.testing.assert_close(step, whole[:, :, i], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_outputs_ignore_later_samples_and_heed_earlier_ones(model):
    x = notes(model, 1)
    changed, place = x.clone(), 50
    changed[:, place:] = (x[:, place:] + 7) % model.spec.levels
    before, after = (model(x, labels(1)) - model(changed, labels(1)))[0].abs().sum(0).tensor_split([place + 1])
    assert before.max() == 0
    assert after.min() > 0


@torch.no_grad()
@pytest.mark.parametrize("first", [0, 1, 4])
def test_a_crop_is_a_part_of_the_whole(model, first):
    x, start, length = notes(model, 2), first * model.config.frame, 30
    part = model.stretch(x, labels(2), start=start, length=length)
    torch.testing.assert_close(part, model(x, labels(2))[:, :, start : start + length], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_loss_of_whole_notes_is_their_surprise(note_fields):
    model = build(note_fields, 32, replace(TINY, crop=0))
    batch = Batch(notes(model, 2)[:, None], labels(2))
    losses = {round(model.loss(batch).parts["bits"].item(), 4) for _ in range(20)}
    assert round(model.surprise(batch).mean().item(), 4) in losses


def test_every_weight_learns(model):
    model.train()
    withheld = {"instrument": torch.tensor([0, -1]), "pitch": torch.tensor([float("nan"), 50.0])}
    for given in (labels(2), withheld, {}):
        for _ in range(4):
            model.loss(Batch(notes(model, 2)[:, None], given)).total.backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]


def test_it_learns_a_tone(note_fields):
    model = build(note_fields, 32, TINY).train()
    tone = (16 + 12 * torch.sin(torch.arange(LENGTH) * 0.4)).long().expand(2, 1, -1)
    batch = Batch(tone, labels(2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    first = model.loss(batch).total.item()
    for _ in range(40):
        optimizer.zero_grad()
        model.loss(batch).total.backward()
        optimizer.step()
    assert model.loss(batch).total.item() < 0.5 * first


def test_clock_and_pitch_tell_places_and_notes_apart(note_fields):
    """With nothing but silence before."""
    model = build(note_fields, 32, replace(TINY, labels=("instrument",)))
    silence = torch.full((2, LENGTH), 16)
    low, high = model(silence, {"pitch": torch.tensor([57.0, 57.5])})
    assert (low - high).abs().max() > 1e-3
    assert (low[:, 40] - low[:, 80]).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ("instrument", "pich")}, "did you mean 'pitch'"),
        ({"periodic": "velocty"}, "did you mean 'velocity'"),
        ({"frame": 0}, "frame=0 must be between"),
        ({"window": 10**9}, "window=1000000000 must be between"),
        ({"hidden": 10**9}, "hidden=1000000000 must be between"),
        ({"layers": -1}, "layers=-1 must be between"),
        ({"head": "bernoulli"}, "needs 2 levels"),
    ],
)
def test_impossible_configs_are_named(note_fields, change, message):
    with pytest.raises(UserError, match=message):
        build(note_fields, 32, replace(TINY, **change))


def test_pictures_are_refused(note_fields):
    axes = (Axis(unit="pixels"), Axis(unit="pixels"))
    with pytest.raises(UserError, match="axes of a SampleRNN's data=2"):
        SampleRNN(DataSpec(shape=(1, 8, 8), levels=2, fields=note_fields, axes=axes), TINY)
