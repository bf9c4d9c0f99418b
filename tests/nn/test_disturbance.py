from __future__ import annotations

import pytest
import torch

from synthgen.checks import UserError
from synthgen.nn.disturbance import Disturbance

SHAPES = [(6, 2, 16), (6, 3, 8, 12)]


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_asked_is_nothing_done(shape):
    x = torch.randn(shape)
    assert torch.equal(Disturbance()(x), x)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_translation_moves_what_is_there_and_lets_zeros_in(shape):
    x = torch.rand(shape) + 1
    y = Disturbance(translation=0.25)(x)
    assert y.shape == x.shape
    kept = [set(e.flatten().tolist()) & set(o.flatten().tolist()) for e, o in zip(y, x, strict=True)]
    share = 0.7 ** (len(shape) - 2)
    assert all(len(k) >= share * x[0].numel() for k in kept)
    assert all(set(e.flatten().tolist()) <= set(o.flatten().tolist()) | {0.0} for e, o in zip(y, x, strict=True))
    assert len({tuple((e == 0).flatten().tolist()) for e in y}) > 1, "every example is moved on its own"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_cut_is_one_block_in_all_channels(shape):
    y = Disturbance(cutout=0.5)(torch.ones(shape))
    gone = y == 0
    assert (gone == gone[:, :1]).all()
    assert (gone.float().mean(tuple(range(1, len(shape)))) <= 0.5 ** (len(shape) - 2) + 0.1).all() and gone.any()


def test_a_level_shifts_and_scales_each_example_as_a_whole():
    x = torch.randn(5, 1, 32)
    y = Disturbance(level=0.5)(x)
    for before, after in zip(x, y, strict=True):
        apart = (after - after.mean()) / (before - before.mean())
        assert apart.std() < 1e-3 and 0.74 < apart.mean() < 1.26
        assert (after.mean() - before.mean()).abs() < 0.26


def test_gradients_pass_through():
    x = torch.randn(4, 3, 8, 8, requires_grad=True)
    Disturbance(translation=0.2, cutout=0.3, level=0.2)(x).square().sum().backward()
    assert (x.grad != 0).float().mean() > 0.4


def test_shares_beyond_one_are_refused():
    with pytest.raises(UserError, match="translation=2 must be between 0 and 1"):
        Disturbance(translation=2)
