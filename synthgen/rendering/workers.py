"""Note files from one process or several."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from synthgen.checks import UserError
from synthgen.data.layout import write_audio
from synthgen.rendering.request import Request

if TYPE_CHECKING:
    from synthgen.heads import Sampling

PATIENCE = 10
"""Seconds that a worker gets to finish its note when a render stops."""


class Job(NamedTuple):
    """A note and the file that it goes to."""

    request: Request
    path: Path


def render_all(model: Path, jobs: Sequence[Job], *, workers: int, sampling: Sampling | None = None) -> Iterator[bool]:
    """Write the file of every job; yield, in no fixed order, whether a note reached beyond [-1, 1].

    Args:
        model: A checkpoint of notes.
        jobs: What to write.
        workers: Processes; 1 renders in this one.
        sampling: See `Synthesizer.note`.

    Raises:
        UserError: a file cannot be written, or a worker was lost.
    """
    workers = min(workers, len(jobs))
    if workers <= 1:
        yield from _render(model, jobs, sampling)
        return
    with _started(model, [jobs[i::workers] for i in range(workers)], sampling) as running:
        while running:
            for connection in wait(list(running)):
                message = _receive(connection, running)
                if isinstance(message, bool):
                    yield message


def _render(model: Path, jobs: Sequence[Job], sampling: Sampling | None) -> Iterator[bool]:
    if not jobs:
        return
    from synthgen.rendering.synthesizer import Synthesizer
    from synthgen.threads import one_thread

    synthesizer = Synthesizer.load(model)
    for start in range(0, len(jobs), synthesizer.together):
        group = jobs[start : start + synthesizer.together]
        with one_thread():
            notes = synthesizer.notes([job.request for job in group], sampling=sampling)
        for job, note in zip(group, notes, strict=True):
            write_audio(job.path, note.audio, sample_rate=note.sample_rate)
            yield note.clipped > 0


@contextmanager
def _started(
    model: Path, shares: Sequence[Sequence[Job]], sampling: Sampling | None
) -> Iterator[dict[Connection, BaseProcess]]:
    """Workers by the connection that they report to; closing it stops them, and so does the end of this process."""
    context = multiprocessing.get_context("spawn")
    running: dict[Connection, BaseProcess] = {}
    processes: list[BaseProcess] = []
    try:
        for share in shares:
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(model, share, sampling, sender), daemon=True)
            process.start()
            sender.close()
            running[receiver] = process
            processes.append(process)
        yield running
    finally:
        for connection in running:
            connection.close()
        for process in processes:
            process.join(PATIENCE)
            process.terminate()
            process.join()


def _work(model: Path, jobs: Sequence[Job], sampling: Sampling | None, sender: Connection) -> None:
    """A worker's life: a boolean for every note, then None; or the message of what stopped it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        try:
            for clipped in _render(model, jobs, sampling):
                sender.send(clipped)
            sender.send(None)
        except UserError as error:
            sender.send(str(error))
    except BrokenPipeError:
        return


def _receive(connection: Connection, running: dict[Connection, BaseProcess]) -> bool | None:
    try:
        message = connection.recv()
    except EOFError as error:
        running[connection].join(PATIENCE)
        code = running[connection].exitcode
        raise UserError(f"a worker was lost (exit code {code}); start again to go on where it was") from error
    if isinstance(message, str):
        raise UserError(message)
    if message is None:
        del running[connection]
        connection.close()
    return message
