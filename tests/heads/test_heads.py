from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from synthgen.checks import UserError
from synthgen.heads import Bernoulli, Categorical, LogisticMixture, Sampling, make_head

HEADS = {
    "categorical": Categorical(levels=7),
    "bernoulli": Bernoulli(),
    "1 bit": LogisticMixture(bits=1, components=2),
    "5 bits": LogisticMixture(bits=5, components=3),
    "8 bits": LogisticMixture(bits=8),
    "16 bits": LogisticMixture(bits=16),
}
EVERY_HEAD = pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)


def draw(head, parameters, count: int, **options) -> torch.Tensor:
    """Samples (count,) of one distribution, parameters (channels,)."""
    uniforms = torch.rand(count, head.draws)
    return head.sample(parameters.expand(count, -1), uniforms, Sampling(**options))


def probabilities(head, parameters) -> torch.Tensor:
    """Of all levels, (levels,), in double precision."""
    everywhere = parameters.double()[None, :, None].expand(-1, -1, head.levels)
    return head.log_prob(everywhere, torch.arange(head.levels)[None])[0].exp()


@EVERY_HEAD
@pytest.mark.parametrize("spread", [0.3, 30.0])
def test_probabilities_sum_to_one(head, spread):
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 2e-4)):
        parameters = spread * torch.randn(2, head.channels, 1, dtype=dtype)
        levels = torch.arange(head.levels).expand(2, -1)
        total = head.log_prob(parameters.expand(-1, -1, head.levels), levels).exp().sum(1)
        torch.testing.assert_close(total, torch.ones(2, dtype=dtype), atol=tolerance, rtol=0)


@EVERY_HEAD
def test_a_network_begins_with_something_to_learn_from(head):
    """No level is out of reach at first, and gradients are numbers even far away from the data."""
    start = head.initial()
    assert start.shape == (head.channels,)
    assert probabilities(head, start).log2().min() > -40
    parameters = (50 * torch.randn(6, head.channels, 2)).requires_grad_()
    x = torch.randint(head.levels, (6, 2))
    head.log_prob(parameters, x).sum().backward()
    assert parameters.grad.isfinite().all()


@EVERY_HEAD
def test_the_mean_is_that_of_the_probabilities(head):
    """That of a mixture of logistics is of the mixture before its tails are folded in."""
    parameters = head.initial() + 0.3 * torch.randn(head.channels)
    expected = (probabilities(head, parameters) * torch.arange(head.levels)).sum().item()
    tolerance = 0.02 * head.levels if isinstance(head, LogisticMixture) else 1e-4 * head.levels
    assert head.mean(parameters[None]).shape == (1,)
    assert head.mean(parameters[None, :, None, None]).item() == pytest.approx(expected, abs=tolerance)


@EVERY_HEAD
def test_samples_have_the_stated_probabilities(head):
    parameters = head.initial() + torch.randn(head.channels)
    count, groups = 20_000, min(head.levels, 32)
    found = torch.bincount(draw(head, parameters, count), minlength=head.levels).view(groups, -1).sum(1)
    expected = probabilities(head, parameters).view(groups, -1).sum(1) * count
    rare = expected < 20
    found, expected = (torch.cat([x[~rare], x[rare].sum()[None]]) for x in (found, expected))
    statistic = ((found - expected) ** 2 / expected.clamp(min=1)).sum().item()
    assert stats.chi2.sf(statistic, len(found) - 1) > 1e-4


@EVERY_HEAD
@pytest.mark.parametrize("shape", [(), (5,), (2, 3)])
def test_elements_may_lie_on_any_axes(head, shape):
    parameters, uniforms = torch.randn(4, head.channels, *shape), torch.rand(4, head.draws, *shape)
    x = head.sample(parameters, uniforms, Sampling(temperature=0.8, top_p=0.9))
    assert x.shape == (4, *shape)
    assert x.dtype == torch.int64
    assert 0 <= x.min() <= x.max() < head.levels
    each = head.log_prob(parameters.flatten(2), x.flatten(1)) if shape else head.log_prob(parameters, x)
    torch.testing.assert_close(head.log_prob(parameters, x), each.view(4, *shape))
    again = head.sample(parameters[1:2], uniforms[1:2], Sampling(temperature=0.8, top_p=0.9))
    assert torch.equal(again, x[1:2])


@EVERY_HEAD
def test_no_uniform_leads_out_of_the_levels(head):
    edges = torch.tensor([0.0, 1 - 2**-24])
    for parameters in (torch.zeros(head.channels), 100 * torch.randn(head.channels)):
        for sampling in (Sampling(), Sampling(top_k=2), Sampling(temperature=0.01, top_p=0.5)):
            x = head.sample(parameters.expand(2, -1), edges[:, None].expand(-1, head.draws), sampling)
            assert 0 <= x.min() <= x.max() < head.levels


@EVERY_HEAD
def test_bits_are_those_of_the_probability(head):
    parameters = torch.randn(2, head.channels, 3)
    x = torch.randint(head.levels, (2, 3))
    torch.testing.assert_close(2 ** -head.surprise(parameters, x), head.log_prob(parameters, x).exp())


