"""What a decoder's choices are worth: the same short training with one choice changed at a time.

python recipes/benchmarks/decoder_choices.py --data.root ~/notes --steps 600
python recipes/benchmarks/decoder_choices.py --data.root ~/notes --decoder waveform --minutes 3
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from synthgen import checks
from synthgen.data.augmentation import Retune
from synthgen.data.nsynth import NSynth
from synthgen.evaluation.machine import machine
from synthgen.evaluation.report import evaluate
from synthgen.losses.spectral import MultiResolution, OnMedia, SpectrogramError, WaveformError
from synthgen.models import Decoder, WaveformDecoder
from synthgen.models.decoder import Criterion
from synthgen.representations import Spectrogram, Waveform
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.optimization import Method
from synthgen.training.seeding import seed_everything

INTEGRATED = Spectrogram(phase="integrate", iterations=0)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A training; the defaults are what the recipe does."""

    representation: Spectrogram | Waveform = field(default_factory=lambda: Spectrogram(phase="griffin_lim"))
    model: Decoder.Config | WaveformDecoder.Config = field(default_factory=lambda: Decoder.Config(periodic="pitch"))
    error: Criterion = field(default_factory=SpectrogramError)
    augment: Retune = field(default_factory=Retune)
    method: Method = "muon"
    lr: float = 7e-3


MODEL = Variant().model
WINDOW = replace(MODEL, strides=((2, 2), (2, 2), (4, 2), (4, 1)), patch=(1, 4))
WAVEFORM = OnMedia(example=SpectrogramError(), media=MultiResolution(), decode=INTEGRATED.decode, weight=0.02)
SPECTROGRAM = {
    "as chosen": Variant(),
    "AdamW at 3e-3": Variant(method="adamw", lr=3e-3),
    "no retuned notes": Variant(augment=Retune(share=0.0)),
    "L1 of log magnitude": Variant(error=SpectrogramError(magnitude="l1")),
    "without periodic features": Variant(model=replace(MODEL, periodic="")),
    "repetition, not transposed": Variant(model=replace(MODEL, upsampling="repeat")),
    "dense layers": Variant(model=replace(MODEL, body="mlp", channels=(512, 64))),
    "2048/512": Variant(representation=Spectrogram(phase="griffin_lim", n_fft=2048, hop_length=512), model=WINDOW),
    "instantaneous frequency": Variant(representation=INTEGRATED),
    "with Griffin-Lim after it": Variant(representation=replace(INTEGRATED, iterations=8)),
    "loss on the waveform": Variant(representation=INTEGRATED, error=WAVEFORM),
}

CHOSEN = Variant(representation=Waveform(), model=WaveformDecoder.Config(), error=WaveformError())
BODY = CHOSEN.model.body
FRAMES = replace(BODY, channels=(384, 320, 256), strides=((4,), (4,)), patch=(1,), periodic="")
SAMPLES = replace(BODY, channels=(256, 192, 128, 96, 64), strides=((4,),) * 4, patch=(16,), periodic="")
WAVEFORM_CNN = {
    "as chosen": CHOSEN,
    "AdamW at 3e-3": replace(CHOSEN, method="adamw", lr=3e-3),
    "SING's loss": replace(CHOSEN, error=WaveformError(multi_resolution=0, log_power=1)),
    "SING's loss, softer sounds too": replace(
        CHOSEN, error=WaveformError(multi_resolution=0, log_power=1, epsilon=1e-8)
    ),
    "magnitude and phase": replace(CHOSEN, model=replace(CHOSEN.model, head="spectrum")),
    "convolutions over time alone": replace(CHOSEN, model=replace(CHOSEN.model, body=FRAMES)),
    "samples, no transform": replace(CHOSEN, model=SAMPLES),
}
VARIANTS = {"spectrogram": SPECTROGRAM, "waveform": WAVEFORM_CNN}


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is compared."""

    data: NSynth.Config = field(default_factory=NSynth.Config)
    decoder: Literal["spectrogram", "waveform"] = "spectrogram"
    """Whose choices."""
    steps: int | None = None
    """Training steps of each variant."""
    minutes: float | None = None
    """Training time of each variant."""
    batch_size: int = 16
    """Notes per step."""
    limit: int = 60
    """Validation notes to judge."""
    only: tuple[str, ...] = ()
    """Names of the variants; all if empty."""
    seed: int = 0
    """Seed of weights, data order and choice of notes."""


def measure(benchmark: Benchmark, name: str) -> str:
    """Train a variant and return its row."""
    variant = VARIANTS[benchmark.decoder][name]
    seed_everything(benchmark.seed)
    data = NSynth(benchmark.data, variant.representation)
    make = WaveformDecoder if isinstance(variant.model, WaveformDecoder.Config) else Decoder
    model = make(data.spec, variant.model, variant.error)
    train = Trainer.Config(
        steps=benchmark.steps,
        minutes=benchmark.minutes,
        batch_size=benchmark.batch_size,
        method=variant.method,
        lr=variant.lr,
        warmup=50,
        ema=0.99,
        precision="bfloat16",
        save_every=0,
    )
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(model, variant.representation, train, Path(folder))
        trainer.fit(data.train, augment=variant.augment)
    minutes = (time.process_time() - started) / 60
    options = {"part": "valid", "limit": benchmark.limit, "seed": benchmark.seed}
    report = evaluate(trainer.average.model, variant.representation, data, **options)
    size = sum(p.numel() for p in model.parameters()) / 1e6
    distances = f"{report.distance('generated'):.2f} | {report.distance_at('generated', 1024):.2f}"
    return f"| {name} | {distances} | {size:.1f} | {trainer.step} | {minutes:.1f} | {report.times_real_time:.0f} |"


def main(benchmark: Benchmark) -> None:
    """Train and judge every variant, and print the table."""
    b, variants = benchmark, VARIANTS[benchmark.decoder]
    for name in b.only:
        checks.one_of("only", name, variants)
    notes = f"{b.batch_size} notes a step, {b.limit} validation notes of {b.data.root}, seed {b.seed}"
    print(f"{machine('cpu')}; choices of the {b.decoder} decoder; {notes}\n")
    columns = ("variant", "distance, dB", "at 1024/256", "parameters, M", "steps", "minutes of CPU", "x real time")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for name in b.only or variants:
        print(measure(b, name), flush=True)


if __name__ == "__main__":
    run(main, Benchmark(), description=__doc__)
