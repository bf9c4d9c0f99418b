"""VQ-VAE of notes: log magnitudes as a small grid of codes; phases are found for what these decode to.

python recipes/notes_vqvae.py --data.root ~/notes --coding.minutes 60 --folder runs/vqvae
python recipes/notes_vqvae.py --data.root ~/notes --coding.minutes 20 --coding.lr 1e-3 --coding.batch-size 8 \
    --autoencoder.crop 0 --heard 0.01 --start runs/vqvae/autoencoder/model.safetensors --folder runs/heard
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from synthgen import checkpoint
from synthgen.data.augmentation import Retune
from synthgen.data.nsynth import NSynth
from synthgen.evaluation.coding import evaluate_coding, write_decoded
from synthgen.losses.spectral import MultiResolution, OnMedia, SpectrogramError
from synthgen.models import VQVAE
from synthgen.models.codes import AudioCodes
from synthgen.representations import Spectrogram
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

STRIDES = ((2, 2), (2, 2), (4, 1), (2, 1))
AUTOENCODER = VQVAE.Config(channels=(32, 64, 128, 256), strides=STRIDES, blocks=1, codes=512, crop=64)
CODING = Trainer.Config(minutes=60, batch_size=32, method="muon", lr=5e-3, precision="bfloat16")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: NSynth.Config = field(default_factory=NSynth.Config)
    representation: Spectrogram = field(default_factory=lambda: Spectrogram(phase="griffin_lim"))
    autoencoder: VQVAE.Config = AUTOENCODER
    coding: Trainer.Config = CODING
    heard: float = 0.0
    """Weight of the waveforms' distance in dB beside the loss of magnitudes; needs --autoencoder.crop 0."""
    start: Path | None = None
    """Checkpoint of an autoencoder to begin with."""
    folder: Path = Path("runs/notes_vqvae")
    """Where checkpoints, logs and notes go."""
    limit: int | None = 200
    """Held-out notes to judge at the end; None judges all."""
    seed: int = 0
    """Seed of the first weights."""


TINY = Recipe(
    representation=Spectrogram(phase="griffin_lim", iterations=1),
    autoencoder=VQVAE.Config(channels=(8, 8), strides=((8, 4), (4, 1)), blocks=1, codes=16, dim=4, crop=32),
    coding=Trainer.Config(steps=2, batch_size=2, validation_examples=2, device="cpu"),
    limit=3,
)


def main(recipe: Recipe) -> None:
    """Train the autoencoder, and judge what its codes keep of held-out notes."""
    seed_everything(recipe.seed)
    data, decode = NSynth(recipe.data, recipe.representation), recipe.representation.decode
    loss = OnMedia(example=SpectrogramError(), media=MultiResolution(), decode=decode, weight=recipe.heard)
    model = VQVAE(data.spec, recipe.autoencoder, loss)
    start = checkpoint.load_into(model, recipe.start)
    trainer = Trainer(model, recipe.representation, recipe.coding, recipe.folder / "autoencoder")
    trainer.fit(data.train, data.valid, augment=Retune(), provenance=start)
    codes = AudioCodes(trainer.average.model, recipe.representation)
    if trainer.group.rank == 0:
        write_decoded(codes, data.valid, trainer.folder, step=trainer.step)
        print(evaluate_coding(codes, data.test, limit=recipe.limit, seed=recipe.seed).table())


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
