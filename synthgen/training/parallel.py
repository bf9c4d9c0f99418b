"""Data-parallel training: one process a device, started by torchrun, each with an equal share of every batch.

Gradients are averaged by hand instead of by DistributedDataParallel, because a model may have several phases whose
losses call other methods than `forward`, and several micro-batches a step.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.distributed as dist

# Its functions take the group of the moment as their default argument: imported later, as optimizers do, they would
# keep the group alive beyond `destroy_process_group`, and gloo's threads abort a process that ends before they do.
import torch.distributed.nn
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from synthgen.checks import UserError

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True)
class Group:
    """The processes of one run and how each computes; a single process is a group of one.

    Attributes:
        device: Where this process computes.
        precision: Type that layers compute in.
        rank: Number of this process; rank 0 writes the files.
        world: Number of processes.
    """

    device: torch.device
    precision: Precision = "float32"
    rank: int = 0
    world: int = 1

    def autocast(self) -> torch.autocast:
        """A context in which layers compute in `precision`."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bfloat16")

    def mean_(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over the processes."""

        def average(flat: Tensor) -> None:
            dist.all_reduce(flat)
            flat /= self.world

        self._apply(tensors, average)

    def broadcast_(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by that of rank 0."""
        self._apply(tensors, lambda flat: dist.broadcast(flat, 0))

    def largest(self, *values: float) -> list[float]:
        """The largest of each value over the processes."""
        if self.world == 1:
            return list(values)
        x = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(x, dist.ReduceOp.MAX)
        return x.tolist()

    def gather(self, value: dict[str, float]) -> list[dict[str, float]]:
        """The dictionaries of all processes, in the order of their ranks."""
        if self.world == 1:
            return [value]
        gathered: list[dict[str, float]] = [{}] * self.world
        dist.all_gather_object(gathered, value)
        return gathered

    def _apply(self, tensors: Iterable[Tensor], operation: Callable[[Tensor], object]) -> None:
        """Run `operation` once for each dtype, on one flat copy: a message for each tensor would cost more."""
        if self.world == 1:
            return
        kinds: dict[torch.dtype, list[Tensor]] = {}
        for tensor in tensors:
            kinds.setdefault(tensor.dtype, []).append(tensor)
        with torch.no_grad():
            for same in kinds.values():
                flat = torch.cat([t.reshape(-1) for t in same])
                operation(flat)
                for tensor, values in zip(same, flat.split([t.numel() for t in same]), strict=True):
                    tensor.copy_(values.view_as(tensor))


def join(device: str, precision: Precision) -> Group:
    """The group that torchrun's environment variables describe, or a group of one.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``; without a number it is the process's own GPU.
        precision: See `Group`.

    Raises:
        UserError: the device is not there.
    """
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    place = _device(device, int(os.environ.get("LOCAL_RANK", 0)))
    if world > 1 and not dist.is_initialized():
        if place.type == "cuda":
            torch.cuda.set_device(place)
        store = _store()
        dist.init_process_group("nccl" if place.type == "cuda" else "gloo", store=store, rank=rank, world_size=world)
        atexit.register(dist.destroy_process_group)
    return Group(device=place, precision=precision, rank=rank, world=world)


def _store() -> dist.Store:
    """Where the processes find each other's addresses.

    torchrun's restarts on one machine share a store, in which a restarted process would find, and wait for, the address
    of one that is dead; each restart therefore has names of its own. Over several machines the counts of restarts
    differ, and torchrun must be told to use a new store each time: TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1.
    """
    store, _, _ = next(rendezvous("env://"))
    if os.environ.get("GROUP_WORLD_SIZE", "1") != "1":
        return store
    return dist.PrefixStore(f"restart {os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)


def _device(name: str, local_rank: int) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"device={name!r} is not known; use auto, cpu, cuda or cuda:1") from error
    if device.type == "cuda":
        device = torch.device("cuda", local_rank if device.index is None else device.index)
        if device.index >= torch.cuda.device_count():
            raise UserError(f"device={name!r} needs GPU {device.index}, {torch.cuda.device_count()} are there; use cpu")
    return device
