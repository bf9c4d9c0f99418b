"""Models that draw pictures element by element: what holds for PixelCNN and Gated PixelCNN alike."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from synthgen import checkpoint
from synthgen.checks import UserError
from synthgen.heads import Sampling
from synthgen.models import MODELS, GatedPixelCNN, PixelCNN
from synthgen.models.autoregressive_picture import AutoregressivePicture
from synthgen.records import Axis, Batch, DataSpec, Field
from synthgen.representations import Palette, Pixels

FIELDS = (Field(name="digit", kind="category", size=3), Field(name="tilt", kind="angle", size=4))
GATED = GatedPixelCNN.Config(labels=("digit",), dim=6, channels=6, skip_channels=16, layers=3, first_kernel=5)
MASKED = PixelCNN.Config(labels=("digit",), dim=6, channels=16, layers=2, entry=3, hidden=16, first_kernel=5)
APART, MIXTURE = {"colour": "independent"}, {"head": "logistic_mixture", "components": 2}
CASES = {
    "gated": (GatedPixelCNN, GATED, (1, 5, 5), 7),
    "gated, wide": (GatedPixelCNN, replace(GATED, position=False, labels=()), (1, 3, 8), 7),
    "gated, black and white": (GatedPixelCNN, replace(GATED, head="bernoulli"), (1, 5, 4), 2),
    "gated, colour": (GatedPixelCNN, replace(GATED, **MIXTURE), (3, 4, 5), 16),
    "gated, colours apart": (GatedPixelCNN, replace(GATED, **APART), (3, 5, 3), 5),
    "masked": (PixelCNN, MASKED, (1, 5, 5), 7),
    "masked, wide": (PixelCNN, replace(MASKED, labels=()), (1, 3, 8), 7),
    "masked, black and white": (PixelCNN, replace(MASKED, head="bernoulli"), (1, 5, 4), 2),
    "masked, colour": (PixelCNN, replace(MASKED, **MIXTURE), (3, 4, 5), 16),
    "masked, colours apart": (PixelCNN, replace(MASKED, **APART), (3, 5, 3), 5),
}


def build(cls, config, shape, levels) -> AutoregressivePicture:
    """A model whose outputs vary as a trained one's do."""
    axes = tuple(Axis(unit="pixels") for _ in shape[1:])
    model = cls(DataSpec(shape=shape, levels=levels, fields=FIELDS, axes=axes), config).eval().requires_grad_(False)
    for out in model.readout.outs if cls is GatedPixelCNN else [model.out]:
        out.weight.mul_(20)
    model.backend = "torch"
    return model


@pytest.fixture(params=CASES.values(), ids=CASES)
def model(request) -> AutoregressivePicture:
    return build(*request.param)


def labels(n: int) -> dict[str, torch.Tensor]:
    return {"digit": torch.arange(n) % 3}


def pictures(model, n: int) -> torch.Tensor:
    return torch.randint(model.head.levels, (n, *model.spec.shape))


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def whole(model, x: torch.Tensor, given: dict[str, torch.Tensor]) -> torch.Tensor:
    """Parameters in the order of drawing, (B, N, head.channels)."""
    parameters = model(model.elements(x), given)
    return torch.stack([model.in_order(each) for each in parameters.unbind(1)], dim=2)


def by_steps(model, x: torch.Tensor, given: dict[str, torch.Tensor]) -> torch.Tensor:
    """The same by the cached step."""
    cache, previous, made = model.init_cache(given, len(x)), None, []
    for level in model.in_order(model.elements(x)).unbind(1):
        made.append(model.step(cache, previous))
        previous = level
    return torch.stack(made, dim=1)


def in_shape(model, order: torch.Tensor) -> torch.Tensor:
    """Elements in the order of drawing (B, N) as examples (B, C, H, W)."""
    channels, *axes = model.spec.shape
    return order.view(-1, *axes, channels).movedim(-1, 1)


