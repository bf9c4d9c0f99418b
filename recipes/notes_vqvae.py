"""VQ-VAE of notes: log magnitudes as a few codes a frame, and a WaveNet of codes that draws them from labels.

python recipes/notes_vqvae.py --data.root ~/notes --coding.minutes 60 --train.minutes 40 --folder runs/vqvae
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from synthgen.data.augmentation import Copies, Retune
from synthgen.data.nsynth import NSynth
from synthgen.evaluation.coding import evaluate_coding, write_decoded
from synthgen.evaluation.pixel_report import held_out_bits_per_dim
from synthgen.evaluation.report import evaluate
from synthgen.evaluation.samples import write_samples
from synthgen.losses.spectral import SpectrogramError
from synthgen.models import VQVAE, AudioCodes, CodeWaveNet
from synthgen.representations import Spectrogram
from synthgen.script import run
from synthgen.training import Trainer, coded_parts, seed_everything

LABELS = ("instrument", "pitch", "velocity")
CODER = VQVAE.Config(channels=(384,) * 3, strides=((1,), (2,), (2,)), blocks=1, groups=12, codes=512, dim=32, crop=64)
CODING = Trainer.Config(minutes=40, batch_size=32, method="muon", lr=2e-3, warmup=50, precision="bfloat16")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: NSynth.Config = field(default_factory=NSynth.Config)
    representation: Spectrogram = field(default_factory=lambda: Spectrogram(phase="griffin_lim"))
    autoencoder: VQVAE.Config = CODER
    coding: Trainer.Config = CODING
    prior: CodeWaveNet.Config = CodeWaveNet.Config(labels=LABELS, dropout=0.1)
    train: Trainer.Config = replace(CODING, minutes=35, batch_size=32, lr=3e-3)
    copies: int = 2
    """Retuned copies of each note, in codes, that the prior learns from."""
    folder: Path = Path("runs/notes_vqvae")
    """Where both checkpoints, the logs and the notes go; the autoencoder has a folder of its own inside."""
    limit: int | None = 200
    """Held-out notes to judge at the end; None judges all."""
    seed: int = 0
    """Seed of the first weights."""


TINY = Recipe(
    representation=Spectrogram(phase="griffin_lim", iterations=1),
    autoencoder=VQVAE.Config(channels=(8, 8), strides=((4,), (2,)), blocks=1, groups=2, codes=16, dim=4, crop=32),
    coding=Trainer.Config(steps=2, batch_size=2, validation_examples=2, device="cpu"),
    prior=CodeWaveNet.Config(channels=4, skip_channels=4, layers=2, dim=4, labels=LABELS),
    train=Trainer.Config(steps=2, batch_size=2, validation_examples=2, device="cpu"),
    limit=3,
)


def main(recipe: Recipe) -> None:
    """Train the autoencoder, then the prior on its codes, and judge both on held-out notes."""
    seed_everything(recipe.seed)
    data = NSynth(recipe.data, recipe.representation)
    model = VQVAE(data.spec, recipe.autoencoder, SpectrogramError())
    coder = Trainer(model, recipe.representation, recipe.coding, recipe.folder / "autoencoder")
    coder.fit(data.train, data.valid, augment=Retune())
    codes = AudioCodes(coder.average.model, recipe.representation)
    copies, folder = Copies(data.train, Retune(share=1.0), count=recipe.copies), recipe.folder
    train, valid, test = coded_parts(data, codes, folder / "codes", train=copies, device=str(coder.group.device))
    trainer = Trainer(CodeWaveNet(train.spec, recipe.prior), codes, recipe.train, folder)
    trainer.fit(train, valid)
    if trainer.group.rank == 0:
        write_decoded(codes, data.valid, coder.folder, step=coder.step)
        write_samples(trainer.average.model, codes, data.valid, folder, step=trainer.step)
        print(evaluate_coding(codes, data.test, limit=recipe.limit, seed=recipe.seed).table(), end="\n\n")
        bits = held_out_bits_per_dim(trainer.average.model, codes, test, train=train)
        print(bits.table(element="code", examples="notes"), end="\n\n")
        print(evaluate(trainer.average.model, codes, data, limit=recipe.limit, seed=recipe.seed).table())


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
