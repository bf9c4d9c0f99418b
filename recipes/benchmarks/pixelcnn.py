"""Pictures per second of models that draw one value after the other: naive passes, the torch step, and numba.

python recipes/benchmarks/pixelcnn.py --seconds 5
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from synthgen.evaluation.machine import machine
from synthgen.heads import Sampling
from synthgen.models import Autoregressive, GatedPixelCNN, PixelCNN, PixelCNNpp, PixelRNN
from synthgen.models.scanning import Scanner, StepScanner
from synthgen.representations import Pixels
from synthgen.script import run

GREY, COLOUR = Pixels(), Pixels(channels=3)
SMALL = PixelCNNpp.Config(num_resnet=1, num_filters=32)
MODELS = {
    "Gated PixelCNN, 10 layers of 128": (GatedPixelCNN, GatedPixelCNN.Config(layers=10, channels=128), GREY),
    "Gated PixelCNN, 4 layers of 32": (GatedPixelCNN, GatedPixelCNN.Config(layers=4, channels=32), GREY),
    "Gated PixelCNN, 4 layers of 32, colour": (GatedPixelCNN, GatedPixelCNN.Config(layers=4, channels=32), COLOUR),
    "PixelCNN, masked": (PixelCNN, PixelCNN.Config(), GREY),
    "PixelCNN++, num_resnet 1, 32 filters": (PixelCNNpp, SMALL, GREY),
    "PixelCNN++, num_resnet 1, 32 filters, colour": (PixelCNNpp, SMALL, COLOUR),
    "PixelRNN": (PixelRNN, PixelRNN.Config(), GREY),
}


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is measured."""

    seconds: float = 5.0
    """Least time to measure each way for."""
    pictures: int = 8
    """Pictures in lockstep, on one thread."""
    seed: int = 0
    """Seed of weights and samples."""


class Naive:
    """A `Scanner` that makes every value by a pass over the whole picture."""

    def __init__(self, model: Autoregressive, n: int) -> None:
        self.model, self.place = model, 0
        self.x = torch.zeros(n, *model.spec.shape, dtype=torch.int64)

    def __call__(self, uniforms: Tensor, known: Tensor, sampling: Sampling) -> Tensor:
        channels, _, width = self.model.spec.shape
        for i in range(uniforms.shape[2]):
            row, column, channel = (
                self.place // (width * channels),
                self.place // channels % width,
                self.place % channels,
            )
            parameters = self.model(self.model.elements(self.x), {})
            here = parameters[..., row, column] if channels == 1 else parameters[..., channel, row, column]
            self.x[:, channel, row, column] = self.model.head.sample(here, uniforms[..., i], sampling)
            self.place += 1
        return self.x


@torch.inference_mode()
def rate(model: Autoregressive, make: type, *, pictures: int, length: int, seconds: float) -> float:
    """Pictures per second of CPU, by whole pictures of `length` values or that share of them."""
    size, spent, done = model.longest, 0.0, 0
    length = min(length, size)
    while spent < seconds:
        scan: Scanner = make(pictures)
        uniforms = torch.rand(pictures, model.head.draws, length)
        started = time.process_time()
        scan(uniforms, torch.empty(pictures, 0, dtype=torch.int64), Sampling())
        spent += time.process_time() - started
        done += pictures * length
    return done / size / spent


@torch.inference_mode()
def difference(model: Autoregressive) -> float:
    """Largest difference of the cached parameters from those of a whole pass, over the largest parameter."""
    x = torch.randint(model.head.levels, (2, *model.spec.shape))
    whole, levels = model(model.elements(x), {}), model.in_order(model.elements(x))
    cache, previous, found = model.init_cache({}, 2), None, []
    for i in range(model.longest):
        found.append(model.step(cache, previous))
        previous = levels[:, i]
    in_order = torch.stack([model.in_order(parameter) for parameter in whole.unbind(1)], dim=1)
    return ((torch.stack(found, dim=2) - in_order).abs().max() / whole.abs().max()).item()


def main(benchmark: Benchmark) -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    print(f"{machine()}; seed {benchmark.seed}, random weights, {benchmark.pictures} pictures in lockstep, one thread,")
    print("28 x 28 pixels of 256 levels; pictures per second of CPU, the naive ones from the first values alone\n")
    print("| model | parameters | naive | torch step | numba | cached differs from the whole pass by |")
    print("|---|---|---|---|---|---|")
    for name, (cls, config, representation) in MODELS.items():
        torch.manual_seed(benchmark.seed)
        model = cls(representation.spec(()), config).eval()
        ways = {
            "naive": (lambda n, model=model: Naive(model, n), 2),
            "torch step": (lambda n, model=model: StepScanner(model, {}, n), 4096),
            "numba": (lambda n, model=model: model.compiled({}, n), 4096),
        }
        cells = [f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M"]
        for make, length in ways.values():
            if make(1) is None:
                cells.append("no kernel")
                continue
            found = rate(model, make, pictures=benchmark.pictures, length=length, seconds=benchmark.seconds)
            cells.append(f"{found:.3g}")
        print(f"| {name} | {' | '.join(cells)} | {difference(model):.1e} |", flush=True)


if __name__ == "__main__":
    run(main, Benchmark(), description=__doc__)