def test_outputs_depend_on_the_elements_before_alone(model):
    x = pictures(model, 1)
    order, (base,) = model.in_order(model.elements(x)), whole(model, x, labels(1))
    channels, _, width = model.spec.shape
    for place in range(order.shape[1]):
        changed = order.clone()
        changed[0, place] = (changed[0, place] + model.head.levels // 2) % model.head.levels
        differs = (whole(model, in_shape(model, changed), labels(1))[0] != base).any(1)
        next_pixel = place // channels * channels + channels
        assert not differs[: place + 1].any()
        assert (differs[place + 1 : next_pixel] == (model.config.colour == "channelwise")).all()
        if next_pixel % (width * channels):  # is in the same row
            assert differs[next_pixel]


def test_steps_equal_the_whole_pass(model):
    x = pictures(model, 3)
    expected = whole(model, x, labels(3))
    assert expected.std() > 0.02
    torch.testing.assert_close(by_steps(model, x, labels(3)), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("cls", [GatedPixelCNN, PixelCNN])
def test_steps_equal_the_whole_pass_at_any_size(cls, seed):
    def pick(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    generator = rng(seed)
    sizes = {"layers": pick(1, 4), "kernel": 2 * pick(0, 2) + 1, "first_kernel": 2 * pick(0, 3) + 1, "dim": pick(1, 5)}
    if cls is GatedPixelCNN:
        sizes |= {"channels": pick(1, 9), "skip_channels": pick(1, 9), "position": bool(pick(0, 1))}
    else:
        sizes |= {"channels": 2 * pick(1, 4), "entry": pick(1, 4), "hidden": pick(1, 9)}
    config = cls.Config(labels=("digit",), colour=("channelwise", "independent")[pick(0, 1)], **sizes)
    model = build(cls, config, ((1, 3)[pick(0, 1)], pick(1, 7), pick(1, 7)), 2 ** pick(1, 8))
    x, given = pictures(model, 2), labels(2)
    torch.testing.assert_close(by_steps(model, x, given), whole(model, x, given), atol=1e-5, rtol=1e-5)


def test_cold_samples_are_what_the_whole_pass_finds_likeliest(model):
    cold = Sampling(temperature=0)
    x = model.sample(2, labels(2), rng=rng(), sampling=cold)
    parameters = model(model.elements(x), labels(2))
    uniforms = torch.zeros(2, model.head.draws, *parameters.shape[2:])
    assert torch.equal(model.head.sample(parameters, uniforms, cold), model.elements(x))


def test_known_parts_are_kept(model):
    complete = model.sample(2, labels(2), rng=rng())
    order = model.in_order(model.elements(complete))
    assert torch.equal(model.complete(order[:, :7], labels(2), rng=rng()), complete)
    region = torch.rand(model.spec.shape[1:]) < 0.5
    other = pictures(model, 2)
    filled = model.fill(other, region, labels(2), rng=rng())
    assert torch.equal(filled[:, :, region], other[:, :, region])
    assert torch.equal(model.fill(complete, region, labels(2), rng=rng()), complete)


def test_an_example_does_not_depend_on_its_batch(model):
    one = {name: label[1:2] for name, label in labels(3).items()}
    together = model.sample(3, labels(3), rng=[rng(0), rng(1), rng(2)])
    assert torch.equal(model.sample(1, one, rng=rng(1)), together[1:2])


def test_labels_matter_and_may_be_absent(model):
    x = pictures(model, 1)
    found = [whole(model, x, given) for given in ({"digit": torch.tensor([0])}, {"digit": torch.tensor([1])}, {})]
    same = [torch.equal(found[i], found[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert same == [not model.config.labels] * 3


@pytest.mark.parametrize("case", ["gated", "gated, colour", "masked", "masked, colour"])
def test_every_weight_learns(case):
    model = build(*CASES[case]).train().requires_grad_(True)
    x = pictures(model, 4)
    for given in (labels(4), {"digit": torch.tensor([0, -1, 1, 2])}, {}):
        model.loss(Batch(x, given)).total.backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]


@pytest.mark.parametrize("cls", [GatedPixelCNN, PixelCNN])
def test_it_survives_a_checkpoint(cls, tmp_path):
    assert cls in MODELS.values()
    config = replace(GATED if cls is GatedPixelCNN else MASKED, layers=2)
    palette = Palette(height=4, width=5, colours=((0, 0, 0), (255, 0, 0), (9, 99, 9)))
    for representation in (Pixels(height=4, width=5, channels=3, levels=8), palette):
        spec = representation.spec(FIELDS)
        model = build(cls, config, spec.shape, spec.levels)
        path = tmp_path / "model.safetensors"
        checkpoint.save(path, model, representation, {})
        again = checkpoint.load(path).model
        again.backend = "torch"
        assert torch.equal(again.sample(1, labels(1), rng=rng()), model.sample(1, labels(1), rng=rng()))


def patterns() -> torch.Tensor:
    """Twelve pictures of three levels: stripes across, up and slanting, and one colour, each with all phases."""
    row, column = torch.meshgrid(torch.arange(6), torch.arange(7), indexing="ij")
    slopes = [(a * row + b * column + phase) % 3 for a in (0, 1) for b in (0, 1) for phase in range(3)]
    return torch.stack(slopes)[:, None]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("cls", [GatedPixelCNN, PixelCNN])
def test_it_learns_patterns_to_their_entropy(cls, seed):
    torch.manual_seed(seed)
    x = patterns()
    model = cls(DataSpec(shape=(1, 6, 7), levels=3), cls.Config(channels=8, layers=2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(80):
        optimizer.zero_grad()
        model.loss(Batch(x)).total.backward()
        optimizer.step()
    bits = model.eval().surprise(Batch(x)).flatten(1).sum(1).mean()
    assert math.log2(len(x)) - 1e-3 <= bits < math.log2(len(x)) + 0.5
    made = model.sample(40, {}, rng=rng(seed))
    known = (made[:, None] == x).flatten(2).all(2).any(1)
    assert known.float().mean() > 0.8


SHARED = [
    ({"labels": ("digti",)}, "label of the model='digti' is not known; did you mean 'digit'"),
    ({"dim": 0}, "dim=0 must be between 1 and 8192"),
    ({"channels": 10**9}, "channels=1000000000 must be between 1 and 8192"),
    ({"layers": 1000}, "layers=1000 must be between"),
    ({"kernel": 4}, "kernel=4 must be odd"),
    ({"first_kernel": -1}, "kernel=-1 must be between 1 and 63"),
    ({"colour": "chanelwise"}, "colour='chanelwise' is not known; did you mean 'channelwise'"),
    ({"label_dropout": 2}, "label_dropout=2 must be between 0 and 1"),
    ({"temperature": 0}, "temperature=0 must be between"),
    ({"head": "bernoulli"}, "head='bernoulli' needs 2 levels"),
    ({"head": "logistic_mixture"}, "needs levels that are a power of two"),
]


@pytest.mark.parametrize(("change", "message"), SHARED)
@pytest.mark.parametrize("case", ["gated", "masked"])
def test_impossible_configs_are_named(case, change, message):
    cls, config, shape, levels = CASES[case]
    with pytest.raises(UserError, match=message):
        build(cls, replace(config, **change), shape, levels)


@pytest.mark.parametrize("case", ["gated", "masked"])
def test_data_that_are_no_pictures_with_levels_are_named(case):
    cls, config, *_ = CASES[case]
    with pytest.raises(UserError, match="needs data with levels"):
        build(cls, config, (1, 5, 5), None)
    with pytest.raises(UserError, match=r"axes of a .*PixelCNN's data=1 must equal number of axes=2"):
        build(cls, config, (1, 5), 7)
