from __future__ import annotations

import torch

from synthgen.training.seeding import seed_everything


def draw(*key: int | str) -> torch.Tensor:
    seed_everything(*key)
    return torch.rand(4)


def test_a_step_draws_the_same_whatever_came_before():
    first = draw(0, "step", 7, 0)
    draw(0, "step", 8, 0)
    torch.rand(100)
    assert torch.equal(draw(0, "step", 7, 0), first)


def test_seeds_steps_and_ranks_draw_differently():
    draws = {tuple(draw(seed, "step", step, rank).tolist()) for seed in (0, 1) for step in (0, 1) for rank in (0, 1)}
    assert len(draws) == 8
