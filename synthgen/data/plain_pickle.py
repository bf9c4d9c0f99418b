"""Pickles of a table of plain data, read without running any code that they name."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from synthgen.checks import UserError

_DAMAGED = (pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError, AttributeError)
_DAMAGED += (OverflowError, MemoryError, RecursionError)


def load_table(content: bytes, where: str) -> dict[str, Any]:
    """The dictionary in a pickle, its values plain or uint8 arrays.

    Arrays are put together here from what the pickle says of them: nothing that it names is called. Text written by
    Python 2 comes as bytes, but for the keys.

    Raises:
        UserError: it is no pickle, or a damaged one, or holds anything else; messages begin with `where`.
    """
    try:
        table = _Reader(io.BytesIO(content), encoding="bytes").load()
        if not isinstance(table, dict):
            raise TypeError(f"it holds a {type(table).__name__} instead of a table")
        return {_text(key): value.array() if isinstance(value, _Said) else value for key, value in table.items()}
    except _DAMAGED as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise UserError(f"{where}: not a pickle of plain data ({reason}); download it again") from error


class _Said:
    """What a pickle says of an array, or of an array's type."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def array(self) -> np.ndarray:
        _, shape, dtype, fortran, content = self.state
        if dtype.arguments[0] not in (b"u1", "u1"):
            raise TypeError("it holds an array that is not of uint8")
        return np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran else "C")


class _Reader(pickle.Unpickler):
    permitted = {
        "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray._reconstruct",
        "numpy.ndarray",
        "numpy.dtype",
    }

    def find_class(self, module: str, name: str) -> type[_Said]:
        if f"{module}.{name}" not in self.permitted:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _Said


def _text(key: Any) -> str:
    return key.decode() if isinstance(key, bytes) else str(key)
