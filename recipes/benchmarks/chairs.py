"""Chairs from labels: one-hot or embedded, by dense layers, transposed convolutions, or convolutions and repetition.

python recipes/benchmarks/chairs.py --data.root ~/chairs --minutes 2
python recipes/benchmarks/chairs.py --data.root ~/chairs --steps 500 --only "embedding, transposed"
python recipes/benchmarks/chairs.py --data.root ~/chairs --models runs/chairs/model.safetensors
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from synthgen import checkpoint, checks
from synthgen.data.chairs import Chairs
from synthgen.evaluation.machine import machine
from synthgen.evaluation.views import Report, judge
from synthgen.losses.pictures import PictureError
from synthgen.models import Decoder
from synthgen.rendering.library import find
from synthgen.representations import Pixels
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.optimization import Method
from synthgen.training.seeding import seed_everything

PIXELS = Pixels(height=64, width=64, channels=3, levels=None)
TRANSPOSED = Decoder.Config(
    labels=("chair", "rotation", "elevation"),
    channels=(256, 192, 128, 64),
    strides=((2, 2), (2, 2), (2, 2)),
    patch=(2, 2),
)
BODIES = {
    "dense layers": replace(TRANSPOSED, body="mlp", channels=(512, 512)),
    "transposed": TRANSPOSED,
    "repetition": replace(TRANSPOSED, upsampling="repeat"),
}
VARIANTS = {
    f"{encoding}, {name}": replace(body, encoding=encoding)
    for encoding in ("embedding", "onehot")
    for name, body in BODIES.items()
}
COLUMNS = (
    *("variant", "parameters, M", "steps", "minutes of CPU", "shown, dB", "held out, dB"),
    *("blend of the nearest shown, dB", "silhouette shown", "held out"),
)


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is compared."""

    data: Chairs.Config = field(default_factory=Chairs.Config)
    models: tuple[str, ...] = ()
    """Paths of checkpoints or of training runs' folders to judge; nothing is trained then."""
    only: tuple[str, ...] = ()
    """Names of the variants; all if empty."""
    steps: int | None = None
    """Training steps of each variant."""
    minutes: float | None = None
    """Training time of each variant."""
    batch_size: int = 32
    """Pictures per step."""
    method: Method = "muon"
    """How to optimise."""
    lr: float = 7e-3
    """Highest learning rate."""
    limit: int = 1000
    """Views of each part to judge."""
    seed: int = 0
    """Seed of weights and data order."""


def row(name: str, model: Decoder, report: Report, *, steps: int, minutes: str) -> str:
    """A line of the table."""
    shown, held = report.train, report.test
    size = sum(p.numel() for p in model.parameters()) / 1e6
    ratios = f"{shown.psnr:.2f} | {held.psnr:.2f} | {held.blended:.2f}"
    return f"| {name} | {size:.2f} | {steps} | {minutes} | {ratios} | {shown.silhouette:.3f} | {held.silhouette:.3f} |"


def train(benchmark: Benchmark, name: str, data: Chairs) -> str:
    """Train a variant and return its row."""
    b = benchmark
    seed_everything(b.seed)
    model = Decoder(data.spec, VARIANTS[name], PictureError())
    options = {"batch_size": b.batch_size, "method": b.method, "lr": b.lr, "seed": b.seed}
    config = Trainer.Config(
        steps=b.steps, minutes=b.minutes, warmup=50, ema=0.99, precision="bfloat16", save_every=0, **options
    )
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(model, PIXELS, config, Path(folder))
        trainer.fit(data.train)
    minutes = (time.process_time() - started) / 60
    report = judge(trainer.average.model, PIXELS, data, limit=b.limit)
    return row(name, model, report, steps=trainer.step, minutes=f"{minutes:.1f}")


def rejudge(benchmark: Benchmark, name: str) -> str:
    """The row of a checkpoint, on the views that it did not see."""
    loaded = checkpoint.load(find(name))
    options = loaded.provenance["data"]["options"]
    data = Chairs(replace(benchmark.data, **options), loaded.representation)
    if loaded.provenance["data"]["split_hash"] != data.split_hash:
        print(f"{name}: ANOTHER SET than in training: the model may have learned from these very views")
    report = judge(loaded.model, loaded.representation, data, limit=benchmark.limit)
    facts = {"steps": loaded.provenance["step"], "minutes": f"{loaded.provenance['minutes']:.1f} by the clock"}
    return row(name, loaded.model, report, **facts)


def main(benchmark: Benchmark) -> None:
    """Train and judge every variant, or judge the models, and print the table."""
    b = benchmark
    for name in b.only:
        checks.one_of("only", name, VARIANTS)
    training = f"{b.batch_size} pictures a step, {b.method} at {b.lr:g}, seed {b.seed}"
    print(f"{machine('cpu')}; {b.data.root}; trained on {training}\n")
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    for name in b.models:
        print(rejudge(b, name), flush=True)
    if not b.models:
        data = Chairs(b.data, PIXELS)
        for name in b.only or VARIANTS:
            print(train(b, name, data), flush=True)


if __name__ == "__main__":
    run(main, Benchmark(), description=__doc__)
