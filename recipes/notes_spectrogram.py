"""Spectrogram CNN: instrument, pitch and velocity in, log magnitudes out, phases found for them.

python recipes/notes_spectrogram.py --train.minutes 4
python recipes/notes_spectrogram.py --data.root ~/notes --train.minutes 75 --folder runs/notes
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import tyro

from synthgen.data.nsynth import NSynth
from synthgen.losses.spectral import SpectrogramError
from synthgen.models import Decoder
from synthgen.representations import Spectrogram
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

MODEL = Decoder.Config(
    channels=(384, 256, 160, 96, 64),
    strides=((2, 2), (2, 2), (2, 2), (4, 1)),
    patch=(1, 8),
    periodic="pitch",
)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: NSynth.Config = field(default_factory=NSynth.Config)
    representation: Spectrogram = field(default_factory=lambda: Spectrogram(phase="griffin_lim", iterations=16))
    loss: SpectrogramError = field(default_factory=SpectrogramError)
    model: Decoder.Config = field(default_factory=lambda: MODEL)
    train: Trainer.Config = field(
        default_factory=lambda: Trainer.Config(minutes=75, batch_size=16, lr=3e-3, precision="bfloat16")
    )
    folder: Path = Path("runs/notes_spectrogram")
    """Where the checkpoint, the log and the notes go."""
    seed: int = 0
    """Seed of the first weights."""


def main(recipe: Recipe) -> None:
    """Train, and evaluate on held-out notes."""
    seed_everything(recipe.seed)
    dataset = NSynth(recipe.data, recipe.representation)
    model = Decoder(dataset.spec, recipe.model, recipe.loss)
    Trainer(model, recipe.representation, recipe.train, recipe.folder).fit(dataset.train, dataset.valid)


if __name__ == "__main__":
    main(tyro.cli(Recipe))
