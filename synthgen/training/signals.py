"""Stopping a run from outside: Ctrl-C, or SIGTERM as schedulers send it."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class StopSignals:
    """Notes SIGINT and SIGTERM within its context, so that the loop can save first; the second one acts as usual."""

    def __init__(self) -> None:
        self.received = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        # Python allows handlers only in the main thread; a run in another one cannot be asked to stop.
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _note(self, number: int, _: FrameType | None) -> None:
        self.received = number
        self.__exit__()
