from __future__ import annotations

import pytest
import torch

from synthgen.nn.recurrent import GatedRecurrent


@pytest.mark.parametrize(("channels", "hidden"), [(3, 5), (8, 8), (1, 17)])
def test_steps_give_what_the_whole_pass_gives(channels, hidden):
    layer = GatedRecurrent(channels, hidden)
    x, state = torch.randn(3, 40, channels), torch.rand(3, hidden) - 0.5
    whole = layer(x, state)
    for i in range(x.shape[1]):
        state = layer.step(x[:, i], state)
        torch.testing.assert_close(state, whole[:, i], atol=1e-5, rtol=1e-5)


def test_a_pass_goes_on_where_another_ended():
    layer = GatedRecurrent(4, 6)
    x, state = torch.randn(2, 20, 4), torch.zeros(2, 6)
    first = layer(x[:, :9], state)
    torch.testing.assert_close(layer(x[:, 9:], first[:, -1]), layer(x, state)[:, 9:], atol=1e-6, rtol=1e-5)


def test_states_are_float32_whatever_autocast_asks_for():
    layer = GatedRecurrent(4, 6)
    x, state = torch.randn(2, 20, 4), torch.zeros(2, 6)
    with torch.autocast("cpu", torch.bfloat16):
        made = layer(x, state)
    assert made.dtype == torch.float32
    torch.testing.assert_close(made, layer(x, state))
