from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor, nn

from synthgen.checks import UserError
from synthgen.heads import Categorical, Sampling
from synthgen.models.autoregressive import CHUNK, Autoregressive, StepScanner
from synthgen.records import Batch, DataSpec, Labels

LEVELS = 5


class Chain(Autoregressive):
    """A Markov chain: logits of the next level by the one before it, the last row before the first."""

    def __init__(self, *shape: int) -> None:
        super().__init__(DataSpec(shape=(1, *shape), levels=LEVELS), None)
        self.head = Categorical(levels=LEVELS)
        self.table = nn.Parameter(2 * torch.randn(LEVELS + 1, LEVELS))

    def forward(self, x: Tensor, labels: Labels) -> Tensor:
        before = torch.cat([torch.full_like(x.flatten(1)[:, :1], LEVELS), x.flatten(1)[:, :-1]], dim=1)
        return self.table[before].transpose(1, 2).unflatten(2, x.shape[1:])

    def init_cache(self, labels: Labels, n: int) -> list[int]:
        return [n]

    def step(self, cache: list[int], previous: Tensor | None) -> Tensor:
        return self.table[torch.full(cache, LEVELS) if previous is None else previous]


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_samples_follow_the_models_probabilities():
    model = Chain(8000)
    x = model.sample(1, {}, rng=rng())[0, 0]
    pairs = torch.bincount(x[:-1] * LEVELS + x[1:], minlength=LEVELS**2).view(LEVELS, LEVELS).double()
    expected = model.table.detach()[:LEVELS].softmax(1).double() * pairs.sum(1, keepdim=True)
    assert ((pairs - expected) ** 2 / expected.clamp(min=1)).sum() < 60


def test_surprise_is_that_of_the_chain_and_its_mean_the_loss():
    model = Chain(30)
    x = model.sample(3, {}, rng=rng())
    assert x.shape == (3, 1, 30)
    bits = model.surprise(Batch(x))
    table = -model.table.detach().log_softmax(1) / torch.log(torch.tensor(2.0))
    torch.testing.assert_close(bits[:, 0], table[LEVELS, x[:, 0, 0]])
    torch.testing.assert_close(bits[:, 1:], table[x[:, 0, :-1], x[:, 0, 1:]])
    loss = model.loss(Batch(x))
    torch.testing.assert_close(loss.parts["bits"], bits.mean())
    torch.testing.assert_close(loss.total, bits.mean() * torch.log(torch.tensor(2.0)))


def test_pictures_are_made_in_raster_order():
    model = Chain(4, 6)
    x = model.sample(2, {}, rng=rng())
    assert x.shape == (2, 1, 4, 6)
    known = x.flatten(2)[:, 0, :9]
    torch.testing.assert_close(model.complete(known, {}, rng=rng()), x)
    torch.testing.assert_close(Chain(24).sample(1, {}, rng=rng()).shape, torch.Size([1, 1, 24]))


def test_the_same_seed_gives_the_same_and_another_another():
    model = Chain(50)
    assert torch.equal(model.sample(2, {}, rng=rng(1)), model.sample(2, {}, rng=rng(1)))
    assert not torch.equal(model.sample(2, {}, rng=rng(1)), model.sample(2, {}, rng=rng(2)))
    first, second = model.sample(2, {}, rng=rng(1))
    assert not torch.equal(first, second)


def test_an_example_does_not_depend_on_its_batch():
    model = Chain(50)
    together = model.sample(3, {}, rng=[rng(7), rng(8), rng(9)])
    assert torch.equal(model.sample(1, {}, rng=[rng(8)]), together[1:2])
    assert torch.equal(model.sample(1, {}, rng=rng(8)), together[1:2])


@pytest.mark.parametrize("samples", [1, CHUNK - 1, CHUNK, CHUNK + 1])
def test_a_shorter_example_is_the_beginning_of_a_longer_one(samples):
    model = Chain(CHUNK + 50)
    whole = model.sample(2, {}, rng=rng())
    assert torch.equal(model.sample(2, {}, rng=rng(), samples=samples), whole[..., :samples])


