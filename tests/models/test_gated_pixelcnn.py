"""Gated PixelCNN sees all that came before, and its kernel is equal to the torch step."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from synthgen.checks import UserError
from synthgen.heads import Sampling
from synthgen.models import GatedPixelCNN, autoregressive
from synthgen.models.gated_pixelcnn import MAP
from synthgen.records import DataSpec, Field

SMALL = GatedPixelCNN.Config(labels=("digit",), dim=6, channels=6, skip_channels=8, layers=3, first_kernel=5)
MIXTURE = {"head": "logistic_mixture", "components": 2}
CASES = {
    "grey": (SMALL, (1, 7, 6), 7),
    "black and white": (replace(SMALL, head="bernoulli", channels=5, position=False), (1, 8, 5), 2),
    "colour": (replace(SMALL, kernel=1), (3, 4, 5), 5),
    "colours apart": (replace(SMALL, colour="independent", labels=()), (3, 5, 3), 5),
    "mixture, colour": (replace(SMALL, **MIXTURE, layers=1), (3, 5, 4), 16),
    "map": (replace(SMALL, map_channels=2, kernel=5), (2, 5, 5), 3),
}


@pytest.fixture(autouse=True)
def _short_chunks(monkeypatch):
    """Stretches begin and end within rows and pixels."""
    monkeypatch.setattr(autoregressive, "CHUNK", 17)


@pytest.fixture(params=CASES.values(), ids=CASES)
def model(request) -> GatedPixelCNN:
    return build(*request.param)


def build(config, shape, levels) -> GatedPixelCNN:
    """A model whose outputs vary as a trained one's do."""
    fields = (Field(name="digit", kind="category", size=3),)
    model = GatedPixelCNN(DataSpec(shape=shape, levels=levels, fields=fields), config).eval().requires_grad_(False)
    for out in model.readout.outs:
        out.weight.mul_(30)
    return model


def labels(model: GatedPixelCNN, n: int) -> dict[str, torch.Tensor]:
    pixels = torch.arange(n * 2 * model.spec.shape[1] * model.spec.shape[2])
    return {"digit": torch.arange(n) % 3} | (
        {MAP: pixels.sin().view(n, 2, *model.spec.shape[1:])} if model.config.map_channels else {}
    )


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sample(model: GatedPixelCNN, backend: str, n: int = 3, **options) -> torch.Tensor:
    model.backend = backend
    return model.sample(n, labels(model, n), rng=rng(1), **options)


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize(("row", "column"), [(5, 0), (4, 3), (3, 6), (0, 6)])
def test_there_is_no_blind_spot(kernel, row, column):
    config = GatedPixelCNN.Config(channels=8, layers=6, kernel=kernel, first_kernel=3)
    model = GatedPixelCNN(DataSpec(shape=(1, 6, 7), levels=4), config).eval().requires_grad_(False)
    for layer in [*model.vertical, *model.horizontal]:
        layer.conv.weight.mul_(2)
    x = torch.randint(4, (1, 6, 7))
    base, seen = model(x, {})[:, :, row, column], []
    for place in range(42):
        changed = x.clone()
        changed.view(-1)[place] = (changed.view(-1)[place] + 2) % 4
        seen.append(bool((model(changed, {})[:, :, row, column] != base).any()))
    assert seen == [place < row * 7 + column for place in range(42)]


@pytest.mark.parametrize("sampling", [Sampling(temperature=0), Sampling(), Sampling(top_p=0.8)], ids=str)
def test_samples_are_those_of_the_torch_step(model, sampling):
    made, expected = sample(model, "numba", sampling=sampling), sample(model, "torch", sampling=sampling)
    assert made.unique().numel() > model.head.levels / 2 or sampling.heat == 0 or sampling.top_p
    assert torch.equal(made, expected)


def test_parameters_are_those_of_the_whole_pass(model):
    x = torch.randint(model.head.levels, (2, *model.spec.shape))
    given, levels = labels(model, 2), model.in_order(model.elements(x))
    whole = model(model.elements(x), given)
    expected = torch.stack([model.in_order(each) for each in whole.unbind(1)], dim=1)
    for length in (1, 2, 17, levels.shape[1]):
        scanner = model.compiled(given, 2)
        scanner(torch.zeros(2, model.head.draws, length), levels[:, : length - 1], Sampling())
        found = torch.cat([torch.from_numpy(state.parameters) for state in scanner.states])
        if model.config.head == "bernoulli":
            found = found[:, 1:] - found[:, :1]
        torch.testing.assert_close(found, expected[:, :, length - 1], atol=1e-5, rtol=1e-5)


def test_a_picture_depends_neither_on_its_batch_nor_on_threads(model):
    before, given = torch.get_num_threads(), labels(model, 5)
    model.backend = "numba"
    try:
        together = model.sample(5, given, rng=[rng(seed) for seed in range(5)])
        torch.set_num_threads(3)
        threaded = model.sample(5, given, rng=[rng(seed) for seed in range(5)])
    finally:
        torch.set_num_threads(before)
    alone = model.sample(1, {name: label[3:4] for name, label in given.items()}, rng=[rng(3)])
    assert torch.equal(together, threaded)
    assert torch.equal(together[3:4], alone)


def test_known_parts_are_kept_and_gone_on_from(model):
    whole, given = sample(model, "numba", n=2), labels(model, 2)
    order = model.in_order(model.elements(whole))
    assert torch.equal(model.complete(order[:, :20], given, rng=rng(1)), whole)
    region = torch.rand(model.spec.shape[1:]) < 0.5
    other = torch.randint(model.head.levels, whole.shape)
    assert torch.equal(model.fill(whole, region, given, rng=rng(1)), whole)
    filled = model.fill(other, region, given, rng=rng(1))
    assert torch.equal(filled[:, :, region], other[:, :, region])
    model.backend = "torch"
    assert torch.equal(model.fill(other, region, given, rng=rng(1)), filled)


def test_a_map_tells_of_every_pixel_and_may_be_absent():
    model = build(*CASES["map"])
    x, given = torch.randint(3, (1, 2, 5, 5)), labels(model, 1)
    told = model(x, given)
    assert not torch.allclose(model(x, {"digit": given["digit"]}), told)
    other = given[MAP].clone()
    other[:, :, 0, 3] += 1
    assert (model(x, {**given, MAP: other}) != told).any(dim=(1, 2))[0, 0, 1]  # also of what lies ahead
    with pytest.raises(UserError, match=r"label map has shape \(1, 2, 5, 4\), expected \(1, 2, 5, 5\)"):
        model(x, {MAP: given[MAP][..., :4]})


def test_dropout_is_for_training_alone():
    model = build(replace(SMALL, dropout=0.5), (1, 7, 6), 7)
    x, given = torch.randint(7, (2, 7, 6)), labels(model, 2)
    assert torch.equal(model(x, given), model(x, given))
    model.train()
    assert not torch.equal(model(x, given), model(x, given))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"skip_channels": 0}, "skip_channels=0 must be between 1 and 8192"),
        ({"layers": 0}, "layers=0 must be between 1 and 256"),
        ({"map_channels": -1}, "map_channels=-1 must be between"),
        ({"dropout": 1}, "dropout=1 must be between"),
    ],
)
def test_impossible_configs_are_named(change, message):
    with pytest.raises(UserError, match=message):
        build(replace(SMALL, **change), (1, 5, 5), 4)
