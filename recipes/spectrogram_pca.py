"""Gaussian model of notes: principal components of log spectrograms, with sliders, as `celeba_pca.py` of faces.

python recipes/spectrogram_pca.py --data.root ~/notes --axes 64 --folder runs/spectrogram_pca
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from synthgen.data.nsynth import NSynth
from synthgen.evaluation.reconstruction import decibel_table
from synthgen.latent.notes import decibels_by_axes, write_notes
from synthgen.latent.points import fit_examples
from synthgen.representations import Spectrogram
from synthgen.script import run


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: NSynth.Config = field(default_factory=NSynth.Config)
    representation: Spectrogram = field(default_factory=lambda: Spectrogram(n_fft=512, phase="griffin_lim"))
    axes: int = 32
    """Principal axes."""
    at_once: int = 256
    """Notes in memory at a time; 256 take 64 MB."""
    limit: int | None = 200
    """Held-out notes to rebuild at the end; None takes all."""
    folder: Path = Path("runs/spectrogram_pca")
    """Where the space, the notes and the pictures go."""
    seed: int = 0
    """Seed of what is drawn."""


TINY = Recipe(
    representation=Spectrogram(n_fft=256, hop_length=128, phase="griffin_lim", iterations=1), axes=4, at_once=8, limit=3
)


def main(recipe: Recipe) -> None:
    """Fit, rebuild held-out notes, and write some to listen to."""
    data, rng = NSynth(recipe.data, recipe.representation), torch.Generator().manual_seed(recipe.seed)
    options = {"axes": recipe.axes, "at_once": recipe.at_once}
    space = fit_examples(data.train, recipe.representation, **options, rng=rng)
    space.save(recipe.folder / "space.safetensors")
    figures = decibels_by_axes(space, recipe.representation, data.test, limit=recipe.limit)
    sheet = write_notes(recipe.folder / "samples", space, recipe.representation, data.test, seed=recipe.seed)
    print(
        f"{decibel_table(figures, notes=min(recipe.limit or len(data.test), len(data.test)))}\n\nnotes: {sheet.parent}"
    )


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
