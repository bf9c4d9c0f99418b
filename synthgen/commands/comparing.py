"""Image models side by side: what the comparing recipe and its benchmark share, above `latent` and `evaluation`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from synthgen import checks
from synthgen.data.images import Images, ImageSet
from synthgen.evaluation.comparison import Row, measure, psnr_by_numbers, table, write_comparison
from synthgen.evaluation.frechet import Extractor, FrechetJudge
from synthgen.evaluation.reconstruction import psnr_of_each
from synthgen.latent.ways import PCA, Way, by_run
from synthgen.models.base import Model
from synthgen.records import DataSpec
from synthgen.representations.base import ImageRepresentation
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

MOST_AXES = 4096


@dataclass
class Sets:
    """A data set at each size that is asked for, read once.

    Attributes:
        read: Reads it for a representation.
    """

    read: Callable[[ImageRepresentation], ImageSet]
    _found: dict[tuple[int, ...], ImageSet] = field(default_factory=dict)

    def at(self, representation: ImageRepresentation) -> ImageSet:
        """All parts of it."""
        size = size_of(representation)
        if size not in self._found:
            self._found[size] = self.read(representation)
        return self._found[size]

    def train(self, representation: ImageRepresentation) -> Images:
        """Its training pictures."""
        return self.at(representation).train

    def test(self, representation: ImageRepresentation) -> Images:
        """Its test pictures."""
        return self.at(representation).test


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Everything that was measured.

    Attributes:
        sets: The data.
        ways: What was compared.
        rows: What was measured of each.
        kept: PSNR in dB of rebuilt test pictures, by name and by how many numbers each picture becomes.
    """

    sets: Sets
    ways: list[Way]
    rows: list[Row]
    kept: dict[str, dict[int, float]]

    def __str__(self) -> str:
        """Tables and a list of weaknesses, in Markdown."""
        faults = "\n".join(f"- {row.weaknesses()}" for row in self.rows)
        return f"{table(self.rows)}\n\n{psnr_by_numbers(self.kept)}\n\n## Weaknesses by the figures\n\n{faults}"

    def write(self, folder: Path, *, remarks: str = "", seed: int = 0) -> Path:
        """Write the page and its pictures; see `evaluation.comparison.write_comparison`."""
        seen = f"\n\n## Weaknesses seen\n\n{remarks.strip()}" if remarks.strip() else ""
        return write_comparison(folder, self.ways, self.sets.test, f"{self}{seen}", seed=seed)


def compare(
    sets: Sets,
    extractor: Path,
    runs: Sequence[Path],
    *,
    pixels: ImageRepresentation,
    axes: Sequence[int],
    limit: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compare runs with each other, and with PCA at the size of each that keeps pictures in a few numbers.

    Args:
        sets: The data.
        extractor: Run of a classifier.
        runs: Folders or checkpoints.
        pixels: Size at which PCA is shown if no run keeps pictures.
        axes: Numbers of axes whose PSNR is shown.
        limit: Pictures to draw, and to compare with.
        seed: Of fits and draws.

    Raises:
        UserError: a run or the extractor is missing, or there are more axes than the data allow.
    """
    for count in axes:
        checks.between("axes", count, 1, MOST_AXES)
    judging = Extractor.load(extractor)
    found = [way for run in runs for way in by_run(run, sets.train, seed=seed)]
    keeping = [way for way in found if way.rebuild]
    bases = {size_of(way.representation): way.representation for way in keeping} or {size_of(pixels): pixels}
    ways, kept = [], {}
    for size, representation in bases.items():
        numbers = sorted({way.numbers for way in keeping if size_of(way.representation) == size} or {max(axes)})
        pca = PCA.fit(sets.train(representation), representation, max(*axes, *numbers), seed=seed)
        shown = {count: pca.way(count).rebuild for count in sorted({*axes, *numbers})}
        kept[f"PCA, {size[1]} pixels"] = psnr_of_each(shown, representation, sets.test(representation))
        ways += [pca.way(count) for count in numbers]
    ways += found
    judges = {}
    for way in ways:
        size = size_of(way.representation)
        if size not in judges:
            judges[size] = FrechetJudge(judging, sets.train(way.representation), limit=limit)
    rows = [measure(way, judges[size_of(way.representation)], sets.test(way.representation), seed=seed) for way in ways]
    for row in rows[-len(found) :] if found else []:
        if row.psnr is not None:
            kept[f"{row.name}, {row.side} pixels"] = {row.numbers: row.psnr}
    return Comparison(sets=sets, ways=ways, rows=rows, kept=kept)


def trained(
    folder: Path,
    build: Callable[[DataSpec], Model],
    *,
    data: Sets,
    representation: ImageRepresentation,
    config: Trainer.Config,
    seed: int = 0,
) -> Path:
    """The folder of a run of a model, gone on with as far as its budget is not used up."""
    seed_everything(seed)
    Trainer(build(data.at(representation).spec), representation, config, folder).fit(data.train(representation))
    return folder


def size_of(representation: ImageRepresentation) -> tuple[int, ...]:
    """Channels, rows and columns."""
    return representation.channels, representation.height, representation.width
