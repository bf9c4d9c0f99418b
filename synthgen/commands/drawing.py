"""What commands have in common whose models draw one element after the other."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synthgen.heads import Sampling


@dataclass(frozen=True, kw_only=True)
class Draw:
    """How a model draws that makes one sample or code after the other; other models take none of it."""

    temperature: float | None = None
    """Above 0; 1 draws as the model has learned, less makes likely samples likelier. None: the model's own."""
    top_k: int | None = None
    """Draw among so many of the likeliest values only."""
    top_p: float | None = None
    """Draw among the fewest values that hold this much probability together."""

    def sampling(self) -> Sampling | None:
        """The same for a synthesizer; None where nothing was chosen."""
        chosen = {name: value for name, value in dataclasses.asdict(self).items() if value is not None}
        if not chosen:
            return None
        from synthgen.heads import Sampling

        return Sampling(**chosen)


@contextlib.contextmanager
def bar(wanted: bool, *, unit: str = "samples") -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar for what is drawn element by element."""
    if not wanted:
        yield None
        return
    from tqdm import tqdm

    with tqdm(unit=f" {unit}", unit_scale=True, disable=None, leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
