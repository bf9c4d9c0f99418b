"""Causality, exact caches, the joint mixture of the colours, and that it learns."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from synthgen import checkpoint
from synthgen.checks import UserError
from synthgen.heads import LogisticMixture, Sampling
from synthgen.models.pixelcnnpp import PixelCNNpp
from synthgen.models.pixelcnnpp_colour import JointMixture
from synthgen.records import Batch, DataSpec, Field
from synthgen.representations import Pixels
from synthgen.training.optimization import PhaseOptimizer
from synthgen.training.parallel import join

SLOW, MORE = pytest.mark.slow, [(1, 1), (2, 1), (0, 3), (2, 3)]
FIELD = Field(name="class", kind="category", size=3)
LEVELS = 16
SMALL = PixelCNNpp.Config(num_resnet=1, num_filters=6, num_logistic_mix=3, dim=4, labels=("class",))
CASES = {
    "grey": ((1, 8, 8), SMALL),
    "grey, odd": ((1, 7, 5), replace(SMALL, shortcuts=False)),
    "grey, deep": ((1, 5, 9), replace(SMALL, num_hierarchies=4, weight_norm=True)),
    "grey, flat": ((1, 6, 5), replace(SMALL, num_hierarchies=1, num_resnet=2, positions=False)),
    "colours": ((3, 6, 8), SMALL),
    "colours, odd": ((3, 3, 5), replace(SMALL, num_hierarchies=2, labels=())),
    "levels apart": ((1, 6, 7), replace(SMALL, head="categorical")),
    "colours, levels apart": ((3, 4, 5), replace(SMALL, head="categorical")),
    "black and white": ((1, 5, 5), replace(SMALL, head="bernoulli")),
    "one pixel": ((3, 1, 1), SMALL),
}


def build(shape: tuple[int, ...], config: PixelCNNpp.Config) -> PixelCNNpp:
    """A random network whose layers matter."""
    levels = 2 if config.head == "bernoulli" else LEVELS
    model = PixelCNNpp(DataSpec(shape=shape, levels=levels, fields=(FIELD,)), config).eval().requires_grad_(False)
    model.out.shrink(10)
    for layer in model.layers:
        for parameter in layer.parameters():
            parameter.mul_(1.5)
    return model


@pytest.fixture(params=CASES.values(), ids=CASES)
def model(request) -> PixelCNNpp:
    return build(*request.param)


def examples(model: PixelCNNpp, n: int = 2) -> tuple[Tensor, dict[str, Tensor]]:
    x = torch.randint(model.spec.levels, (n, *model.spec.shape))
    return x, {"class": torch.arange(n) % 3} if model.config.labels else {}


def in_order(model: PixelCNNpp, parameters: Tensor) -> Tensor:
    """Parameters (B, channels, *E) in the order of drawing, (B, channels, N); weights of a mixture add up to one."""
    parameters = (parameters if model.spec.shape[0] == 1 else parameters.movedim(2, -1)).flatten(2)
    if isinstance(model.head, LogisticMixture):
        logits, places = parameters.tensor_split([model.head.components], dim=1)
        return torch.cat([logits.softmax(1), places], dim=1)
    return parameters


def stepped(model: PixelCNNpp, x: Tensor, labels: dict[str, Tensor]) -> Tensor:
    """The parameters (n, channels, N) that `step` gives."""
    order = model.in_order(model.elements(x))
    cache = model.init_cache(labels, len(x))
    return torch.stack([model.step(cache, order[:, t - 1] if t else None) for t in range(order.shape[1])], dim=2)


def test_steps_equal_the_whole_pass(model):
    x, labels = examples(model)
    expected = in_order(model, model(model.elements(x), labels))
    found = stepped(model, x, labels)
    found = in_order(model, found if model.spec.shape[0] == 1 else found[:, :, None].movedim(-1, 2)[..., None])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_an_element_depends_on_none_that_is_drawn_later(model):
    x, labels = examples(model, 1)
    expected = in_order(model, model(model.elements(x), labels))
    order, count = model.in_order(model.elements(x)), math.prod(model.spec.shape)
    changed = order.repeat(count, 1)
    changed[torch.arange(count), torch.arange(count)] = (order[0] + model.spec.levels // 2) % model.spec.levels
    channels, *size = model.spec.shape
    pictures = changed.view(count, *size, channels).movedim(-1, 1)
    labels = {name: label.expand(count) for name, label in labels.items()}
    found = in_order(model, model(model.elements(pictures), labels))
    away = (found - expected).abs().amax(1)
    later = torch.ones(count, count).triu().T.bool()  # row k, where element k was changed: elements up to k
    assert (away[later] < 1e-5).all()
    if count > 3 and model.config.shortcuts:  # without, pixels do not see their neighbours in the same coarse one
        assert (away.diagonal(1) > 1e-5).float().mean() > 0.8


@pytest.mark.parametrize("hierarchies", [1, 3])
def test_every_earlier_pixel_is_seen(hierarchies):
    config = replace(SMALL, num_hierarchies=hierarchies, num_resnet=6 if hierarchies == 1 else 3)
    model = build((1, 7, 8), config)
    entering = torch.randn(1, 2, 7, 8, requires_grad=True)
    model.embed = lambda x: entering
    outputs = model(torch.zeros(1, 7, 8).long(), {})[0].square().sum(0).flatten()
    gradients = [torch.autograd.grad(y, entering, retain_graph=True)[0] for y in outputs]
    seen = torch.stack(gradients).abs().sum((1, 2)).flatten(1) > 0
    assert torch.equal(seen, torch.ones(56, 56).tril(-1).bool())


def test_colours_are_one_joint_mixture():
    head, count = LogisticMixture(bits=3, components=4), 5
    colour = JointMixture(head, 3)
    raw = torch.randn(count, colour.outputs)
    x = torch.randint(8, (count, 3))
    parameters = torch.stack(colour(raw, x, 3), dim=2)
    found = head.log_prob(parameters, x).sum(1)
    # The paper's own formula, in plain numbers: a component is drawn once, and then the three channels.
    logits, means, log_scales, slopes = raw.double().view(count, 10, 4).split([1, 3, 3, 3], dim=1)
    slopes, v = slopes.tanh(), x.double() * 2 / 7 - 1
    joint = logits[:, 0].softmax(1)
    red, green, blue = v[:, 0, None], v[:, 1, None], v[:, 2, None]
    shifted = (means[:, 0], means[:, 1] + slopes[:, 0] * red, means[:, 2] + slopes[:, 1] * red + slopes[:, 2] * green)
    for c, (mean, value) in enumerate(zip(shifted, (red, green, blue), strict=True)):
        scale = log_scales[:, c].clamp(head.least_log_scale).exp()
        above = torch.where(value > 0.99, 1.0, torch.sigmoid((value + 1 / 7 - mean) / scale))
        below = torch.where(value < -0.99, 0.0, torch.sigmoid((value - 1 / 7 - mean) / scale))
        joint = joint * (above - below)
    torch.testing.assert_close(found.double(), joint.sum(1).log(), atol=1e-4, rtol=1e-4)


def test_the_joint_probabilities_of_all_colours_sum_to_one():
    head = LogisticMixture(bits=2, components=3)
    colour = JointMixture(head, 3)
    x = torch.cartesian_prod(*[torch.arange(4)] * 3)
    raw = torch.randn(colour.outputs).expand(64, -1)
    logs = head.log_prob(torch.stack(colour(raw, x, 3), dim=2), x).sum(1)
    torch.testing.assert_close(logs.exp().sum(), torch.tensor(1.0))


def test_labels_matter_and_may_be_left_out():
    model = build((1, 6, 6), SMALL)
    x = model.elements(examples(model)[0])
    first, second = (model(x, {"class": torch.full((2,), k)}) for k in (0, 1))
    assert (first - second).abs().max() > 1e-3
    assert torch.equal(model(x, {}), model(x, {"class": torch.full((2,), -1)}))


@pytest.mark.parametrize("positions", [True, False])
def test_a_network_of_little_depth_knows_where_it_is_only_if_told(positions):
    config = replace(SMALL, num_hierarchies=1, num_resnet=1, labels=(), positions=positions)
    parameters = build((1, 24, 24), config)(torch.full((1, 24, 24), 7), {})[0]
    inner = parameters[:, 12:, 11:14]
    assert (inner - inner[:, :1, :1]).abs().max() < 1e-5 or positions
    assert (inner[:, 0, 0] - inner[:, 8, 2]).abs().max() > 1e-3 or not positions


def test_dropout_is_for_training_alone():
    model = build((1, 6, 6), replace(SMALL, dropout_p=0.5))
    x, labels = examples(model)
    x = model.elements(x)
    assert torch.equal(model(x, labels), model(x, labels))
    model.train()
    assert not torch.equal(model(x, labels), model(x, labels))
    model = build((1, 6, 6), replace(SMALL, dropout_p=0.0)).train()
    assert torch.equal(model(x, labels), model(x, labels))


def test_without_shortcuts_all_goes_through_the_lowest_resolution():
    for shortcuts in (True, False):
        model = build((1, 8, 8), replace(SMALL, shortcuts=shortcuts))
        x, labels = examples(model)
        x = model.elements(x)
        expected = model(x, labels)
        first_up = next(i for i, place in enumerate(model.places) if place.kind == "up")
        for layer in (model.layers[first_up].vertical, model.layers[first_up].horizontal):
            layer.weight.zero_()
        # What is left of the picture is what the short-cuts bring: other pixels, the same parameters or not.
        moved = (model(x, labels) - model((x + 5) % LEVELS, labels)).abs().max().item()
        assert (moved > 1e-5) == shortcuts
        assert not torch.equal(model(x, labels), expected)


def test_steps_depend_on_their_batch_in_the_last_bits_at_most():
    model = build((3, 6, 5), SMALL)
    x, labels = examples(model, 3)
    together, alone = stepped(model, x, labels), stepped(model, x[1:2], {"class": labels["class"][1:2]})
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-5)


def test_samples_are_those_of_their_seeds():
    model = build((3, 6, 5), SMALL)
    model.backend = "torch"
    first, again, other = (model.sample(2, {}, rng=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.shape == (2, 3, 6, 5)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize("case", ["grey, odd", "colours, odd", "colours, levels apart"])
def test_what_is_known_stays(case):
    model = build(*CASES[case])
    x, labels = examples(model)
    rng = {"rng": torch.Generator().manual_seed(1)}
    order = model.in_order(model.elements(x))
    made = model.complete(order[:, :7], labels, **rng)
    assert torch.equal(model.in_order(model.elements(made))[:, :7], order[:, :7])
    region = torch.zeros(model.spec.shape[1:], dtype=torch.bool)
    region[1, 1:3] = True
    filled = model.fill(x, region, labels, rng=torch.Generator().manual_seed(1))
    assert torch.equal(filled[..., region], x[..., region])
    assert not torch.equal(filled, x)


def test_a_temperature_of_zero_takes_the_likeliest_and_needs_no_chance():
    model = build((3, 4, 4), SMALL)
    cold = [model.sample(1, {}, rng=torch.Generator().manual_seed(s), sampling=Sampling(temperature=0)) for s in (1, 2)]
    assert torch.equal(*cold)


def test_a_checkpoint_brings_it_back(tmp_path):
    representation = Pixels(height=5, width=6, levels=LEVELS)
    model = PixelCNNpp(representation.spec((FIELD,)), replace(SMALL, weight_norm=True)).eval()
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, model, representation, {})
    loaded = checkpoint.load(path).model
    x, labels = examples(model)
    assert torch.equal(loaded(model.elements(x), labels), model(model.elements(x), labels))


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((1, 9), {}, "axes of a PixelCNNpp's data=1 must equal number of axes=2"),
        ((1, 4, 4), {"labels": ("clas",)}, "label of the model='clas' is not known; did you mean 'class'"),
        ((1, 4, 4), {"num_resnet": 0}, "num_resnet=0 must be between 1 and 64"),
        ((1, 4, 4), {"num_hierarchies": 9}, "num_hierarchies=9 must be between 1 and 8"),
        ((1, 4, 4), {"num_filters": 0}, "num_filters=0 must be between 1 and 8192"),
        ((1, 4, 4), {"dropout_p": 1.0}, "dropout_p=1.0 must be between 0 and 0.99"),
        ((1, 4, 4), {"temperature": 0.0}, "temperature=0.0 must be between 0.001 and 100"),
        ((1, 4, 4), {"num_logistic_mix": 0}, "num_logistic_mix=0 must be between 1 and 256"),
    ],
)
def test_impossible_networks_are_named(shape, options, message):
    with pytest.raises(UserError, match=message) as caught:
        build(shape, replace(SMALL, **options))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("seed", "channels"), [(0, 1), (1, 3), *(pytest.param(s, c, marks=SLOW) for s, c in MORE)])
def test_it_learns_a_pattern_to_near_its_entropy(seed, channels):
    """Two-pixel-wide stripes in one of two phases and levels: one bit a picture, and all else follows."""
    torch.manual_seed(seed)
    stripes = (torch.arange(8) // 2 % 2)[None, None, None].expand(1, channels, 6, 8)

    def pictures(n: int) -> Tensor:
        phase = torch.randint(2, (n, 1, 1, 1))
        return torch.where(phase == 0, stripes, 1 - stripes) * 9 + 3

    config = replace(SMALL, num_filters=12, num_hierarchies=2, labels=(), dropout_p=0.0)
    model = PixelCNNpp(DataSpec(shape=(channels, 6, 8), levels=LEVELS), config)
    phase, options = model.phases()[0], {"method": "muon", "betas": (0.9, 0.99), "weight_decay": 0.0, "grad_clip": 1.0}
    optimizer = PhaseOptimizer(phase, group=join("cpu", "float32"), **options)
    for step in range(120):
        lr = 0.02 * min((step + 1) / 5, 1 - step / 120)
        optimizer.step([Batch(pictures(8))], step=step + 1, lr=lr)
    model.eval().requires_grad_(False)
    bits = model.surprise(Batch(pictures(32))).flatten(1).sum(1).mean().item()
    assert bits < 8  # 200 for grey pictures whose levels are all alike likely
    made = model.sample(8, {}, rng=torch.Generator().manual_seed(seed), sampling=Sampling(temperature=0.5))
    either = torch.stack([(made == stripes * 9 + 3), (made == 12 - stripes * 9)]).flatten(2).all(2).any(0)
    assert either.float().mean() >= 0.25
