"""How kernels are compiled and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core.errors import NumbaError

OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
"""Products and sums fuse, but no sum is reordered: how many notes share a loop does not change the last bit of one."""

inlined = numba.njit(**OPTIONS)
"""Compiles a part of a kernel."""


def kernel(define: Callable[[str], Callable[..., Any]]) -> Callable[..., Any]:
    """Compile the function that `define` returns at its first call, and keep the result on disk.

    It is kept beside the source, or in the user's cache where that cannot be written to, or else not at all.

    Args:
        define: Given a digest of all kernels' sources, which the function must mention. numba looks for changes in a
            function's own file only; what a function closes over is part of the key, too.
    """
    function = define(_digest())
    try:
        return numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # no folder to write to
        return numba.njit(**OPTIONS)(function)


def compile_for(function: Callable[..., Any], *arguments: Any) -> None:
    """Compile a kernel, or load it from the disk, by a call that takes no step.

    Raises:
        RuntimeError: numba cannot compile here.
    """
    if numba.config.DISABLE_JIT:
        raise RuntimeError("NUMBA_DISABLE_JIT is set")
    try:
        function(*arguments)
    except NumbaError as error:
        raise RuntimeError(f"numba {numba.__version__}: {error}") from error
    except OSError:  # compiled, but the disk is full or the like
        function(*arguments)


def _digest() -> str:
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
