"""Gaussian model of faces by principal component analysis: rebuilt by number of axes, drawn, moved by sliders.

python recipes/celeba_pca.py --data.root ~/celeba --folder runs/celeba_pca
python recipes/celeba_pca.py --data.root ~/celeba --at-once 2000 --axes 256
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from synthgen.data.celeba import CelebA
from synthgen.evaluation.reconstruction import psnr_by_axes, psnr_table
from synthgen.latent.axes import Solver
from synthgen.latent.drawing import FromExamples
from synthgen.latent.points import fit_examples
from synthgen.latent.sheets import COLUMNS, Gallery
from synthgen.latent.storage import write_presets
from synthgen.representations import Pixels
from synthgen.script import run


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: CelebA.Config = field(default_factory=CelebA.Config)
    representation: Pixels = field(default_factory=lambda: Pixels(height=64, width=64, channels=3, levels=None))
    axes: int = 128
    """Principal axes."""
    at_once: int | None = None
    """Pictures in memory at a time, where they do not all fit: an incremental fit; None takes all."""
    solver: Solver = "auto"
    """Of scikit-learn; "full" is exact, which "auto" is up to 32 x 32 pixels."""
    folder: Path = Path("runs/celeba_pca")
    """Where the space, presets of its sliders and the pictures go."""
    seed: int = 0
    """Seed of what is drawn."""


TINY = Recipe(representation=Pixels(height=8, width=8, channels=3, levels=None), axes=6, at_once=8)


def main(recipe: Recipe) -> None:
    """Fit, rebuild held-out faces, and draw."""
    pixels, rng = recipe.representation, torch.Generator().manual_seed(recipe.seed)
    data = CelebA(recipe.data, pixels)
    how = {"axes": recipe.axes, "at_once": recipe.at_once, "solver": recipe.solver}
    space = fit_examples(data.train, pixels, **how, rng=rng)
    space.save(recipe.folder / "space.safetensors")
    real = data.test.batch(torch.arange(min(COLUMNS, len(data.test)))).x
    points = space.reconstruct(pixels.encode(real))
    sheet = Gallery(space=space, drawer=FromExamples(representation=pixels), real=real, points=points).write(
        recipe.folder / "samples"
    )
    presets = {f"face {n + 1}": dict(enumerate(row.tolist())) for n, row in enumerate(space.sliders(points))}
    write_presets(recipe.folder / "presets.json", presets, axes=recipe.axes)
    figures = psnr_by_axes(space, pixels, data.test)
    print(f"{psnr_table(figures, pictures=len(data.test))}\n\npictures: {sheet}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
