from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from synthgen.checks import UserError
from synthgen.heads import Sampling
from synthgen.models import MODELS, PixelRNN
from synthgen.records import Axis, Batch, DataSpec, Field

TINY = PixelRNN.Config(dim=8, entry=5, hidden=12, layers=2, pointer=6)
LONE = replace(TINY, neighbours=((0, -1), (-1, 0)), layers=1, pointer=0)
CASES = {
    "square palette": ((1, 6, 6), 7, TINY),
    "wide palette": ((1, 4, 9), 7, replace(TINY, labels=("kind",))),
    "high, without pointer": ((1, 9, 4), 7, LONE),
    "one column": ((1, 7, 1), 7, TINY),
    "black and white": ((1, 5, 7), 2, replace(LONE, head="bernoulli")),
    "grey": ((1, 7, 5), 256, replace(LONE, head="logistic_mixture", components=3)),
}
FIELDS = (Field(name="kind", kind="category", size=3),)


def build(shape: tuple[int, ...], levels: int, config: PixelRNN.Config) -> PixelRNN:
    axes = (Axis(unit="pixels"), Axis(unit="pixels"))
    model = PixelRNN(DataSpec(shape=shape, levels=levels, fields=FIELDS, axes=axes), config)
    with torch.no_grad():
        model.out.weight.mul_(20)
        if model.pointer is not None:
            model.pointer.offsets.normal_()
    return model.eval()


@pytest.fixture(params=CASES.values(), ids=CASES)
def model(request) -> PixelRNN:
    return build(*request.param)


def pictures(model: PixelRNN, n: int) -> torch.Tensor:
    return torch.randint(model.spec.levels, (n, *model.spec.shape[1:]))


def labels(n: int) -> dict[str, torch.Tensor]:
    return {"kind": torch.arange(n) % 3}


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_it_is_a_model():
    assert MODELS["pixelrnn"] is PixelRNN


