"""Ways of making pictures side by side on the same data: what is kept, how near the drawn ones come, and a page."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from synthgen import files
from synthgen.data.images import Images
from synthgen.data.picture_file import to_bytes, write_sheet
from synthgen.representations.base import ImageRepresentation

from .frechet import Frechet, FrechetJudge, moments
from .reconstruction import Rebuild, mean_psnr

COLUMNS = 12
"""Pictures on a line of the sheet."""
LOW, HIGH = 0.75, 1.3
"""Shares of the real pictures' detail or variety that a page remarks on, below and above."""


class Way(Protocol):
    """A `latent.ways.Way`."""

    name: str
    representation: ImageRepresentation
    draw: Callable[[int, torch.Generator], Tensor]
    numbers: int | None
    rebuild: Rebuild | None
    minutes: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was measured of one way.

    Attributes:
        name: Its name.
        side: Rows of its pictures, in pixels.
        numbers: How many a picture becomes; None where a given one cannot be kept.
        minutes: Of training or fitting.
        milliseconds: To draw a picture.
        psnr: Of rebuilt held-out pictures in dB, None likewise.
        frechet: Of the drawn pictures.
        detail: Mean size of the drawn pictures' second differences, as a share of the real ones'.
        variety: Trace of the covariance of their features, as a share of the real ones'.
    """

    name: str
    side: int
    numbers: int | None
    minutes: float
    milliseconds: float
    psnr: float | None
    frechet: Frechet
    detail: float
    variety: float

    def cells(self) -> list[str]:
        """Its line of the table."""
        missing = "-"
        return [
            self.name,
            str(self.side),
            missing if self.numbers is None else str(self.numbers),
            missing if self.psnr is None else f"{self.psnr:.2f}",
            f"{self.frechet.distance:.3f}",
            f"{100 * self.detail:.0f} %",
            f"{100 * self.variety:.0f} %",
            f"{self.minutes:.1f}",
            f"{self.milliseconds:.2f}",
        ]

    def weaknesses(self) -> str:
        """A line on what the figures say is wrong with its pictures."""
        times = self.frechet.distance / max(self.frechet.floor or 0, 1e-6)
        found = [f"{times:.1f} times the distance of other real pictures"]
        if self.detail < LOW:
            found.append(f"blurred: {100 * self.detail:.0f} % of the fine detail of real pictures")
        if self.detail > HIGH:
            found.append(f"harsh: {100 * self.detail:.0f} % of the fine detail of real pictures")
        if self.variety < LOW:
            found.append(f"too alike: {100 * self.variety:.0f} % of the variety of real pictures")
        if self.variety > HIGH:
            found.append(f"strays: {100 * self.variety:.0f} % of the variety of real pictures")
        return f"{self.name}: {'; '.join(found)}"


def measure(way: Way, judge: FrechetJudge, held_out: Images, *, seed: int = 0) -> Row:
    """Draw as many pictures as the judge compares with, and rebuild all held-out ones where the way can.

    Args:
        way: What is measured.
        judge: Of real pictures of the way's size.
        held_out: Pictures of that size.
        seed: Of what is drawn.
    """
    rng, started = torch.Generator().manual_seed(seed), time.perf_counter()
    made = way.draw(judge.count, rng)
    seconds = time.perf_counter() - started
    found = moments(judge.extractor.features(made))
    real = held_out.batch(torch.arange(min(len(held_out), judge.count))).x
    return Row(
        name=way.name,
        side=way.representation.height,
        numbers=way.numbers,
        minutes=way.minutes,
        milliseconds=1000 * seconds / len(made),
        psnr=None if way.rebuild is None else mean_psnr(way.rebuild, way.representation, held_out),
        frechet=judge.verdict(found),
        detail=detail(made) / detail(real),
        variety=(found.covariance.trace() / judge.real.covariance.trace()).item(),
    )


def detail(pictures: Tensor) -> float:
    """Mean size of the second differences of pictures (N, C, H, W) along rows and columns: how sharp they are."""
    sizes = [pictures.diff(n=2, dim=dim).abs().mean() for dim in (2, 3)]
    return (sum(sizes) / 2).item()


def table(rows: Sequence[Row]) -> str:
    """The figures in Markdown, under a line that says what the distance is."""
    first = rows[0].frechet
    floor = "" if first.floor is None else f"; other real pictures lie {first.floor:.3f} away"
    heading = (
        "way",
        "side, pixels",
        "numbers",
        "PSNR, dB",
        f"FD[{first.extractor}]",
        "detail",
        "variety",
        "minutes",
        "ms a picture",
    )
    lines = [f"{first.made} drawn pictures against {first.real} real ones{floor}", ""]
    lines += [f"| {' | '.join(heading)} |", f"|{'---|' * len(heading)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row.cells())} |" for row in rows)])


def psnr_by_numbers(figures: Mapping[str, Mapping[int, float]]) -> str:
    """PSNR in dB by ways and by how many numbers a picture becomes, in Markdown."""
    counts = sorted({count for values in figures.values() for count in values})
    lines = [f"| PSNR, dB, by numbers a picture | {' | '.join(map(str, counts))} |", f"|{'---|' * (1 + len(counts))}"]
    for name, values in figures.items():
        cells = [f"{values[count]:.2f}" if count in values else "" for count in counts]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def write_comparison(
    folder: Path,
    ways: Sequence[Way],
    held_out: Callable[[ImageRepresentation], Images],
    text: str,
    *,
    seed: int = 0,
) -> Path:
    """Write ``sheet.png`` of real, rebuilt and drawn pictures, and ``comparison.md`` around it; return the latter.

    Args:
        folder: Made where there is none.
        ways: Each gets a line of drawn pictures, and one of rebuilt ones where it can.
        held_out: Held-out pictures of a representation's size.
        text: Markdown below the sheet.
        seed: Of what is drawn.
    """
    side = max(way.representation.height for way in ways)
    lines: list[tuple[str, np.ndarray]] = []
    shown: set[int] = set()
    for way in ways:
        part, size = held_out(way.representation), way.representation.height
        real = part.batch(torch.arange(min(COLUMNS, len(part)))).x
        if size not in shown:
            lines.append((f"real, {size} pixels", _sized(real, side)))
            shown.add(size)
        if way.rebuild is not None:
            with torch.inference_mode():
                rebuilt = way.representation.decode(way.rebuild(way.representation.encode(real)).float())
            lines.append((f"{way.name}: rebuilt", _sized(rebuilt, side)))
        drawn = way.draw(2 * COLUMNS, torch.Generator().manual_seed(seed))
        lines.append((f"{way.name}: drawn", _sized(drawn, side)))
    write_sheet(folder / "sheet.png", lines, columns=COLUMNS)
    page = f"# Ways of making pictures\n\n![Real, rebuilt and drawn pictures, line by line](sheet.png)\n\n{text}\n"
    files.write_bytes(folder / "comparison.md", page.encode())
    return folder / "comparison.md"


def _sized(pictures: Tensor, side: int) -> np.ndarray:
    """Pictures as bytes, enlarged without smoothing to the height of the largest."""
    if pictures.shape[2] != side:
        pictures = F.interpolate(pictures, (side, side * pictures.shape[3] // pictures.shape[2]), mode="nearest-exact")
    return to_bytes(pictures.numpy())
