"""The kernel of PixelCNN++ equals its torch step, and makes each picture alike whatever else it makes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from synthgen.heads import Sampling
from synthgen.models import autoregressive
from synthgen.models.pixelcnnpp import PixelCNNpp
from synthgen.records import DataSpec, Field

FIELD = Field(name="class", kind="category", size=3)
LEVELS = 16
SMALL = PixelCNNpp.Config(num_resnet=1, num_filters=6, num_logistic_mix=3, dim=4, labels=("class",))
CASES = {
    "grey": ((1, 7, 8), SMALL),
    "grey, deep": ((1, 5, 9), replace(SMALL, num_hierarchies=4, num_filters=5, weight_norm=True)),
    "grey, levels apart": ((1, 6, 7), replace(SMALL, head="categorical", shortcuts=False)),
    "colours": ((3, 5, 6), SMALL),
    "colours, bare": (
        (3, 3, 5),
        replace(SMALL, num_hierarchies=1, num_resnet=2, labels=(), shortcuts=False, positions=False),
    ),
    "two channels": ((2, 4, 4), replace(SMALL, num_hierarchies=2)),
}


@pytest.fixture(autouse=True)
def _short_chunks(monkeypatch):
    monkeypatch.setattr(autoregressive, "CHUNK", 32)


@pytest.fixture(params=CASES.values(), ids=CASES)
def model(request) -> PixelCNNpp:
    shape, config = request.param
    model = PixelCNNpp(DataSpec(shape=shape, levels=LEVELS, fields=(FIELD,)), config).eval().requires_grad_(False)
    model.out.shrink(10)
    for layer in model.layers:
        for parameter in layer.parameters():
            parameter.mul_(1.5)
    return model


def labels(n: int) -> dict[str, torch.Tensor]:
    return {"class": torch.arange(n) % 3}


def sample(model: PixelCNNpp, backend: str, n: int = 3, **options) -> torch.Tensor:
    model.backend = backend
    return model.sample(n, labels(n), rng=torch.Generator().manual_seed(1), **options)


def test_parameters_are_those_of_the_whole_pass(model):
    x = torch.randint(LEVELS, (2, *model.spec.shape))
    elements = model.elements(x)
    expected = model(elements, labels(2))
    expected = (expected if elements.ndim == 3 else expected.movedim(2, -1)).flatten(2).double()
    order, scanner = model.in_order(elements), model.compiled(labels(2), 2)
    for t in range(order.shape[1]):
        scanner(torch.zeros(2, model.head.draws, 1), order[:, t : t + 1], Sampling())
        found = torch.cat([torch.from_numpy(state.parameters) for state in scanner.states])
        torch.testing.assert_close(found.double(), expected[:, :, t], atol=1e-5, rtol=2e-5)


@pytest.mark.parametrize(
    "sampling", [Sampling(), Sampling(temperature=0), Sampling(temperature=0.7, top_k=2)], ids=["plain", "mode", "cut"]
)
def test_samples_are_those_of_the_torch_step(model, sampling):
    made, expected = sample(model, "numba", sampling=sampling), sample(model, "torch", sampling=sampling)
    assert (made == expected).all()
    assert made.unique().numel() > 1


def test_a_picture_depends_neither_on_its_batch_nor_on_threads(model):
    before = torch.get_num_threads()
    streams = [[torch.Generator().manual_seed(seed) for seed in seeds] for seeds in (range(5), range(5), [3])]
    model.backend = "numba"
    assert model.keeps_examples_apart()
    try:
        together = model.sample(5, labels(5), rng=streams[0])
        torch.set_num_threads(3)
        threaded = model.sample(5, labels(5), rng=streams[1])
    finally:
        torch.set_num_threads(before)
    alone = model.sample(1, {"class": torch.tensor([0])}, rng=streams[2])
    assert torch.equal(together, threaded)
    assert torch.equal(together[3:4], alone)


def test_what_is_known_is_kept_and_gone_on_from(model):
    whole = sample(model, "numba", n=2)
    order = model.in_order(model.elements(whole))
    made = model.complete(order[:, :11], labels(2), rng=torch.Generator().manual_seed(1))
    assert torch.equal(made, whole)
    region = torch.zeros(model.spec.shape[1:], dtype=torch.bool)
    region[1, 1:3] = True
    other = (whole + 1) % LEVELS
    filled = model.fill(other, region, labels(2), rng=torch.Generator().manual_seed(1))
    assert torch.equal(filled[..., region], other[..., region])
    assert torch.equal(filled[:, :, 0], whole[:, :, 0])


@pytest.mark.parametrize(("channels", "head"), [(1, "bernoulli"), (3, "categorical")])
def test_heads_that_the_kernel_lacks_take_the_step(channels, head):
    spec = DataSpec(shape=(channels, 4, 4), levels=2, fields=(FIELD,))
    model = PixelCNNpp(spec, replace(SMALL, head=head)).eval()
    if model.compiled(labels(1), 1) is None:
        assert not model.keeps_examples_apart()
    assert sample(model, "auto").shape == (3, channels, 4, 4)
