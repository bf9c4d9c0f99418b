"""What choices of PixelCNN++ are worth: the same short training on small digits with one choice changed at a time.

python recipes/benchmarks/pixelcnn_choices.py --steps 1000
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from synthgen import checks
from synthgen.data.digits import Digits
from synthgen.evaluation.machine import machine
from synthgen.evaluation.pixel_report import held_out_bits_per_dim
from synthgen.models import PixelCNNpp
from synthgen.representations import Pixels
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

CHOSEN = PixelCNNpp.Config(num_resnet=1, num_hierarchies=2, num_filters=24, labels=("digit",))
VARIANTS = {
    "as chosen": CHOSEN,
    "no short-cuts": replace(CHOSEN, shortcuts=False),
    "no dropout": replace(CHOSEN, dropout_p=0.0),
    "dropout of a half": replace(CHOSEN, dropout_p=0.5),
    "no labels": replace(CHOSEN, labels=()),
    "one resolution": replace(CHOSEN, num_hierarchies=1),
    "a softmax over all levels": replace(CHOSEN, head="categorical"),
}


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is compared."""

    steps: int = 1000
    """Training steps of each variant."""
    batch_size: int = 16
    """Pictures per step."""
    lr: float = 4e-3
    """Highest learning rate of Muon."""
    only: tuple[str, ...] = ()
    """Names of the variants; all if empty."""
    seed: int = 0
    """Seed of weights, data order and split."""


def measure(benchmark: Benchmark, name: str) -> str:
    """Train a variant and return its row."""
    seed_everything(benchmark.seed)
    representation = Pixels(height=8, width=8, levels=16)
    data = Digits(Digits.Config(seed=benchmark.seed), representation)
    model = PixelCNNpp(data.spec, VARIANTS[name])
    train = Trainer.Config(
        steps=benchmark.steps,
        batch_size=benchmark.batch_size,
        method="muon",
        lr=benchmark.lr,
        precision="bfloat16",
        validate_every=0,
        seed=benchmark.seed,
    )
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(model, representation, train, Path(folder))
        trainer.fit(data.train)
    seconds, judged = time.process_time() - started, trainer.average.model
    known, held_out = (held_out_bits_per_dim(judged, representation, part) for part in (data.train, data.test))
    size = sum(p.numel() for p in model.parameters()) / 1e3
    figures = f"{known.model:.3f} | {held_out.model:.3f} +- {held_out.error:.3f}"
    return f"| {name} | {size:.0f} | {seconds:.0f} | {figures} |"


def main(benchmark: Benchmark) -> None:
    """Measure and print."""
    for name in benchmark.only:
        checks.one_of("only", name, VARIANTS)
    print(f"{machine()}; scikit-learn's digits, 16 levels, {benchmark.steps} steps, seed {benchmark.seed}\n")
    print("| variant | parameters, k | seconds of CPU | training pictures, bits per dim | held-out pictures |")
    print("|---|---|---|---|---|")
    for name in benchmark.only or VARIANTS:
        print(measure(benchmark, name), flush=True)


if __name__ == "__main__":
    run(main, Benchmark(), description=__doc__)
