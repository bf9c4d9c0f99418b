"""Samples per second of models that draw one sample after the other: naive passes, the torch step, and numba.

python recipes/benchmarks/autoregressive.py --seconds 5
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from synthgen.checks import UserError
from synthgen.evaluation.machine import machine
from synthgen.heads import Sampling
from synthgen.models import Autoregressive, SampleRNN, WaveNet
from synthgen.models.autoregressive import StepScanner
from synthgen.records import Field, Labels
from synthgen.representations import MuLaw, Pcm
from synthgen.script import run

PITCHES = Field(name="pitch", kind="ordinal", size=61, values=tuple(range(36, 97)))
INPUTS = {"labels": ("pitch",), "periodic": "pitch"}
MIXTURE = {"head": "logistic_mixture"}
MODELS = {
    "WaveNet, 3 x 10 layers, 64 channels, 256 levels": (WaveNet, WaveNet.Config(**INPUTS), MuLaw()),
    "WaveNet, mixture of logistics, 16 bits": (WaveNet, WaveNet.Config(**INPUTS, **MIXTURE), Pcm()),
    "SampleRNN, 256 levels": (SampleRNN, SampleRNN.Config(**INPUTS), MuLaw()),
    "SampleRNN, mixture of logistics, 16 bits": (SampleRNN, SampleRNN.Config(**INPUTS, **MIXTURE), Pcm()),
}


PAST = 3070
"""Receptive field of that WaveNet in samples."""


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is measured."""

    seconds: float = 5.0
    """Least time to measure each way for."""
    notes: int = 16
    """Notes in lockstep, on two threads."""
    seed: int = 0
    """Seed of weights and samples."""


class Naive:
    """A `Scanner` that makes every sample by a pass over all that a WaveNet's can depend on."""

    def __init__(self, model: Autoregressive, labels: Labels, n: int) -> None:
        self.model, self.labels, self.before = model, labels, torch.zeros(n, PAST, dtype=torch.int64)

    def __call__(self, uniforms: Tensor, known: Tensor, sampling: Sampling) -> Tensor:
        for i in range(uniforms.shape[2]):
            parameters = self.model(self.before, self.labels)[..., -1]
            x = self.model.head.sample(parameters, uniforms[..., i], sampling)
            self.before = torch.cat([self.before[:, 1:], x[:, None]], dim=1)
        return self.before[:, -uniforms.shape[2] :]


WAYS = {
    "naive": (Naive, 1),
    "torch step": (StepScanner, 64),
    "numba": (lambda model, labels, n: model.compiled(labels, n), 1024),
}
"""Scanners, and how many samples each is asked for at a time."""


@torch.inference_mode()
def rate(model: Autoregressive, way: str, *, notes: int, threads: int, seconds: float) -> float:
    """Samples per second of all notes together, after a first call that is not timed."""
    before, (scanner, length) = torch.get_num_threads(), WAYS[way]
    known, made = torch.empty(notes, 0, dtype=torch.int64), 0
    torch.set_num_threads(threads)
    try:
        scan = scanner(model, {"pitch": torch.linspace(48, 72, notes)}, notes)
        scan(torch.rand(notes, model.head.draws, length), known, Sampling())
        started = time.perf_counter()
        while time.perf_counter() - started < seconds:
            scan(torch.rand(notes, model.head.draws, length), known, Sampling())
            made += notes * length
        return made / (time.perf_counter() - started)
    finally:
        torch.set_num_threads(before)


def main(benchmark: Benchmark) -> None:
    """Measure and print."""
    try:
        import numba
    except ImportError as error:
        raise UserError("numba is not installed; `pip install numba` to measure its kernels") from error
    print(f"{machine()}, numba {numba.__version__}; seed {benchmark.seed}, random weights, samples per second\n")
    print(
        f"| model | kernel ready, s | {' | '.join(WAYS)} | {benchmark.notes} notes on 2 threads: torch step | numba |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, (cls, config, representation) in MODELS.items():
        torch.manual_seed(benchmark.seed)
        model = cls(representation.spec((PITCHES,)), config).eval()
        started = time.perf_counter()
        model.compiled({"pitch": torch.tensor([60.0])}, 1)
        cells = [f"{time.perf_counter() - started:.1f}"]
        for way in WAYS:
            cells.append(f"{rate(model, way, notes=1, threads=1, seconds=benchmark.seconds):,.0f}")
        for way in ("torch step", "numba"):
            cells.append(f"{rate(model, way, notes=benchmark.notes, threads=2, seconds=benchmark.seconds):,.0f}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    run(main, Benchmark(), description=__doc__)
