from __future__ import annotations

import pytest
import torch
from torch import nn

from synthgen.training.ema import EMA


def test_average_follows_its_formula():
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 0.0)
    ema, expected = EMA(model, 0.75), 0.0
    for step in range(1, 60):
        nn.init.constant_(model.weight, float(step))
        ema.update(model, step=step)
        decay = min(0.75, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert ema.model.weight.item() == pytest.approx(expected, rel=1e-5)
    # A ramp is followed with the lag decay / (1 - decay).
    assert ema.model.weight.item() == pytest.approx(59 - 3, abs=1e-2)


def test_decay_zero_takes_the_newest_weights():
    model = nn.Linear(3, 2)
    ema = EMA(model, 0.0)
    nn.init.normal_(model.weight)
    ema.update(model, step=1)
    assert torch.equal(ema.model.weight, model.weight)


def test_buffers_are_copied_and_the_copy_is_frozen_and_in_eval_mode():
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5))
    ema = EMA(model, 0.999)
    model(torch.randn(8, 2))
    ema.update(model, step=1)
    assert torch.equal(ema.model[0].running_mean, model[0].running_mean)
    assert ema.model[0].num_batches_tracked == 1
    assert not ema.model.training and not any(p.requires_grad for p in ema.model.parameters())
    assert model.training and all(p.requires_grad for p in model.parameters())


def test_of_a_part_only_that_is_averaged_and_the_rest_is_copied():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    start = model[0].weight.detach().clone()
    ema = EMA(model, 0.9, part=model[0])
    for layer in model:
        nn.init.normal_(layer.weight)
    ema.update(model, step=1000)
    assert torch.equal(ema.model[1].weight, model[1].weight)
    torch.testing.assert_close(ema.model[0].weight, 0.9 * start + 0.1 * model[0].weight)
