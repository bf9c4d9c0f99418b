"""Batches in an order that depends only on the seed, the step and the rank."""

from __future__ import annotations

import hashlib
import itertools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Any, Protocol

import torch
from torch import Tensor

from synthgen import checks
from synthgen.records import Batch, DataSpec


class Examples(Protocol):
    """A data set, as the trainer sees it."""

    spec: DataSpec

    def __len__(self) -> int: ...

    def batch(self, indices: Tensor) -> Batch:
        """Media (float32) and labels of the examples at `indices` (B,) int64."""
        ...

    def provenance(self) -> dict[str, Any]:
        """What a checkpoint should say of the data: name, number of examples, split hash (JSON values)."""
        ...


def order(size: int, *, seed: int, step: int, batch_size: int) -> Tensor:
    """Indices (batch_size,) int64 of the examples in global batch `step`.

    The batches cut an endless row of permutations, one an epoch, so every example is seen once before any is seen
    again, and a batch on the border of two epochs continues with the next permutation.

    Args:
        size: Number of examples.
        seed: Another seed, another order.
        step: Number of the batch, from 0.
        batch_size: Examples a batch, over all ranks.
    """
    checks.between("number of examples", size, 1, 2**40)
    checks.between("step", step, 0, 2**62)
    checks.between("batch_size", batch_size, 1, 2**20)
    position, end, parts = step * batch_size, (step + 1) * batch_size, []
    while position < end:
        epoch, first = divmod(position, size)
        part = _permutation(size, seed, epoch)[first : first + end - position]
        parts.append(part)
        position += len(part)
    return torch.cat(parts)


def rank_slice(indices: Tensor, *, rank: int, world: int) -> Tensor:
    """The contiguous share of a global batch that process `rank` of `world` works on.

    Raises:
        UserError: the batch does not divide evenly.
    """
    checks.between("rank", rank, 0, world - 1)
    checks.divisible("batch_size", len(indices), "the number of processes", world)
    share = len(indices) // world
    return indices[rank * share : (rank + 1) * share]


def batches(
    examples: Examples,
    *,
    batch_size: int,
    seed: int,
    first_step: int = 0,
    rank: int = 0,
    world: int = 1,
    prefetch: int = 2,
) -> Iterator[Batch]:
    """This rank's share of the global batches `first_step`, `first_step` + 1, ... without end.

    One background thread loads ahead; what it raises is raised here, and closing the iterator ends it.

    Args:
        examples: Where the batches come from.
        batch_size: Examples a batch, over all ranks.
        seed: See `order`.
        first_step: Number of the first batch, where a resumed run continues.
        rank: Number of this process.
        world: Number of processes.
        prefetch: Batches loaded ahead of the one in use.
    """

    def load(step: int) -> Batch:
        indices = order(len(examples), seed=seed, step=step, batch_size=batch_size)
        return examples.batch(rank_slice(indices, rank=rank, world=world))

    pending: deque[Future[Batch]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        try:
            for step in itertools.count(first_step):
                pending.append(pool.submit(load, step))
                if len(pending) > prefetch:
                    yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


@lru_cache(maxsize=4)
def _permutation(size: int, seed: int, epoch: int) -> Tensor:
    digest = hashlib.sha256(f"order {seed} {epoch}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
    return torch.randperm(size, generator=generator)
