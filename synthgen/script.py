"""The entry of recipes and benchmarks: options from the command line, one line for bad input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import tyro

from synthgen.checks import UserError

T = TypeVar("T")


def run(main: Callable[[T], object], options: type[T] | T, *, description: str | None) -> None:
    """Call `main` with `options`, changed as the command line says.

    Args:
        main: Does the work.
        options: A dataclass, or an instance of it that holds the defaults.
        description: Shown by ``--help``, a recipe's ``__doc__``.

    Raises:
        SystemExit: bad options or input; the message is one line.
    """
    try:
        if isinstance(options, type):
            main(tyro.cli(options, description=description))
        else:
            main(tyro.cli(type(options), default=options, description=description))
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
