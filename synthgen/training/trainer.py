"""The one training loop: every phase of the model takes a step on every batch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from synthgen import checkpoint, checks
from synthgen.config import to_dict
from synthgen.data.loading import Examples, batches
from synthgen.models.base import Model
from synthgen.records import Batch
from synthgen.representations.base import Representation

from . import identity, parallel, state
from .allocation import keep_freed_memory
from .ema import EMA
from .encoding import encoded
from .log import Log, Meter
from .optimization import Method, PhaseOptimizer, only
from .parallel import Precision
from .schedules import progress, warmup_cosine
from .seeding import seed_everything
from .signals import StopSignals
from .validation import Validation


class Trainer:
    """Trains a model into a folder, going on where an earlier run in the same folder ended or was killed.

    The folder holds ``model.safetensors`` (the averaged weights, ready to use), ``best.safetensors`` (the same at the
    lowest validation loss), ``state.pt`` (to resume from) and ``log.jsonl`` (and ``tensorboard/``) to plot.

    Under torchrun each process works on its share of the same global batches. On the CPU a resumed run equals an
    uninterrupted one bit for bit.

    Attributes:
        average: The averaged model in eval mode, as ``average.model``.
        step: Steps taken.
        seconds: Training time so far, over all resumed parts.
        metrics: The newest validation's values.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """How to optimise. The run ends, and the learning rate with it, when `steps` or `minutes` are used up."""

        steps: int | None = None
        """Optimizer steps of each phase; None leaves the budget to `minutes`."""
        minutes: float | None = None
        """Training time in minutes, validation and samples included; None leaves the budget to `steps`."""
        batch_size: int = 32
        """Examples per step, over all processes."""
        accumulate: int = 1
        """Parts that each process cuts its share of the batch into to save memory; gradients are averaged."""
        method: Method = "adamw"
        """AdamW, or Muon for the weights and AdamW for biases, scales and embeddings."""
        lr: float = 1e-3
        """Highest learning rate, of both methods."""
        betas: tuple[float, float] = (0.9, 0.99)
        """Decay of AdamW's averages of the gradient and of its square, per step."""
        weight_decay: float = 0.01
        """Decoupled weight decay of weights; biases, scales and embeddings have none."""
        warmup: int = 200
        """Steps until the learning rate is at its highest."""
        final_lr: float = 0.02
        """Learning rate at the end, as a fraction of `lr`."""
        grad_clip: float = 1.0
        """Largest norm of each phase's gradient."""
        ema: float = 0.999
        """Decay of the averaged weights per step; 0 takes the newest weights."""
        precision: Precision = "float32"
        """Type that layers compute in (autocast); weights and representations stay in float32."""
        log_every: int = 50
        """Steps between log lines."""
        validate_every: int = 1000
        """Steps between validations; 0 validates at the end only."""
        validation_examples: int = 256
        """Largest number of held-out examples to validate on."""
        save_every: int = 500
        """Steps between checkpoints; 0 saves at the end only."""
        sample_every: int = 1000
        """Steps between samples; 0 samples at the end only."""
        seed: int = 0
        """Seed of the data order and of all draws in training."""
        device: str = "auto"
        """``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:1``."""

        def __post_init__(self) -> None:
            if self.steps is not None:
                checks.between("steps", self.steps, 1, 10**12)
            if self.minutes is not None:
                checks.between("minutes", self.minutes, 1e-6, 10**9)
            for name in ("batch_size", "accumulate", "log_every", "validation_examples"):
                checks.between(name, getattr(self, name), 1, 2**20)
            for name in ("lr", "grad_clip"):
                checks.between(name, getattr(self, name), 1e-12, 1e12)
            for name in ("weight_decay", "warmup", "validate_every", "save_every", "sample_every"):
                checks.between(name, getattr(self, name), 0, 10**12)
            for name, value in {"ema": self.ema, "final_lr": self.final_lr, "beta 1": self.betas[0]}.items():
                checks.between(name, value, 0, 1)
            checks.between("beta 2", self.betas[1], 0, 1)
            checks.one_of("precision", self.precision, get_args(Precision))
            checks.one_of("method", self.method, get_args(Method))

    def __init__(self, model: Model, representation: Representation, config: Config, folder: Path) -> None:
        if config.steps is None and config.minutes is None:
            raise checks.UserError("steps=None and minutes=None leave no budget; give one of them, e.g. minutes=60")
        self.config, self.folder, self.representation = config, folder, representation
        self.group = parallel.join(config.device, config.precision)
        checks.divisible(
            "batch_size", config.batch_size, "processes * accumulate", self.group.world * config.accumulate
        )
        self.model = model.to(self.group.device)
        if self.group.device.type == "cpu":
            keep_freed_memory()
        self.average = EMA(self.model, config.ema, part=self.model.averaged())
        self.step, self.seconds, self.metrics = 0, 0.0, {}
        self._best = math.inf
        self._meter = Meter()
        self._trainable = [p for p in self.model.parameters() if p.requires_grad]
        options = {name: getattr(config, name) for name in ("method", "betas", "weight_decay", "grad_clip")}
        self._optimizers = [PhaseOptimizer(phase, group=self.group, **options) for phase in self.model.phases()]

    def fit(
        self,
        train: Examples,
        valid: Examples | None = None,
        *,
        augment: Callable[[Batch], Batch] | None = None,
        on_sample: Callable[[Trainer], object] | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        """Train until the budget is used up; returns at once where it already is.

        Args:
            train: What to learn.
            valid: Held-out examples; None leaves out validation and ``best.safetensors``.
            augment: Changes each batch of training media, e.g. `data.augmentation.Retune`.
            on_sample: Called by rank 0 every `sample_every` steps and at the end, e.g. to write a few notes.
            provenance: More JSON values for the checkpoint to tell of its origin.

        Raises:
            UserError: the folder holds another run, or cannot be written to.
            TrainingDiverged: a loss or gradient is not finite; the last checkpoint is intact.
            SystemExit: SIGINT or SIGTERM came; the run was saved.
        """
        self._augment = augment or (lambda batch: batch)
        self._provenance = {"data": train.provenance(), **(provenance or {})}
        self._resume(train)
        if self.group.rank == 0:
            for partial in self.folder.glob(".*.partial"):  # left by a kill within a write
                partial.unlink()
        self._save()
        fraction = self._fraction()
        if fraction >= 1:
            return
        c, rank, world = self.config, self.group.rank, self.group.world
        source = batches(train, batch_size=c.batch_size, seed=c.seed, first_step=self.step, rank=rank, world=world)
        with (
            closing(source),
            Log(self.folder, step=self.step, fraction=fraction, active=rank == 0) as log,
            StopSignals() as signals,
        ):
            tasks = [(c.log_every, lambda: log.write(self._line()))]
            if valid is not None:
                validation = self._validation(valid)
                tasks.append((c.validate_every, lambda: self._validate(validation, log)))
            tasks.append((c.save_every, self._save))
            if on_sample and rank == 0:
                tasks.append((c.sample_every, lambda: on_sample(self)))
            self._loop(source, fraction, tasks, log, signals)

    def _loop(
        self,
        source: Iterator[Batch],
        fraction: float,
        tasks: list[tuple[int, Callable[[], object]]],
        log: Log,
        signals: StopSignals,
    ) -> None:
        clock = time.monotonic()
        while fraction < 1:
            started = time.monotonic()
            values = self._train_step(next(source), fraction)
            now = time.monotonic()
            self._meter.add({**values, "seconds": now - started})
            rate = self.config.batch_size / (now - started)
            self.seconds, clock = self.seconds + now - clock, now
            fraction, stop = self.group.largest(self._fraction(), signals.received)
            log.progress(fraction, {"step": self.step, "examples_per_second": rate, **values})
            for every, task in tasks:
                if fraction >= 1 or (every and self.step % every == 0):
                    task()
            if stop and fraction < 1:
                self._save()
                log.tell(f"stopped at step {self.step} and saved; the same command goes on from there")
                raise SystemExit(128 + int(stop))

    def _fraction(self) -> float:
        return progress(self.step, self.seconds, steps=self.config.steps, minutes=self.config.minutes)

    def _train_step(self, batch: Batch, fraction: float) -> dict[str, float]:
        """One step of every phase; returns the values to log."""
        c = self.config
        seed_everything(c.seed, "step", self.step, self.group.rank)
        lr = c.lr * warmup_cosine(self.step, fraction, warmup=c.warmup, final=c.final_lr)
        micro_batches = encoded(self._augment(batch), self.representation, device=self.group.device, parts=c.accumulate)
        values: dict[str, float] = {"lr": lr}
        self.model.train().advance(fraction)
        for optimizer in self._optimizers:
            with only(optimizer.parameters, among=self._trainable):
                result = optimizer.step(micro_batches, step=self.step + 1, lr=lr)
            values |= {f"train/{optimizer.phase.name}/{name}": value for name, value in result.items()}
        # Buffers that training moves (running means, codebooks) follow rank 0, as in DistributedDataParallel.
        self.group.broadcast_(self.model.buffers())
        self.step += 1
        self.average.update(self.model, step=self.step)
        return values

    def _line(self) -> dict[str, float]:
        means = self._meter.read()
        rate = self.config.batch_size / means.pop("seconds")
        return {"step": self.step, "minutes": self.seconds / 60, "examples_per_second": rate, **means}

    def _validation(self, valid: Examples) -> Validation:
        return Validation(
            valid,
            self.representation,
            count=self.config.validation_examples,
            batch_size=self.config.batch_size // (self.group.world * self.config.accumulate),
            group=self.group,
        )

    def _validate(self, validation: Validation, log: Log) -> None:
        self.metrics = validation.run(self.average.model)
        log.write({"step": self.step, **{f"valid/{name}": value for name, value in self.metrics.items()}})
        total = self.metrics[f"{self._optimizers[0].phase.name}/total"]
        if total < self._best:
            self._best = total
            self._save_model("best.safetensors")

    def _resume(self, train: Examples) -> None:
        path = self.folder / "state.pt"
        self._run = identity.describe(self.model, self.representation, self.config, train.provenance())
        if path.exists():
            saved = state.load(path)
            identity.refuse_other(self.folder, saved.run, self._run)
            self._restore(saved)
        newest, oldest = self.group.largest(self.step, -self.step)
        if newest != -oldest:
            raise checks.UserError(f"{self.folder} must be on storage that all processes share; they found other steps")
        for model in (self.model, self.average.model):
            self.group.broadcast_([*model.parameters(), *model.buffers()])

    def _restore(self, saved: state.State) -> None:
        self.step, self.seconds, self.metrics, self._best = saved.step, saved.seconds, saved.metrics, saved.best
        self._meter = Meter(saved.meter)
        self.model.load_state_dict(saved.weights)
        self.average.model.load_state_dict(saved.average)
        for optimizer in self._optimizers:
            optimizer.load_state_dict(saved.optimizers[optimizer.phase.name])

    def _save(self) -> None:
        """Write ``state.pt``, which is what counts, then ``model.safetensors``; a resumed run writes both again."""
        if self.group.rank:
            return
        current = state.State(
            run=self._run,
            step=self.step,
            seconds=self.seconds,
            weights=self.model.state_dict(),
            average=self.average.model.state_dict(),
            optimizers={o.phase.name: o.state_dict() for o in self._optimizers},
            best=self._best,
            metrics=self.metrics,
            meter=self._meter.sums,
        )
        state.save(self.folder / "state.pt", current)
        self._save_model("model.safetensors")

    def _save_model(self, name: str) -> None:
        if self.group.rank:
            return
        provenance = {
            "step": self.step,
            "minutes": round(self.seconds / 60, 3),
            "train": to_dict(self.config),
            "validation": self.metrics,
            "machine": identity.machine(self.group),
            **self._provenance,
        }
        checkpoint.save(self.folder / name, self.average.model, self.representation, provenance)
