"""Generative models of musical notes and images.

>>> from synthgen import Synthesizer
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthgen.rendering.note import Note
    from synthgen.rendering.synthesizer import Synthesizer

__version__ = "0.1.0"
__all__ = ["Note", "Synthesizer"]


def __getattr__(name: str) -> Any:
    """Import torch only when a class is asked for, so that ``synthgen --help`` answers at once."""
    if name == "Synthesizer":
        from synthgen.rendering.synthesizer import Synthesizer

        return Synthesizer
    if name == "Note":
        from synthgen.rendering.note import Note

        return Note
    raise AttributeError(f"module 'synthgen' has no attribute {name!r}")