@torch.no_grad()
def test_steps_give_what_the_whole_pass_gives(model):
    x = pictures(model, 3)
    whole, cache = model(x, labels(3)).flatten(2), model.init_cache(labels(3), 3)
    for i in range(whole.shape[2]):
        step = model.step(cache, x.flatten(1)[:, i - 1] if i else None)
        torch.testing.assert_close(step, whole[:, :, i], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_outputs_ignore_later_pixels_and_heed_the_neighbours(model):
    x = pictures(model, 1)
    whole, (height, width) = model(x, labels(1)).flatten(2), x.shape[1:]
    for place in range(height * width):
        changed = x.flatten(1).clone()
        changed[:, place] = (changed[:, place] + model.spec.levels // 2) % model.spec.levels
        moved = (model(changed.view_as(x), labels(1)).flatten(2) - whole)[0].abs().sum(0)
        assert moved[: place + 1].max() == 0
        right, below = place % width < width - 1, place < (height - 1) * width
        assert not right or moved[place + 1] > 0
        assert not below or moved[place + width] > 0


@torch.no_grad()
def test_probabilities_sum_to_one_and_a_pointer_copies():
    model = build((1, 4, 5), 7, TINY)
    x = torch.full((1, 4, 5), 3)
    with torch.no_grad():
        model.pointer.sentinel.bias.fill_(-30)
    shares = model(x, {}).exp()
    torch.testing.assert_close(shares.sum(1), torch.ones(1, 4, 5))
    copied = shares[0, 3].flatten()
    assert copied[0] < 0.9
    assert copied[1:].min() > 0.999


def test_the_loss_is_the_surprise(model):
    batch = Batch(pictures(model, 2)[:, None], labels(2))
    torch.testing.assert_close(model.loss(batch).parts["bits"], model.surprise(batch).mean())


def test_every_weight_learns(model):
    model.train()
    for _ in range(3):
        model.loss(Batch(pictures(model, 4)[:, None], {"kind": torch.tensor([0, 1, 2, -1])})).total.backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]


@pytest.mark.parametrize("rows", [1, 3])
def test_a_completion_keeps_the_known_part_and_goes_on_from_it(model, rows):
    x = model.sample(2, labels(2), rng=rng())
    count = rows * x.shape[3]
    known = x.flatten(1)[:, :count]
    assert torch.equal(model.complete(known, labels(2), rng=rng()), x)
    other = (known + model.spec.levels // 2) % model.spec.levels
    completed = model.complete(other, labels(2), rng=rng())
    assert torch.equal(completed.flatten(1)[:, :count], other)
    assert not torch.equal(completed.flatten(1)[:, count:], x.flatten(1)[:, count:])


def test_a_picture_is_the_same_in_any_batch(model):
    together = model.sample(3, labels(3), rng=[rng(1), rng(2), rng(3)])
    alone = model.sample(1, {"kind": torch.tensor([1])}, rng=rng(2))
    assert torch.equal(alone, together[1:2])
    assert not torch.equal(together[0], together[1])


@torch.no_grad()
def test_labels_and_places_count():
    model = build((1, 4, 5), 7, replace(LONE, labels=("kind",)))
    x = torch.zeros(2, 4, 5, dtype=torch.int64)
    first, second = model(x, {"kind": torch.tensor([0, 1])})
    assert (first - second).abs().max() > 1e-3
    assert (first[:, 2, 2] - first[:, 2, 3]).abs().max() > 1e-3
    assert (first[:, 2, 2] - first[:, 3, 2]).abs().max() > 1e-3


def test_similar_colours_begin_alike():
    colours = ((250, 250, 250), (255, 255, 255), (10, 10, 10), (0, 0, 0), (255, 0, 0), (245, 5, 0), (0, 0, 255))
    entry = build((1, 4, 5), 7, replace(TINY, entry=256, colours=colours)).entry
    apart = torch.cdist(*[entry(torch.arange(7)).detach()] * 2)
    near = [apart[0, 1], apart[2, 3], apart[4, 5]]
    assert min(near) > 0
    assert max(near) < 0.8 * min(apart[0, 2], apart[0, 4], apart[2, 4], apart[4, 6])


def stripes(n: int) -> torch.Tensor:
    """Pictures with two colours of eight each, in turns of a row: all is drawn after the first two rows began."""
    colours = torch.stack([torch.randperm(8)[:2] for _ in range(n)])
    return colours[:, torch.arange(6) % 2, None].expand(n, 6, 6)[:, None]


def test_it_learns_stripes_to_near_their_entropy():
    """Two draws of 36 pixels, of 8 and of 7 colours."""
    model = PixelRNN(build((1, 6, 6), 8, TINY).spec, replace(TINY, hidden=32, layers=1, dropout=0.0, entry_dropout=0.0))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(120):
        optimizer.zero_grad()
        model.loss(Batch(stripes(16))).total.backward()
        optimizer.step()
    entropy = math.log2(8 * 7) / 36
    assert entropy - 0.03 < model.eval().surprise(Batch(stripes(256))).mean() < entropy + 0.05
    known = stripes(4)
    rest = model.complete(known.flatten(1)[:, :12], {}, rng=rng(), sampling=Sampling(temperature=0))
    assert (rest == known).float().mean() > 0.97


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"neighbours": ()}, "number of neighbours=0 must be between"),
        ({"neighbours": ((0, -1), (0, 0))}, r"neighbours with \(0, 0\) must come before their pixel"),
        ({"neighbours": ((0, 1),)}, r"neighbours with \(0, 1\) must come before"),
        ({"neighbours": ((1, -1),)}, "row of a neighbour=1 must be between -64 and 0"),
        ({"neighbours": ((-1, 900),)}, "column of a neighbour=900 must be between -64 and 64"),
        ({"hidden": 10**9}, "hidden=1000000000 must be between"),
        ({"entry": 0}, "entry=0 must be between"),
        ({"layers": 0}, "layers=0 must be between"),
        ({"pointer": -1}, "pointer=-1 must be between"),
        ({"dropout": 1.5}, "dropout=1.5 must be between"),
        ({"entry_dropout": -0.1}, "entry_dropout=-0.1 must be between"),
        ({"colours": ((0, 0, 0),)}, "number of colours=1 must equal levels=7"),
        ({"labels": ("knid",)}, "did you mean 'kind'"),
        ({"head": "bernoulli"}, "needs 2 levels"),
        ({"head": "logistic_mixture"}, "levels that are a power of two"),
    ],
)
def test_impossible_configs_are_named(change, message):
    with pytest.raises(UserError, match=message) as caught:
        build((1, 4, 5), 7, replace(TINY, **change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "levels", "config", "message"),
    [
        ((3, 4, 5), 8, TINY, "channels of a PixelRNN's data=3 must be 1; use a palette"),
        ((1, 20), 8, TINY, "axes of a PixelRNN's data=1 must equal"),
        ((1, 4, 5), 8, replace(TINY, head="logistic_mixture"), "pointer=6 needs head='categorical', .* set pointer=0"),
        ((1, 80, 80), 8, TINY, "pointer=6 takes at most 4096 pixels .* set pointer=0"),
    ],
)
def test_data_that_it_is_not_for_are_named(shape, levels, config, message):
    with pytest.raises(UserError, match=message):
        build(shape, levels, config)
