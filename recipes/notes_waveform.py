"""Waveform CNN: instrument, pitch and velocity in, samples out, through an inverse STFT and a spectral loss.

python recipes/notes_waveform.py --data.root ~/notes --train.minutes 60 --folder runs/waveform
python recipes/notes_waveform.py --data.root ~/notes --magnitudes runs/notes/model.safetensors
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
from synthgen.losses.spectral import WaveformError
from synthgen.models import Decoder, WaveformDecoder
from synthgen.representations import Waveform
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

SMALL = Decoder.Config(dim=16, channels=(16, 8), strides=((8, 8),), patch=(1, 8), seed_channels=4, periodic="pitch")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: NSynth.Config = field(default_factory=NSynth.Config)
    representation: Waveform = field(default_factory=Waveform)
    loss: WaveformError = field(default_factory=WaveformError)
    model: WaveformDecoder.Config = field(default_factory=WaveformDecoder.Config)
    augment: Retune = field(default_factory=Retune)
    train: Trainer.Config = field(
        default_factory=lambda: Trainer.Config(minutes=60, batch_size=16, method="muon", lr=4e-3, precision="bfloat16")
    )
    start: Path | None = None
    """Checkpoint whose weights to begin with."""
    magnitudes: Path | None = None
    """Checkpoint of recipes/notes_spectrogram.py whose CNN to begin with; it goes before `start`."""
    folder: Path = Path("runs/notes_waveform")
    """Where the checkpoint, the log and the notes go."""
    limit: int | None = 200
    """Held-out notes to judge at the end; None judges all."""
    seed: int = 0
    """Seed of the first weights."""


TINY = Recipe(
    model=WaveformDecoder.Config(body=SMALL),
    train=Trainer.Config(steps=2, batch_size=2, validation_examples=2, device="cpu"),
    limit=3,
)


def main(recipe: Recipe) -> None:
    """Train, and judge the held-out notes."""
    seed_everything(recipe.seed)
    data = NSynth(recipe.data, recipe.representation)
    model = WaveformDecoder(data.spec, recipe.model, recipe.loss)
    start = checkpoint.load_into(model, recipe.start)
    if recipe.magnitudes:
        drawn = checkpoint.load(recipe.magnitudes)
        model.begin_with(drawn.model)
        start = {"start": drawn.provenance}
    trainer = Trainer(model, recipe.representation, recipe.train, recipe.folder)
    sample = partial(write_samples, trainer.average.model, recipe.representation, data.valid, recipe.folder)
    options = {"augment": recipe.augment, "provenance": start}
    trainer.fit(data.train, data.valid, on_sample=lambda t: sample(step=t.step), **options)
    if trainer.group.rank == 0:
        report = evaluate(trainer.average.model, recipe.representation, data, limit=recipe.limit, seed=recipe.seed)
        print(f"{report.table()}\n\nnotes and pictures: {recipe.folder / 'samples'}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
