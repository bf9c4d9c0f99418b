"""Commands that make pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from .drawing import Draw, bar

if TYPE_CHECKING:
    import numpy as np

COLUMNS = 8


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Draw pictures and write them as one sheet."""

    model: str
    """Path of a checkpoint or of a training run's folder."""
    out: Path
    """Picture file to write, e.g. .png."""
    n: int = 16
    """How many pictures."""
    label: tuple[str, ...] = ()
    """name=value, or a value alone where it is clear which label it is of; none: all classes in turn."""
    seed: int = 0
    """The same seed gives the same pictures."""
    draw: tyro.conf.OmitArgPrefixes[Draw] = Draw()
    """Models that draw one value after the other."""

    def run(self) -> None:
        from synthgen.data.picture_file import check_ending
        from synthgen.rendering.pictures import PictureMaker

        check_ending(self.out)
        maker = PictureMaker.load(self.model)
        with bar(maker.draws_pixels, unit="values") as progress:
            options = {"seed": self.seed, "sampling": self.draw.sampling(), "progress": progress}
            pictures = maker.sample(self.n, self.label, **options)
        _write(self.out, pictures)
        classes = ", ".join(dict.fromkeys(filter(None, maker.values(self.n, self.label))))
        print(f"{self.out}: {self.n} pictures{f' of {classes}' if classes else ''}, seed {self.seed}")


@dataclass(frozen=True, kw_only=True)
class Complete:
    """Draw the last part of a picture anew."""

    model: str
    """Path of a checkpoint or of a training run's folder."""
    image: Path
    """Picture of the size and mode that the model has learned."""
    out: Path
    """Picture file to write, e.g. .png; several completions make one sheet."""
    cover: float = 0.5
    """Share of the picture, from the end in raster order, that is drawn anew: 0.5 is the lower half."""
    n: int = 1
    """How many completions."""
    label: tuple[str, ...] = ()
    """name=value, or a value alone where it is clear which label it is of."""
    seed: int = 0
    """The same seed gives the same picture."""
    draw: tyro.conf.OmitArgPrefixes[Draw] = Draw()
    """Models that draw one value after the other."""

    def run(self) -> None:
        from synthgen.data.picture_file import check_ending, write_picture
        from synthgen.rendering.pictures import PictureMaker

        check_ending(self.out)
        maker = PictureMaker.load(self.model)
        with bar(maker.draws_pixels, unit="values") as progress:
            options = {"seed": self.seed, "sampling": self.draw.sampling(), "progress": progress}
            pictures = maker.complete(self.image, self.label, cover=self.cover, n=self.n, **options)
        if self.n == 1:
            write_picture(self.out, pictures[0])
        else:
            _write(self.out, pictures)
        print(f"{self.out}: {self.image}, the last {100 * self.cover:g} % drawn anew, seed {self.seed}")


def _write(path: Path, pictures: np.ndarray) -> None:
    from synthgen.data.picture_file import write_sheet

    write_sheet(path, [("", pictures)], columns=min(COLUMNS, len(pictures)))
