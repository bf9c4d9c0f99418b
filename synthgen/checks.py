"""Argument checks whose messages all read the same: what was given, what is needed, how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class UserError(ValueError):
    """Bad input that a user can mend: commands and the app print its one line instead of a traceback."""


def between(name: str, value: float, low: float, high: float) -> None:
    """Raise UserError unless low <= value <= high.

    >>> between("velocity", 0, 1, 127)
    Traceback (most recent call last):
    synthgen.checks.UserError: velocity=0 must be between 1 and 127
    """
    if not (isinstance(value, int | float) and low <= value <= high):
        raise UserError(f"{name}={value} must be between {low:g} and {high:g}")


def equal(name: str, value: float, by_name: str, expected: float) -> None:
    """Raise UserError unless `value` is `expected`.

    >>> equal("sample_rate", 44100, "the model's sample_rate", 16000)
    Traceback (most recent call last):
    synthgen.checks.UserError: sample_rate=44100 must equal the model's sample_rate=16000
    """
    if value != expected:
        raise UserError(f"{name}={value} must equal {by_name}={expected}")


def ascending(name: str, values: Sequence[float]) -> None:
    """Raise UserError unless `values` rise strictly.

    >>> ascending("velocities", (25, 25))
    Traceback (most recent call last):
    synthgen.checks.UserError: velocities=(25, 25) must rise strictly
    """
    if any(b <= a for a, b in pairwise(values)):
        raise UserError(f"{name}={tuple(values)} must rise strictly")


def divisible(name: str, value: int, by_name: str, by: int) -> None:
    """Raise UserError unless `by` divides `value`.

    >>> divisible("length", 10, "stride", 4)
    Traceback (most recent call last):
    synthgen.checks.UserError: length=10 must be divisible by stride=4
    """
    if value % by:
        raise UserError(f"{name}={value} must be divisible by {by_name}={by}")


def odd(name: str, value: int) -> None:
    """Raise UserError unless `value` is odd.

    >>> odd("kernel", 4)
    Traceback (most recent call last):
    synthgen.checks.UserError: kernel=4 must be odd, so that it has a middle
    """
    if value % 2 == 0:
        raise UserError(f"{name}={value} must be odd, so that it has a middle")


def one_of(name: str, value: str, choices: Iterable[str]) -> None:
    """Raise UserError unless `value` is a choice; name the closest ones.

    >>> one_of("instrument", "fluet", ["flute", "oboe"])
    Traceback (most recent call last):
    synthgen.checks.UserError: instrument='fluet' is not known; did you mean 'flute'?
    """
    choices = sorted(choices)
    if value in choices:
        return
    close = difflib.get_close_matches(str(value).lower(), choices, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"choose one of {_some(choices)}"
    raise UserError(f"{name}={value!r} is not known; {hint}")


def _some(choices: Sequence[str]) -> str:
    shown = ", ".join(choices[:12])
    return f"{shown}, ... ({len(choices)} in all)" if len(choices) > 12 else shown or "(there are none)"


def shape(name: str, x: Tensor, expected: tuple[int | None, ...]) -> None:
    """Raise UserError unless `x` has the expected shape, None standing for any size.

    >>> shape("audio", torch.zeros(2, 3), (None, 4))
    Traceback (most recent call last):
    synthgen.checks.UserError: audio has shape (2, 3), expected (*, 4)
    """
    ok = x.ndim == len(expected) and all(e in (None, s) for e, s in zip(expected, x.shape, strict=True))
    if not ok:
        want = ", ".join("*" if e is None else str(e) for e in expected)
        raise UserError(f"{name} has shape {tuple(x.shape)}, expected ({want})")
