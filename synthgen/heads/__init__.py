"""Likelihoods of discrete values: probability, sample and bits of each element."""

from __future__ import annotations

from typing import Literal

from synthgen.checks import UserError

from .base import PLAIN, Head, Sampling
from .bernoulli import Bernoulli
from .categorical import MAX_LEVELS, Categorical
from .logistic_mixture import LogisticMixture

HeadName = Literal["categorical", "bernoulli", "logistic_mixture"]


def make_head(name: HeadName, *, levels: int | None, components: int = 10) -> Head:
    """The head called `name` for data of so many levels.

    Args:
        name: Which distribution.
        levels: `DataSpec.levels`.
        components: Logistics of a mixture.

    Raises:
        UserError: that distribution does not fit the data; the message names one that does.
    """
    if levels is None:
        raise UserError(f"head={name!r} needs data with levels; use a representation such as MuLaw or Pcm")
    if name == "bernoulli":
        if levels != 2:
            raise UserError(f"head='bernoulli' needs 2 levels, the data have {levels}; use 'categorical'")
        return Bernoulli()
    if name == "categorical":
        if levels > MAX_LEVELS:
            raise UserError(
                f"head='categorical' takes at most {MAX_LEVELS} levels, not {levels}; use 'logistic_mixture'"
            )
        return Categorical(levels=levels)
    bits = levels.bit_length() - 1
    if levels != 2**bits:
        raise UserError(f"head='logistic_mixture' needs levels that are a power of two, the data have {levels}")
    return LogisticMixture(bits=bits, components=components)