@pytest.mark.parametrize("known", [1, 700, CHUNK, CHUNK + 1])
def test_completion_keeps_the_beginning_and_goes_on_as_sampling_would(known):
    model = Chain(CHUNK + 50)
    whole = model.sample(2, {}, rng=rng())
    assert torch.equal(model.complete(whole[:, 0, :known], {}, rng=rng()), whole)
    other = (whole[:, 0, :known] + 1) % LEVELS
    completed = model.complete(other, {}, rng=rng(5))
    assert torch.equal(completed[:, 0, :known], other)
    assert not torch.equal(completed[..., known:], whole[..., known:])


def test_sampling_options_reach_the_head():
    model = Chain(40)
    x = model.sample(1, {}, rng=rng(), sampling=Sampling(temperature=0))[0, 0]
    assert torch.equal(x, model(x[None], {})[0].argmax(0))


def test_progress_is_told_and_may_end_it():
    model, told = Chain(2 * CHUNK + 1), []
    model.sample(1, {}, rng=rng(), progress=lambda done, total: told.append((done, total)))
    total = 2 * CHUNK + 1
    assert told == [(CHUNK, total), (2 * CHUNK, total), (total, total)]

    def cancel(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.sample(1, {}, rng=rng(), progress=cancel)


@pytest.mark.parametrize("error", [ImportError("No module named 'numba'"), RuntimeError("bad type\nmore")])
def test_without_a_kernel_there_is_one_warning_and_the_same_sample(error):
    model = Chain(20)
    expected = model.sample(1, {}, rng=rng())
    attempts = []

    def fails(labels: Labels, n: int) -> None:
        attempts.append(n)
        raise error

    model.compiled = fails
    with pytest.warns(UserWarning, match="no numba kernel .*; sampling takes the slower torch step") as caught:
        assert torch.equal(model.sample(1, {}, rng=rng()), expected)
    assert len(caught) == 1
    assert "more" not in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(model.sample(1, {}, rng=rng()), expected)
    assert len(attempts) == 1


def test_a_compiled_scanner_goes_before_the_step():
    model, used = Chain(20), []

    class Compiled(StepScanner):
        def __call__(self, uniforms: Tensor, known: Tensor, sampling: Sampling) -> Tensor:
            used.append(uniforms.shape)
            return super().__call__(uniforms, known, sampling)

    model.compiled = lambda labels, n: Compiled(model, labels, n)
    model.sample(2, {}, rng=rng())
    model.backend = "torch"
    model.sample(2, {}, rng=rng())
    assert used == [(2, 1, 20)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.sample(1, {}, rng=rng(), samples=0), "samples=0 must be between 1 and 20"),
        (lambda m: m.sample(1, {}, rng=rng(), samples=21), "samples=21 must be between 1 and 20"),
        (lambda m: m.sample(2, {}, rng=[rng()]), "number of generators=1 must equal number of examples=2"),
        (lambda m: m.complete(torch.zeros(1, 0).long(), {}, rng=rng()), "the beginning to continue is empty"),
        (lambda m: m.complete(torch.zeros(1, 20).long(), {}, rng=rng()), "of 20 samples must be shorter than .* 20"),
        (
            lambda m: m.complete(torch.zeros(1, 9).long(), {}, rng=rng(), samples=8),
            "of 9 samples .* than the whole of 8",
        ),
        (lambda m: m.complete(torch.full((1, 3), LEVELS), {}, rng=rng()), "must have levels from 0 to 4"),
        (lambda m: m.complete(torch.zeros(1, 1, 3).long(), {}, rng=rng()), r"known beginning has shape \(1, 1, 3\)"),
        (lambda m: m.loss(Batch(torch.zeros(1, 3, 20).long())), r"example has shape \(1, 3, 20\)"),
    ],
)
def test_impossible_requests_are_named(call, message):
    with pytest.raises(UserError, match=message):
        call(Chain(20))


def test_pictures_have_no_length():
    with pytest.raises(UserError, match="axes of an example of given length=2 must equal number of axes=1"):
        Chain(4, 5).sample(1, {}, rng=rng(), samples=3)
