"""Quantizers compared: the same small VQ-VAE of MNIST with each of them, 7 x 7 codes of 256.

python recipes/benchmarks/quantizers.py --data.root ~/mnist --steps 600
python recipes/benchmarks/quantizers.py --data.root ~/mnist --minutes 10 --only plain default

The library of that name takes part where it is there: pip install vector-quantize-pytorch
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from synthgen import checks
from synthgen.data.mnist import MNIST
from synthgen.evaluation.machine import machine
from synthgen.evaluation.picture_coding import evaluate_picture_coding
from synthgen.models import VQVAE
from synthgen.models.codes import PictureCodes
from synthgen.nn.quantize import Quantized, Quantizer, health
from synthgen.representations import Pixels
from synthgen.script import run
from synthgen.training import Trainer
from synthgen.training.seeding import seed_everything

PICTURES = Pixels(levels=None)
CHOSEN = VQVAE.Config(channels=(32, 64), strides=((2, 2), (2, 2)), blocks=1, codes=256)
PLAIN = {"start": "random", "restart": 0.0}
OTHER = "vector-quantize-pytorch"
VARIANTS: dict[str, Mapping[str, Any]] = {
    "plain": {**PLAIN, "update": "gradient"},
    "averages": PLAIN,
    "averages, started from data": {"restart": 0.0},
    "default": {},
    "default, rarer restarts": {"restart": 0.05},
    "cosine": {"distance": "cosine", "dim": 8},
    "finite scalar": {"levels": (8, 8, 4)},
    "residual, 2 x 16": {"stages": 2, "codes": 16},
}
"""Changes to `CHOSEN`; the default also starts from data and replaces what is hardly used."""
OTHERS: dict[str, Mapping[str, Any]] = {
    OTHER: {"rotation_trick": True},
    f"{OTHER}, straight through": {"rotation_trick": False},
    f"{OTHER}, straight through, decay 0.99": {"rotation_trick": False, "decay": 0.99},
}
"""Options of that library's quantizer, each beside its initialisation by k-means and replacement of dead codes."""


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is compared."""

    data: MNIST.Config = field(default_factory=MNIST.Config)
    minutes: float | None = None
    """Training time of each."""
    steps: int | None = None
    """Training steps of each."""
    batch_size: int = 64
    """Pictures per step."""
    lr: float = 5e-3
    """Highest learning rate."""
    only: tuple[str, ...] = ()
    """Names of the variants; all if empty."""
    seed: int = 0
    """Seed of weights and data order."""


class OtherQuantizer(Quantizer):
    """That of `OTHER`."""

    def __init__(self, levels: int, dim: int, options: Mapping[str, Any]) -> None:
        from vector_quantize_pytorch import VectorQuantize

        super().__init__()
        self.levels, self.dim = levels, dim
        common = {"kmeans_init": True, "threshold_ema_dead_code": 2, "accept_image_fmap": True}
        self.layer = VectorQuantize(dim=dim, codebook_size=levels, commitment_weight=1.0, **common, **options)

    def forward(self, z: Tensor) -> Quantized:
        """As the layer does; it says nothing of dead codes."""
        q, codes, commitment = self.layer(z.float())
        codes, nothing = codes[:, None], z.new_zeros(())
        parts = {**health(codes, self.levels), "dead": nothing}
        return Quantized(z=q, codes=codes, commitment=commitment.sum(), codebook=nothing, parts=parts)

    def encode(self, z: Tensor) -> Tensor:
        """Codes of the nearest vectors."""
        return self.layer(z)[1][:, None]

    def decode(self, codes: Tensor) -> Tensor:
        """Code vectors."""
        return self.layer.get_output_from_indices(codes[:, 0])


def measure(benchmark: Benchmark, data: MNIST, name: str) -> str:
    """Train a variant and return its row."""
    b = benchmark
    seed_everything(b.seed)
    model = VQVAE(data.spec, replace(CHOSEN, **VARIANTS.get(name, {})))
    if name in OTHERS:
        model.quantizer = OtherQuantizer(CHOSEN.codes, CHOSEN.dim, OTHERS[name])
    budget = {"steps": b.steps, "minutes": b.minutes, "batch_size": b.batch_size}
    train = Trainer.Config(**budget, method="muon", lr=b.lr, warmup=50, ema=0.99, save_every=0, seed=b.seed)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(model, PICTURES, train, Path(folder))
        trainer.fit(data.train)
    minutes = (time.perf_counter() - started) / 60
    found = evaluate_picture_coding(PictureCodes(trainer.average.model, PICTURES), data.test)
    use = f"{100 * found.used:.1f} % of {found.levels} | {found.perplexity:.0f} | {found.perplexity / found.levels:.2f}"
    return f"| {name} | {found.bits:.0f} | {use} | {found.psnr:.2f} | {trainer.step} | {minutes:.1f} |"


def main(benchmark: Benchmark) -> None:
    """Train and judge the variants one after another, and print the table line by line."""
    b = benchmark
    for name in b.only:
        checks.one_of("only", name, [*VARIANTS, *OTHERS])
    there = [*VARIANTS, *(OTHERS if importlib.util.find_spec("vector_quantize_pytorch") else ())]
    data = MNIST(b.data, PICTURES)
    print(f"{machine('cpu')}; {len(data.train)} training and {len(data.test)} test pictures, seed {b.seed}\n")
    columns = ("quantizer", "bits", "codes used", "perplexity", "relative", "PSNR, dB", "steps", "minutes")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)
    for name in b.only or there:
        print(measure(b, data, name), flush=True)


if __name__ == "__main__":
    run(main, Benchmark(), description=__doc__)
