"""Notes from several processes, in the order of their rows."""

from __future__ import annotations

import itertools
import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess

from synthgen.checks import UserError
from synthgen.data.processes import follow_the_parent
from synthgen.rendering.bulk.making import Made, Maker
from synthgen.rendering.bulk.plan import Row

AHEAD = 2
"""Chunks that a process has in hand, so that it need not wait for the next."""
LEAD = 4
"""Chunks a process that may be done before their turn; they wait in memory."""


def cores() -> int:
    """Those that this process may use, which a scheduler may have limited."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def notes_of(
    maker: Maker, rows: Iterable[Row], *, count: int, workers: int, chunk: int = 4
) -> Iterator[Iterator[Made]]:
    """The notes of `rows`, in their order.

    The processes take small chunks of rows, so that all are busy to the end however the notes are cut into shards. They
    are forked from one that has loaded the libraries, which are therefore in memory once.

    Args:
        maker: Makes them, here or, copied, in each process.
        rows: What to make.
        count: How many they are.
        workers: Processes of one thread each; 1 works in this one.
        chunk: Rows that a process takes at once, fewer where there are few in all; it has two chunks in hand.

    Raises:
        UserError: what stopped a process, or that one was lost.
    """
    most = chunk
    chunk = max(1, min(chunk, -(-count // (AHEAD * workers))))
    workers = min(workers, -(-count // chunk))
    if workers <= 1:
        yield maker.make_each(rows, most)
        return
    crew: list[_Worker] = []
    context = _context()
    try:
        crew += [_start(context, maker) for _ in range(workers)]
        yield _in_order(crew, rows, chunk)
    finally:
        for worker in crew:
            worker.connection.close()
            worker.process.terminate()  # nothing of what it is at is on the disk
        for worker in crew:
            worker.process.join()


@dataclass(eq=False)
class _Worker:
    """A process, and the numbers of the chunks that it has in hand."""

    process: BaseProcess
    connection: Connection
    chunks: deque[int] = field(default_factory=deque)


def _context() -> BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["synthgen.rendering.synthesizer"])
    return context


def _start(context: BaseContext, maker: Maker) -> _Worker:
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(maker, there), daemon=True)
    process.start()
    there.close()
    return _Worker(process, here)


def _work(maker: Maker, connection: Connection) -> None:
    """A worker's life: chunks of rows come in, lists of notes go out; or the message of what stopped it."""
    follow_the_parent()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            while True:
                connection.send(list(maker.make(connection.recv())))
        except UserError as error:
            connection.send(str(error))


def _in_order(crew: list[_Worker], rows: Iterable[Row], size: int) -> Iterator[Made]:
    rows = iter(rows)
    chunks = enumerate(iter(lambda: list(itertools.islice(rows, size)), []))
    done: dict[int, list[Made]] = {}
    due, asked, more = 0, 0, True
    while more or due < asked:
        while more and asked - due < LEAD * len(crew):
            idle = min(crew, key=lambda worker: len(worker.chunks))
            if len(idle.chunks) == AHEAD:
                break
            number, chunk = next(chunks, (asked, None))
            more = chunk is not None
            if more:
                _send(idle, number, chunk)
                asked += 1
        for worker in _ready(crew, patient=due not in done and due < asked):
            done[worker.chunks.popleft()] = _receive(worker)
        if due in done:
            yield from done.pop(due)
            due += 1


def _ready(crew: list[_Worker], *, patient: bool) -> list[_Worker]:
    """Those whose chunk is done, or who are gone."""
    by_connection = {worker.connection: worker for worker in crew if worker.chunks}
    return [by_connection[one] for one in wait(list(by_connection), None if patient else 0)]


def _send(worker: _Worker, number: int, chunk: list[Row]) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # it is gone: said when its notes are waited for
        worker.connection.send(chunk)
    worker.chunks.append(number)


def _receive(worker: _Worker) -> list[Made]:
    try:
        message = worker.connection.recv()
    except (EOFError, ConnectionResetError) as error:
        worker.process.join()
        code = worker.process.exitcode
        raise UserError(f"a worker was lost (exit code {code}); start again to go on where it was") from error
    if isinstance(message, str):
        raise UserError(message)
    return message
