"""A critic for the spectrogram decoder, so that what is between the partials of its notes becomes as rough as real.

python recipes/notes_gan.py --data.root ~/notes --train.minutes 10 --folder runs/notes_gan
python recipes/benchmarks/texture.py --data.root ~/notes --checkpoints spectrogram runs/notes_gan
python recipes/notes_gan.py --data.root ~/notes --start None --model.latents 64 --model.reconstruction 0
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from synthgen import checkpoint
from synthgen.data.augmentation import Retune
from synthgen.data.nsynth import NSynth
from synthgen.evaluation.report import evaluate
from synthgen.evaluation.samples import write_samples
from synthgen.losses.spectral import SpectrogramError
from synthgen.models import GAN, Decoder
from synthgen.models.adversarial import Rules
from synthgen.models.critic import Critic
from synthgen.rendering.library import find
from synthgen.representations import Spectrogram
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

CRITIC = Critic.Config(channels=(16, 32, 64, 96), strides=((2, 2), (2, 2), (2, 2), (2, 2)), scores="places")
RULES = Rules(game="hinge", r1=0.1, every=16, critic_rate=5.0)
FINE = {"latents": 0, "bounded": False, "reconstruction": 20.0, "critic": CRITIC, "rules": RULES}
SMALL = Decoder.Config(dim=16, channels=(16, 8), strides=((8, 8),), patch=(1, 8), periodic="pitch")
ADAM = {"lr": 2e-4, "betas": (0.0, 0.99), "weight_decay": 0.0, "grad_clip": 10.0, "ema": 0.99, "warmup": 20}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that this run depends on."""

    data: NSynth.Config = field(default_factory=NSynth.Config)
    representation: Spectrogram = Spectrogram(phase="griffin_lim")
    model: GAN.Config = GAN.Config(**FINE, generator=Decoder.Config(periodic="pitch"))
    train: Trainer.Config = Trainer.Config(minutes=10, batch_size=8, precision="bfloat16", **ADAM)
    start: str | None = "spectrogram"
    """Decoder to begin with: a bundled one's name, or a path; None begins anew."""
    folder: Path = Path("runs/notes_gan")
    """Where the checkpoint, the log and the notes go."""
    limit: int | None = 200
    """Held-out notes to judge at the end; None judges all."""
    seed: int = 0
    """Seed of the first weights."""


TINY = Recipe(
    representation=Spectrogram(phase="griffin_lim", iterations=1),
    model=GAN.Config(**FINE, generator=SMALL),
    train=Trainer.Config(steps=2, batch_size=2, device="cpu"),
    start=None,
    limit=3,
)


def main(recipe: Recipe) -> None:
    """Train, and judge the held-out notes."""
    seed_everything(recipe.seed)
    data, sound = NSynth(recipe.data, recipe.representation), recipe.representation
    decoder, model = Decoder(data.spec, recipe.model.generator), GAN(data.spec, recipe.model, SpectrogramError())
    start = checkpoint.load_into(decoder, recipe.start and find(recipe.start))
    model.adopt(decoder)
    trainer = Trainer(model, sound, recipe.train, recipe.folder)
    average, options = trainer.average.model, {"augment": Retune(), "provenance": start}
    options["on_sample"] = lambda t: write_samples(average, sound, data.valid, t.folder, step=t.step)
    trainer.fit(data.train, **options)
    if trainer.group.rank == 0:
        report = evaluate(average, sound, data, limit=recipe.limit, seed=recipe.seed)
        print(f"{report.table()}\n\nnotes and pictures: {recipe.folder / 'samples'}")


if __name__ == "__main__":
    run(main, Recipe(), description=__doc__)
