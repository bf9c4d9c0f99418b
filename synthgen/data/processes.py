"""Work that processes share, and that may be interrupted."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from synthgen.checks import UserError

T = TypeVar("T")
R = TypeVar("R")


def in_processes(work: Callable[[T], R], units: Sequence[T], *, workers: int) -> Iterator[R]:
    """The results of `work` on each unit, in the order in which they are done.

    Args:
        work: Is pickled, as each unit and result is; it writes nothing that is worthless by itself.
        units: What there is to do.
        workers: Processes; 0 for one a core. A single one does the work here.

    Raises:
        UserError: a process was killed.
    """
    workers = min(workers or os.cpu_count() or 1, len(units))
    if workers <= 1:
        yield from map(work, units)
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), follow_the_parent)
    try:
        for future in as_completed([pool.submit(work, unit) for unit in units]):
            yield future.result()
    except BrokenProcessPool as error:
        hint = "start again with fewer --workers, what is finished is kept"
        raise UserError(f"a process was killed, perhaps for want of memory; {hint}") from error
    finally:
        pool.shutdown(cancel_futures=True)


def follow_the_parent() -> None:
    """In a worker: leave Ctrl-C to the parent, but end with it, even if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()