def test_levels_come_in_the_order_of_the_uniforms():
    parameters = torch.tensor([[0.1, 0.2, 0.3, 0.4]]).log().expand(4, -1)
    x = Categorical(levels=4).sample(parameters, torch.tensor([[0.05], [0.25], [0.55], [0.95]]), Sampling())
    assert x.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"temperature": 0}, [0, 0, 0, 1]),
        ({"top_k": 1}, [0, 0, 0, 1]),
        ({"top_k": 2}, [0, 0, 3 / 7, 4 / 7]),
        ({"top_p": 0.4}, [0, 0, 0, 1]),
        ({"top_p": 0.41}, [0, 0, 3 / 7, 4 / 7]),
        ({"temperature": 0.5}, [1 / 30, 4 / 30, 9 / 30, 16 / 30]),
        ({"temperature": 0.5, "top_k": 2}, [0, 0, 9 / 25, 16 / 25]),
    ],
)
def test_temperature_and_cuts_of_a_categorical(options, expected):
    logits = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()
    uniforms = (torch.arange(10_000) + 0.5)[:, None] / 10_000
    x = Categorical(levels=4).sample(logits.expand(10_000, -1), uniforms, Sampling(**options))
    torch.testing.assert_close(
        torch.bincount(x, minlength=4) / 10_000, torch.tensor(expected, dtype=torch.float32), atol=2e-4, rtol=0
    )


def test_cold_mixtures_take_the_heaviest_components_mean():
    head = LogisticMixture(bits=8, components=2)
    parameters = torch.tensor([1.0, 0.0, 0.5, -0.5, -3.0, -3.0])
    level = round((0.5 + 1) * 255 / 2)
    assert set(draw(head, parameters, 50, temperature=0).tolist()) == {level}
    colder = draw(head, parameters, 2000, temperature=0.3).float().std()
    assert 2 * colder < draw(head, parameters, 2000).float().std()
    assert (draw(head, parameters, 2000, top_k=1) > 127).float().mean() > 0.99


def test_a_mixture_equals_the_papers_formula():
    head = LogisticMixture(bits=8, components=2)
    parameters = torch.tensor([0.3, -0.2, 0.1, -0.4, -2.0, -3.0], dtype=torch.float64)
    weights = torch.tensor([0.3, -0.2], dtype=torch.float64).softmax(0)
    values = torch.linspace(-1, 1, 256, dtype=torch.float64)
    expected = torch.zeros(256, dtype=torch.float64)
    for weight, mean, scale in zip(weights, (0.1, -0.4), (math.exp(-2), math.exp(-3)), strict=True):
        above = torch.sigmoid((values + 1 / 255 - mean) / scale)
        below = torch.sigmoid((values - 1 / 255 - mean) / scale)
        above[-1], below[0] = 1, 0
        expected += weight * (above - below)
    torch.testing.assert_close(probabilities(head, parameters), expected)


@EVERY_HEAD
def test_relative_parameters_move_with_the_value(head):
    parameters = head.initial()[None, :, None].repeat(2, 1, 3)
    value = torch.tensor([[-0.5, 0.0, 0.5], [0.25, 0.0, -0.25]])
    moved = head.relative(parameters, value)
    assert torch.equal(moved[..., 1], parameters[..., 1])
    if isinstance(head, LogisticMixture):
        x = head.sample(moved, torch.rand(2, head.draws, 3), Sampling(temperature=0))
        assert (head.scale(x) - value).abs().max() <= head.width
    else:
        assert torch.equal(moved, parameters)


def test_levels_are_spread_from_minus_one_to_one():
    for head in HEADS.values():
        ends = head.scale(torch.tensor([0, head.levels - 1]))
        torch.testing.assert_close(ends, torch.tensor([-1.0, 1.0]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": math.nan}, "temperature=nan must be between 0 and 100"),
        ({"temperature": -1.0}, "temperature=-1.0 must be between 0 and 100"),
        ({"top_k": 0}, "top_k=0 must be between 1"),
        ({"top_p": 0.0}, "top_p=0.0 must be between"),
        ({"top_p": math.nan}, "top_p=nan must be between"),
    ],
)
def test_impossible_samplings_are_named(options, message):
    with pytest.raises(UserError, match=message):
        Sampling(**options)


@pytest.mark.parametrize(
    ("name", "levels", "expected"),
    [
        ("categorical", 256, Categorical(levels=256)),
        ("bernoulli", 2, Bernoulli()),
        ("logistic_mixture", 65_536, LogisticMixture(bits=16, components=5)),
    ],
)
def test_heads_are_made_by_name(name, levels, expected):
    assert make_head(name, levels=levels, components=5) == expected


@pytest.mark.parametrize(
    ("name", "levels", "message"),
    [
        ("categorical", None, "needs data with levels; use a representation such as MuLaw"),
        ("categorical", 65_536, "at most 4096 levels, not 65536; use 'logistic_mixture'"),
        ("bernoulli", 256, "needs 2 levels, the data have 256"),
        ("logistic_mixture", 255, "a power of two, the data have 255"),
    ],
)
def test_heads_that_do_not_fit_the_data_are_named(name, levels, message):
    with pytest.raises(UserError, match=message):
        make_head(name, levels=levels)
