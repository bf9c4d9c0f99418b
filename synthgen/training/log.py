"""What a run tells: a progress bar, `log.jsonl`, and TensorBoard where it is installed."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from synthgen import files
from synthgen.checks import UserError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

BAR = "{percentage:3.0f}%|{bar:20}| {elapsed}<{remaining}{postfix}"
PARTS = 10_000
"""The bar counts ten-thousandths of the budget, because a budget may be in minutes."""


class Meter:
    """Mean of values over the steps since it was last read."""

    def __init__(self, sums: dict[str, float] | None = None) -> None:
        self.sums = dict(sums or {})

    def add(self, values: dict[str, float]) -> None:
        """Note one step's values."""
        for name, value in {"count": 1.0, **values}.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def read(self) -> dict[str, float]:
        """The means; the meter starts again at zero."""
        count = self.sums.pop("count", 0.0)
        means = {name: value / count for name, value in self.sums.items()}
        self.sums = {}
        return means


class Log:
    """Lines of numbers by step. A context manager; only rank 0 has one that is `active`."""

    def __init__(self, folder: Path, *, step: int, fraction: float, active: bool) -> None:
        """Go on after `step`, at `fraction` of the budget, and cut off what a killed run wrote later."""
        self.path, self.active = folder / "log.jsonl", active
        self._board: SummaryWriter | None = None
        self._bar = tqdm(
            total=PARTS,
            initial=int(fraction * PARTS),
            bar_format=BAR,
            disable=None if active else True,  # None: where there is no terminal
            miniters=0,
            mininterval=0.5,
            smoothing=0,
        )
        if active:
            _cut(self.path, step)
            self._board = _board(folder / "tensorboard", step)

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
        if self._board:
            self._board.close()

    def progress(self, fraction: float, values: dict[str, float]) -> None:
        """Move the bar to `fraction` of the budget; of `values` it shows step, losses and speed."""
        losses = {name.split("/")[-2]: value for name, value in values.items() if name.endswith("/total")}
        shown = {"step": values["step"], **losses, "examples/s": values["examples_per_second"]}
        self._bar.set_postfix_str(_text(shown), refresh=False)
        self._bar.update(int(fraction * PARTS) - self._bar.n)

    def write(self, values: dict[str, float]) -> None:
        """Add a line; `values` has the key ``step``. What is not finite is written as null.

        Raises:
            UserError: the disk is full, or the file cannot be written.
        """
        if not self.active:
            return
        rounded = {k: v if isinstance(v, int) else _rounded(v) for k, v in values.items()}
        try:
            with self.path.open("a") as file:
                file.write(json.dumps(rounded) + "\n")
        except OSError as error:
            raise UserError(files.describe(self.path, error)) from error
        if self._bar.disable:
            print(_text(values), file=sys.stderr, flush=True)
        if self._board:
            for name, value in values.items():
                self._board.add_scalar(name, value, int(values["step"]))

    def tell(self, message: str) -> None:
        """Print a line for the user."""
        if self.active:
            self._bar.write(message, file=sys.stderr)


def _cut(path: Path, step: int) -> None:
    """Keep the lines up to `step`; a last line that was cut short by a kill goes too."""
    kept = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
        except (ValueError, KeyError, TypeError):
            continue
    files.write_bytes(path, "".join(kept).encode())


def _board(folder: Path, step: int) -> SummaryWriter | None:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(folder, purge_step=step + 1)


def _rounded(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _text(values: dict[str, float]) -> str:
    return "  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in values.items())
