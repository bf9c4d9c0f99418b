"""What the spectrogram decoder's choices are worth: the same short training with one choice changed at a time.

python recipes/benchmarks/decoder_choices.py --data.root ~/notes --steps 600
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from synthgen.data.nsynth import NSynth
from synthgen.evaluation.machine import machine
from synthgen.evaluation.report import evaluate
from synthgen.losses.spectral import MultiResolution, OnMedia, SpectrogramError
from synthgen.models import Decoder
from synthgen.representations import Spectrogram
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

CHOSEN = Spectrogram(phase="griffin_lim")
MODEL = Decoder.Config(periodic="pitch")
ERROR = SpectrogramError()
INTEGRATED = Spectrogram(phase="integrate", iterations=0)
VARIANTS = {
    "as chosen": (CHOSEN, MODEL, ERROR),
    "L1 of log magnitude": (CHOSEN, MODEL, SpectrogramError(magnitude="l1")),
    "without periodic features": (CHOSEN, replace(MODEL, periodic=""), ERROR),
    "repetition, not transposed": (CHOSEN, replace(MODEL, upsampling="repeat"), ERROR),
    "dense layers": (CHOSEN, replace(MODEL, body="mlp", channels=(512, 64)), ERROR),
    "2048/512": (
        replace(CHOSEN, n_fft=2048, hop_length=512),
        replace(MODEL, strides=((2, 2), (2, 2), (4, 2), (4, 1)), patch=(1, 4)),
        ERROR,
    ),
    "instantaneous frequency": (INTEGRATED, MODEL, ERROR),
    "with Griffin-Lim after it": (replace(INTEGRATED, iterations=8), MODEL, ERROR),
    "loss on the waveform": (
        INTEGRATED,
        MODEL,
        OnMedia(example=ERROR, media=MultiResolution(), decode=INTEGRATED.decode, weight=0.02),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is compared."""

    data: NSynth.Config = field(default_factory=NSynth.Config)
    steps: int = 600
    """Training steps of each variant."""
    batch_size: int = 16
    """Notes per step."""
    limit: int = 60
    """Validation notes to judge."""
    only: tuple[str, ...] = tuple(VARIANTS)
    """Names of the variants."""
    seed: int = 0
    """Seed of weights, data order and choice of notes."""


def measure(benchmark: Benchmark, name: str) -> str:
    """Train a variant and return its row."""
    representation, config, error = VARIANTS[name]
    seed_everything(benchmark.seed)
    data = NSynth(benchmark.data, representation)
    model = Decoder(data.spec, config, error)
    train = Trainer.Config(steps=benchmark.steps, batch_size=benchmark.batch_size, lr=3e-3, precision="bfloat16")
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(model, representation, replace(train, save_every=0), Path(folder))
        trainer.fit(data.train)
    minutes = (time.perf_counter() - started) / 60
    report = evaluate(
        trainer.average.model, representation, data, part="valid", limit=benchmark.limit, seed=benchmark.seed
    )
    size = sum(p.numel() for p in model.parameters()) / 1e6
    distances = f"{report.distance('generated'):.2f} | {report.distance_at('generated', 1024):.2f}"
    return f"| {name} | {distances} | {size:.1f} | {minutes:.1f} | {report.times_real_time:.0f} |"


def main(benchmark: Benchmark) -> None:
    """Train and judge every variant, and print the table."""
    b = benchmark
    print(f"{machine('cpu')}; {b.data.root}; {b.steps} steps of {b.batch_size} notes, {b.limit} notes, seed {b.seed}\n")
    print("| variant | distance, dB | at 1024/256 | parameters, M | minutes | x real time |\n|---|---|---|---|---|---|")
    for name in b.only:
        print(measure(b, name), flush=True)


if __name__ == "__main__":
    run(main, Benchmark(), description=__doc__)
