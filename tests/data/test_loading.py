import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from synthgen.checks import UserError
from synthgen.data.loading import batches, order, rank_slice
from synthgen.records import Batch, DataSpec


class Counting:
    """Examples whose media are their own indices; `bad` cannot be read."""

    spec = DataSpec(shape=(1, 1))

    def __init__(self, size, bad=None):
        self.size, self.bad, self.loaded = size, bad, 0

    def __len__(self):
        return self.size

    def batch(self, indices):
        self.loaded += 1
        if self.bad is not None and self.bad in indices:
            raise UserError(f"example {self.bad} is bad")
        return Batch(indices.float()[:, None, None], {"index": indices})

    def provenance(self):
        return {}


def take(iterator, n):
    return [next(iterator).labels["index"] for _ in range(n)]


@given(size=st.integers(1, 40), batch_size=st.integers(1, 50), seed=st.integers(0, 2**31), epochs=st.integers(1, 3))
def test_every_epoch_shows_every_example_once(size, batch_size, seed, epochs):
    steps = -(-size * epochs // batch_size)
    row = torch.cat([order(size, seed=seed, step=k, batch_size=batch_size) for k in range(steps)])
    for epoch in range(epochs):
        assert sorted(row[epoch * size : (epoch + 1) * size].tolist()) == list(range(size))


def test_a_batch_depends_on_seed_and_step_alone():
    def batch(seed, step):
        return order(1000, seed=seed, step=step, batch_size=64).tolist()

    later = batch(1, 40)
    assert batch(1, 0) != batch(2, 0) != batch(2, 1)
    assert batch(1, 40) == later


@given(world=st.sampled_from([1, 2, 4]), step=st.integers(0, 20))
def test_ranks_together_see_the_global_batch(world, step):
    indices = order(13, seed=3, step=step, batch_size=8)
    shares = [rank_slice(indices, rank=rank, world=world) for rank in range(world)]
    assert torch.equal(torch.cat(shares), indices)


def test_uneven_ranks_are_refused():
    with pytest.raises(UserError, match="batch_size=5 must be divisible by the number of processes=2"):
        rank_slice(torch.arange(5), rank=0, world=2)


@pytest.mark.parametrize("prefetch", [0, 1, 3])
def test_batches_follow_the_order_and_resume_anywhere(prefetch):
    options = {"batch_size": 4, "seed": 5, "prefetch": prefetch}
    whole = take(batches(Counting(10), **options), 8)
    resumed = take(batches(Counting(10), first_step=5, **options), 3)
    assert all(torch.equal(a, b) for a, b in zip(whole[5:], resumed, strict=True))
    assert all(torch.equal(b, order(10, seed=5, step=k, batch_size=4)) for k, b in enumerate(whole))


def test_two_processes_see_what_one_sees():
    alone = take(batches(Counting(10), batch_size=4, seed=5), 6)
    pair = [take(batches(Counting(10), batch_size=4, seed=5, rank=rank, world=2), 6) for rank in (0, 1)]
    assert all(torch.equal(whole, torch.cat(shares)) for whole, *shares in zip(alone, *pair, strict=True))


def test_what_the_thread_raises_arrives_after_the_good_batches():
    first = order(8, seed=0, step=0, batch_size=4).tolist()
    bad = next(i for i in range(8) if i not in first)
    iterator = batches(Counting(8, bad=bad), batch_size=4, seed=0)
    assert next(iterator).labels["index"].tolist() == first
    with pytest.raises(UserError, match=f"example {bad} is bad"):
        next(iterator)


def test_closing_ends_the_thread_and_prefetch_is_bounded():
    examples = Counting(10)
    iterator = batches(examples, batch_size=2, seed=0, prefetch=2)
    next(iterator)
    iterator.close()
    assert examples.loaded <= 3
    assert not [t for t in threading.enumerate() if t.name.startswith("batches")]


def test_an_empty_set_has_no_batches():
    with pytest.raises(UserError, match="number of examples=0 must be between"):
        next(batches(Counting(0), batch_size=2, seed=0))
