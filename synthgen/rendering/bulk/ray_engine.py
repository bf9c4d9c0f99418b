"""Shards by Ray Data: stateful actors on this machine or a cluster, each of which loads its models once."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from synthgen import checks
from synthgen.checks import UserError
from synthgen.rendering.bulk.engines import MAX_WORKERS, Tell, maker
from synthgen.rendering.bulk.job import Job, Shard
from synthgen.rendering.bulk.pool import cores
from synthgen.rendering.bulk.shard_files import Totals, clean, write_shard

PATIENCE_SECONDS = 5.0
MAX_BLOCKS = 10_000
COUNTS = [one.name for one in fields(Totals)]


@dataclass(frozen=True)
class Ray:
    """An autoscaling pool of actors. Each takes whole shards, and writes them itself, to a folder that all can see.

    What is finished is told by the shards' records, as with other engines: that is the job's checkpoint. Ray restarts
    an actor that was killed and gives it the shard that was lost.

    Attributes:
        address: Of a cluster: ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``. None starts Ray on this machine alone,
            without its dashboard, and ends it again.
        workers: The most actors; None for as many as there is room for.
    """

    address: str | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.workers is not None:
            checks.between("workers", self.workers, 1, MAX_WORKERS)

    def run(self, job: Job, shards: Sequence[Shard], tell: Tell) -> None:
        """See `Engine.run`."""
        with self._connected() as ray:
            most = self.workers if self.address else self.workers or cores()
            pool = ray.data.ActorPoolStrategy(min_size=1, max_size=most)
            numbers = [{"number": shard.number} for shard in shards]
            rows = ray.data.from_items(numbers, override_num_blocks=min(len(numbers), MAX_BLOCKS))
            resources = {"num_cpus": 1, "num_gpus": 1 if job.device.startswith("cuda") else 0}
            done = rows.map_batches(
                _Actor, fn_constructor_args=(job,), batch_size=1, batch_format="numpy", compute=pool, **resources
            )
            try:
                for row in done.iter_rows():
                    if row["error"]:
                        raise UserError(row["error"])
                    tell(Totals(**{name: int(row[name]) for name in COUNTS}))
            except ray.exceptions.RayError as error:
                raise UserError(f"Ray stopped ({_first_line(error)}); start again to go on where it was") from error

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """Ray, with what this render needs of it; it is left as it was found.

        Raises:
            UserError: it is not installed, or cannot be reached or started.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report over the network
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what matters is raised
        os.environ.setdefault("RAY_worker_niceness", "0")  # else actors wait behind whatever else this machine does
        try:
            import ray
            import ray.data
        except ImportError as error:
            raise UserError("--engine ray needs Ray; pip install 'synthgen[ray]'") from error
        here = {"num_cpus": 1 + (self.workers or cores()), "include_dashboard": False}
        _check_reachable(self.address)
        started = not ray.is_initialized()
        try:
            if started:
                where = {"address": self.address} if self.address else {"address": "local", **here}
                ray.init(log_to_driver=False, logging_level="ERROR", configure_logging=True, **where)
            ray.data.DataContext.get_current().enable_progress_bars = False
            logging.getLogger("ray.data").setLevel(logging.ERROR)
            yield ray
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            if isinstance(error, UserError):
                raise
            place = f"at {self.address}" if self.address else "here"
            raise UserError(f"Ray cannot be reached {place} ({_first_line(error)}); see 'ray status'") from error
        finally:
            if started:
                ray.shutdown()


class _Actor:
    """Makes whole shards, one after the other."""

    def __init__(self, job: Job) -> None:
        self._job, self._maker = job, maker(job)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, list[Any]]:
        """Totals of each shard, or what is wrong."""
        rows = [self._row(int(number)) for number in batch["number"]]
        return {name: [row[name] for row in rows] for name in ("error", *COUNTS)}

    def _row(self, number: int) -> dict[str, Any]:
        job, shard = self._job, self._job.shards[number]
        try:
            clean(job, [number])  # an actor that was killed may have left something
            rows = (job.plan.row(index) for index in range(shard.start, shard.stop))
            return {"error": "", **vars(write_shard(job, shard, self._maker.make_each(rows, len(shard))))}
        except UserError as error:
            return {"error": str(error), **vars(Totals())}


def _check_reachable(address: str | None) -> None:
    """Raise UserError where nobody answers at a cluster's address: Ray itself waits for minutes."""
    place = (address or "").removeprefix("ray://")
    if ":" not in place:
        return
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host, int(port)), PATIENCE_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        raise UserError(f"Ray cannot be reached at {address} ({error}); see 'ray status'") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
