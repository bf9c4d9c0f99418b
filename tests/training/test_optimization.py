from __future__ import annotations

import copy

import torch
from torch import nn

from synthgen.nn.condition import FieldEncoder
from synthgen.records import Batch, Field, Loss, Phase
from synthgen.training.optimization import PhaseOptimizer
from synthgen.training.parallel import Group


def optimizer(module: nn.Module, loss, **options) -> PhaseOptimizer:
    options = {"betas": (0.9, 0.99), "weight_decay": 0.5, "grad_clip": 1.0, **options}
    return PhaseOptimizer(Phase("model", module, loss), group=Group(device=torch.device("cpu")), **options)


def test_weight_decay_spares_biases_scales_and_embeddings():
    kind = Field(name="kind", kind="category", size=4)
    module = nn.ModuleDict(
        {"dense": nn.Linear(3, 2), "norm": nn.LayerNorm(2), "table": nn.Embedding(4, 3), "label": FieldEncoder(kind, 3)}
    )
    groups = optimizer(module, None).optimizers["adamw"].param_groups
    decayed = {id(p) for group in groups if group["weight_decay"] for p in group["params"]}
    assert [name for name, p in module.named_parameters() if id(p) in decayed] == ["dense.weight"]
    assert sum(len(group["params"]) for group in groups) == len(list(module.parameters()))


def test_frozen_parameters_stay_as_they_are():
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    module[0].requires_grad_(False)
    before = module[0].weight.clone()
    step(optimizer(module, lambda batch: Loss(module(batch.x).pow(2).mean())))
    assert torch.equal(module[0].weight, before)


def test_the_norm_is_that_before_clipping_and_the_gradient_is_clipped():
    module = nn.Linear(2, 1)
    phase = optimizer(module, lambda batch: Loss(1e4 * module(batch.x).sum()), grad_clip=0.5)
    values = step(phase)
    assert values["grad_norm"] > 1e3
    norm = torch.cat([p.grad.flatten() for p in module.parameters()]).norm().item()
    assert abs(norm - 0.5) < 1e-4


def test_one_step_without_decay_moves_each_weight_by_the_learning_rate():
    module = nn.Linear(2, 1)
    before = [p.detach().clone() for p in module.parameters()]
    step(optimizer(module, lambda batch: Loss(module(batch.x).sum()), weight_decay=0.0), lr=0.1)
    moved = torch.cat([(p - b).abs().flatten() for p, b in zip(module.parameters(), before, strict=True)])
    torch.testing.assert_close(moved, torch.full_like(moved, 0.1), rtol=1e-3, atol=0)


def test_muon_takes_an_orthogonal_step_of_each_kernel_as_large_as_adamws():
    torch.manual_seed(0)
    module = nn.Conv1d(6, 8, 3)
    kernel, bias = (p.detach().clone() for p in module.parameters())
    x = torch.randn(16, 6, 9)
    step(optimizer(module, lambda _: Loss(module(x).square().mean()), method="muon", weight_decay=0.0), lr=0.1)
    moved = (module.weight.detach() - kernel).flatten(1)
    scale = torch.linalg.svdvals(moved) / (0.1 * 0.2 * 18**0.5)  # Liu et al., equation 4
    assert scale.min() > 0.5 and scale.max() < 1.3
    torch.testing.assert_close((module.bias.detach() - bias).abs(), torch.full((8,), 0.1), rtol=1e-3, atol=0)


def test_muon_leaves_embeddings_to_adamw():
    kind = Field(name="kind", kind="category", size=4)
    module = nn.ModuleDict({"dense": nn.Linear(3, 2), "label": FieldEncoder(kind, 3)})
    optimizers = optimizer(module, None, method="muon").optimizers
    counts = {name: sum(p.numel() for g in o.param_groups for p in g["params"]) for name, o in optimizers.items()}
    assert counts == {"muon": 6, "adamw": 2 + 4 * 3 + 3}


def test_a_part_that_is_only_logged_may_be_infinite():
    module = nn.Linear(2, 1)
    values = step(optimizer(module, lambda batch: Loss(module(batch.x).sum(), {"ratio": torch.tensor(torch.inf)})))
    assert values["ratio"] == float("inf")


def step(phase: PhaseOptimizer, lr: float = 1e-2) -> dict[str, float]:
    return phase.step([Batch(torch.ones(4, 2))], step=1, lr=lr)


def test_muon_steps_alike_however_a_kernel_lies_in_memory():
    torch.manual_seed(0)
    one, x = nn.Conv2d(4, 6, 3), torch.randn(2, 4, 5, 5)
    other = copy.deepcopy(one).to(memory_format=torch.channels_last)
    for module in (one, other):
        loss = lambda _, module=module: Loss(module(x).square().mean())  # noqa: E731
        step(optimizer(module, loss, method="muon", weight_decay=0.0), lr=0.1)
    torch.testing.assert_close(one.weight, other.weight, rtol=1e-2, atol=1e-3)
    assert other.weight.is_contiguous(memory_format=torch.channels_last)
