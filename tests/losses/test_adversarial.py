from __future__ import annotations

import pytest
import torch
from torch import nn

from synthgen.losses.adversarial import critic_loss, generator_loss, gradient_penalty, r1_penalty

GAMES = ["nonsaturating", "wasserstein", "hinge"]


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("shape", [(4,), (4, 5)])
def test_a_critic_is_pulled_up_at_real_and_down_at_generated_examples(game, shape):
    real, fake = torch.zeros(shape, requires_grad=True), torch.zeros(shape, requires_grad=True)
    critic_loss(game, real, fake).backward()
    assert (real.grad < 0).all() and (fake.grad > 0).all()
    fake = torch.zeros(shape, requires_grad=True)
    generator_loss(game, fake).backward()
    assert (fake.grad < 0).all()


def test_hinge_is_content_beyond_the_margin():
    assert critic_loss("hinge", torch.tensor([1.0, 3.0]), torch.tensor([-1.0, -2.0])).item() == 0
    assert critic_loss("hinge", torch.tensor([0.5]), torch.tensor([-0.25])).item() == pytest.approx(1.25)


def test_an_undecided_logistic_critic_has_the_entropy_of_a_coin_twice():
    zeros = torch.zeros(3)
    assert critic_loss("nonsaturating", zeros, zeros).item() == pytest.approx(2 * torch.log(torch.tensor(2.0)).item())


def test_a_linear_critic_has_the_penalties_of_its_slope():
    weight = torch.tensor([3.0, 4.0])
    real, fake = torch.randn(6, 2), torch.randn(6, 2)
    assert r1_penalty(lambda x: x @ weight, real).item() == pytest.approx(25 / 2)
    assert gradient_penalty(lambda x: x @ weight, real, fake).item() == pytest.approx(16, rel=1e-4)
    assert gradient_penalty(lambda x: x @ weight / 5, real, fake).item() == pytest.approx(0, abs=1e-6)


def test_scores_of_places_count_by_their_mean():
    x = torch.randn(3, 1, 4)
    once = r1_penalty(lambda x: x.square().sum((1, 2)), x)
    twice = r1_penalty(lambda x: x.square().sum((1, 2))[:, None].expand(-1, 2), x)
    assert once.item() == pytest.approx(twice.item())


@pytest.mark.parametrize("penalty", [r1_penalty, lambda score, x: gradient_penalty(score, x, x + 1)])
def test_a_step_against_the_penalty_lowers_it(penalty):
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 8), nn.SiLU(), nn.Linear(8, 1))
    nn.init.normal_(critic[0].weight, std=2.0)
    nn.init.normal_(critic[2].weight, std=2.0)
    x = torch.randn(16, 2)
    torch.manual_seed(1)
    before = penalty(critic, x)
    before.backward()
    with torch.no_grad():
        for p in critic.parameters():
            if p.grad is not None:
                p -= 1e-3 * p.grad
    torch.manual_seed(1)
    assert penalty(critic, x) < before
