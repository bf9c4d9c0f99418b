from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from synthgen.checks import UserError
from synthgen.nn.causal import CausalConv1d
from synthgen.nn.gated import GatedLayer, Pointwise


@settings(max_examples=30, deadline=None)
@given(
    kernel=st.integers(1, 4),
    dilation=st.integers(1, 9),
    n=st.integers(1, 3),
    length=st.integers(1, 30),
    channels=st.integers(1, 5),
)
def test_steps_equal_the_whole_pass(kernel, dilation, n, length, channels):
    layer = CausalConv1d(channels, 4, kernel=kernel, dilation=dilation)
    x = torch.randn(n, channels, length)
    cache = layer.init_cache(n)
    steps = torch.stack([layer.step(x[..., t], cache) for t in range(length)], dim=-1)
    torch.testing.assert_close(steps, layer(x), atol=1e-5, rtol=1e-5)
    assert cache.position == length


def test_it_is_a_convolution_of_what_came_before():
    layer, plain = CausalConv1d(3, 4, kernel=3, dilation=2), nn.Conv1d(3, 4, 3, dilation=2)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(2, 3, 12)
    torch.testing.assert_close(layer(x), plain(F.pad(x, (4, 0))))


@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (2, 1), (2, 4), (3, 3)])
def test_the_past_within_the_span_matters_and_nothing_else_does(kernel, dilation):
    layer, x = CausalConv1d(1, 1, kernel=kernel, dilation=dilation), torch.randn(1, 1, 20)
    changed = x.clone()
    changed[..., 10] += 1
    places = (layer(x) != layer(changed))[0, 0].nonzero().flatten().tolist()
    assert places == [10 + j * dilation for j in range(kernel)]
    assert layer.span == places[-1] - 10


def test_caches_do_not_share_anything():
    layer = CausalConv1d(2, 2, kernel=2, dilation=3)
    x = torch.randn(5, 1, 2)
    one, other = layer.init_cache(1), layer.init_cache(1)
    alone = [layer.step(v, layer_cache) for layer_cache in [layer.init_cache(1)] for v in x]
    for v, expected in zip(x, alone, strict=True):
        assert torch.equal(layer.step(v, one), expected)
        layer.step(-v, other)


@pytest.mark.parametrize("last", [False, True])
def test_a_gated_layer_steps_as_it_passes(last):
    layer = GatedLayer(3, 5, kernel=2, dilation=2, last=last)
    x, condition = torch.randn(2, 3, 9), torch.randn(2, 6, 9)
    residual, skip = layer(x, condition)
    cache = layer.conv.init_cache(2)
    steps = [layer.step(x[..., t], condition[..., t], cache) for t in range(9)]
    torch.testing.assert_close(torch.stack([s[0] for s in steps], dim=-1), residual)
    torch.testing.assert_close(torch.stack([s[1] for s in steps], dim=-1), skip)
    assert torch.equal(residual, x) == last
    assert skip.shape == (2, 5, 9)


def test_pointwise_layers_are_the_same_on_one_sample_and_on_many():
    layer, x = Pointwise(3, 4), torch.randn(2, 3, 5)
    torch.testing.assert_close(layer(x)[..., 2], layer(x[..., 2]))


@pytest.mark.parametrize("settings", [{"kernel": 0}, {"dilation": 0}, {"dilation": 2**30}])
def test_impossible_settings_are_named(settings):
    (name,) = settings
    with pytest.raises(UserError, match=f"{name}="):
        CausalConv1d(1, 1, **settings)
