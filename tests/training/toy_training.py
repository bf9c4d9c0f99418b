"""A model, data and a recipe small enough to be trained within a test; as a script, a run that can be killed.

python toy_training.py FOLDER '{"train": {...}, "data": {...}, "model": {...}}'
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import models
from synthgen.models import Model
from synthgen.records import Batch, DataSpec, Field, Loss, Phase
from synthgen.representations import Waveform
from synthgen.training import Trainer

SAMPLES = 16
FIELDS = (Field(name="kind", kind="category", size=3, names=("a", "b", "c")),)
REPRESENTATION = Waveform(samples=SAMPLES)


class ToyRegressor(Model):
    """Label to vector, with dropout so that resuming has draws to repeat."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 8
        dropout: float = 0.0

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.embedding = nn.Embedding(3, config.width)
        self.body = nn.Sequential(nn.Tanh(), nn.Dropout(config.dropout), nn.Linear(config.width, SAMPLES))
        self.register_buffer("seen", torch.zeros(()))

    def loss(self, batch: Batch) -> Loss:
        if self.training:
            self.seen += len(batch)
        y = self.body(self.embedding(batch.labels["kind"]))[:, None].float()
        error = F.mse_loss(y, batch.x)
        return Loss(error + 0.01 * y.abs().mean(), {"error": error, "size": y.abs().mean()})


class ToyGAN(Model):
    """Two phases, of which the generator's reaches through the discriminator."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 8

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.width = config.width
        self.discriminator = nn.Sequential(nn.Linear(SAMPLES, 8), nn.Tanh(), nn.Linear(8, 1))
        self.generator = nn.Sequential(nn.Linear(config.width, 8), nn.Tanh(), nn.Linear(8, SAMPLES))

    def loss(self, batch: Batch) -> Loss:
        return self.generator_loss(batch)

    def phases(self) -> list[Phase]:
        return [
            Phase("discriminator", self.discriminator, self.discriminator_loss),
            Phase("generator", self.generator, self.generator_loss),
        ]

    def discriminator_loss(self, batch: Batch) -> Loss:
        real, fake = self.discriminator(batch.x[:, 0]), self.discriminator(self._draw(batch).detach())
        return Loss((F.softplus(-real) + F.softplus(fake)).mean())

    def generator_loss(self, batch: Batch) -> Loss:
        return Loss(F.softplus(-self.discriminator(self._draw(batch))).mean())

    def _draw(self, batch: Batch) -> Tensor:
        return self.generator(torch.randn(len(batch), self.width))


@dataclass
class Vectors:
    """Examples that note which were asked for, and may kill their process."""

    size: int = 40
    poison: int | None = None
    """Index of an example that is not a number."""
    kill_rank: int | None = None
    """Rank whose process dies once..."""
    kill_at: int = 0
    """...when it is asked for this batch, counted from 0."""
    diary: Path | None = None
    """Folder for the indices asked for, a file a rank, and for the note that the process has died already."""

    def __post_init__(self) -> None:
        self.spec, self.asked = REPRESENTATION.spec(FIELDS), []

    def __len__(self) -> int:
        return self.size

    def batch(self, indices: Tensor) -> Batch:
        self._die(len(self.asked))
        self.asked.append(indices.tolist())
        x = torch.sin(indices[:, None] * 0.3 + torch.arange(SAMPLES) * (1 + indices[:, None] % 3))[:, None]
        if self.poison is not None:
            x[indices == self.poison] = torch.nan
        return Batch(x, {"kind": indices % 3})

    def provenance(self) -> dict[str, object]:
        return {"name": "vectors", "size": self.size}

    def _die(self, call: int) -> None:
        if self.kill_rank != int(os.environ.get("RANK", 0)) or call != self.kill_at:
            return
        note = Path(self.diary) / "died"
        if not note.exists():
            note.touch()
            os.kill(os.getpid(), signal.SIGKILL)


TOYS: dict[str, type[Model]] = {"toy_regressor": ToyRegressor, "toy_gan": ToyGAN}


def trainer(folder: Path, *, toy: str = "toy_regressor", model: dict | None = None, **options) -> Trainer:
    """A trainer of a toy; `options` are those of Trainer.Config."""
    torch.manual_seed(3)
    network = TOYS[toy](REPRESENTATION.spec(FIELDS), TOYS[toy].Config(**model or {}))
    defaults = {"steps": 12, "batch_size": 8, "warmup": 2, "log_every": 1, "device": "cpu"}
    return Trainer(network, REPRESENTATION, Trainer.Config(**{**defaults, **options}), folder)


def main() -> None:
    folder, options = Path(sys.argv[1]), json.loads(sys.argv[2])
    models.MODELS.update(TOYS)
    data = Vectors(**options.get("data", {}))
    trainer(folder, model=options.get("model"), **options.get("train", {})).fit(data, Vectors(size=10))
    if data.diary:
        name = f"order.{os.environ.get('RANK', 0)}.json"
        (Path(data.diary) / name).write_text(json.dumps(data.asked))


if __name__ == "__main__":
    main()
