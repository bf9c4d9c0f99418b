"""Spectrogram CNN: instrument, pitch and velocity in, log magnitudes out, phases found for them.

python recipes/notes_spectrogram.py --data.root ~/notes --train.minutes 60 --folder runs/notes
python recipes/notes_spectrogram.py --data.root ~/notes --train.minutes 20 --train.lr 1e-3 --heard 0.01 \
    --start runs/notes/model.safetensors --folder runs/heard
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from synthgen import checkpoint
from synthgen.data.augmentation import Retune
from synthgen.data.nsynth import NSynth
from synthgen.evaluation.report import evaluate
from synthgen.evaluation.samples import write_samples
from synthgen.losses.spectral import MultiResolution, OnMedia, SpectrogramError
from synthgen.models import Decoder
from synthgen.representations import Spectrogram
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

MODEL = Decoder.Config(periodic="pitch")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: NSynth.Config = field(default_factory=NSynth.Config)
    representation: Spectrogram = field(default_factory=lambda: Spectrogram(phase="griffin_lim"))
    loss: SpectrogramError = field(default_factory=SpectrogramError)
    model: Decoder.Config = MODEL
    augment: Retune = field(default_factory=Retune)
    train: Trainer.Config = field(
        default_factory=lambda: Trainer.Config(minutes=60, batch_size=16, method="muon", lr=7e-3, precision="bfloat16")
    )
    heard: float = 0.0
    """Weight of the waveforms' distance in dB beside the loss of magnitudes; slow, to finish a training with."""
    start: Path | None = None
    """Checkpoint whose weights to begin with."""
    folder: Path = Path("runs/notes_spectrogram")
    """Where the checkpoint, the log and the notes go."""
    limit: int | None = 200
    """Held-out notes to judge at the end; None judges all."""
    seed: int = 0
    """Seed of the first weights."""


TINY = Recipe(
    model=Decoder.Config(dim=16, channels=(16, 8), strides=((8, 8),), patch=(1, 8), seed_channels=4, periodic="pitch"),
    representation=Spectrogram(phase="griffin_lim", iterations=1),
    train=Trainer.Config(steps=2, batch_size=2, validation_examples=2, device="cpu"),
    limit=3,
)


def main(recipe: Recipe) -> None:
    """Train, and judge the held-out notes."""
    seed_everything(recipe.seed)
    data = NSynth(recipe.data, recipe.representation)
    distance = {"media": MultiResolution(), "decode": recipe.representation.decode, "weight": recipe.heard}
    model = Decoder(data.spec, recipe.model, OnMedia(example=recipe.loss, **distance))
    start = checkpoint.load_into(model, recipe.start)
    trainer = Trainer(model, recipe.representation, recipe.train, recipe.folder)
    sample = partial(write_samples, trainer.average.model, recipe.representation, data.valid, recipe.folder)
    options = {"augment": recipe.augment, "provenance": start}
    trainer.fit(data.train, data.valid, on_sample=lambda t: sample(step=t.step), **options)
    if trainer.group.rank == 0:
        report = evaluate(trainer.average.model, recipe.representation, data, limit=recipe.limit, seed=recipe.seed)
        print(f"{report.table()}\n\nnotes and pictures: {recipe.folder / 'samples'}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
