"""One phase's optimizer: gradients, their checks, and the step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

from synthgen.checks import UserError
from synthgen.nn.condition import FieldEncoder
from synthgen.records import Batch, Loss, Phase

from .parallel import Group

Method = Literal["adamw", "muon"]


class TrainingDiverged(UserError):  # noqa: N818 - reads as what happened
    """A loss or gradient is no longer a finite number."""


class PhaseOptimizer:
    """AdamW (Loshchilov and Hutter, 2019, arXiv:1711.05101) on the parameters of one phase's module, or Muon on its
    weights (Liu et al., 2025, arXiv:2502.16982), where each kernel counts as the matrix (outputs, inputs x taps).

    Weight decay acts on weights only: not on biases and scales, which have one axis, nor on embeddings, whose rows are
    touched as rarely as their label occurs. Those are AdamW's also under Muon, whose steps are as large as AdamW's.
    """

    def __init__(
        self,
        phase: Phase,
        *,
        method: Method = "adamw",
        betas: tuple[float, float],
        weight_decay: float,
        grad_clip: float,
        group: Group,
    ) -> None:
        self.phase, self.grad_clip, self.group = phase, grad_clip, group
        self.parameters = [p for p in phase.module.parameters() if p.requires_grad]
        embeddings = _embeddings(phase.module)
        weights = [p for p in self.parameters if p.ndim >= 2 and id(p) not in embeddings]
        spared = [p for p in self.parameters if p.ndim < 2 or id(p) in embeddings]
        self._kernels = weights if method == "muon" else []
        # torch's Muon takes matrices alone: these share their memory with the kernels.
        self._matrices = [nn.Parameter(_matrix(p.detach(), like=p)) for p in self._kernels]
        groups = [{"params": spared, "weight_decay": 0.0}]
        if method == "adamw":
            groups.insert(0, {"params": weights, "weight_decay": weight_decay})
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "adamw": torch.optim.AdamW(groups, betas=betas, fused=True)
        }
        if self._matrices:
            size = {"weight_decay": weight_decay, "adjust_lr_fn": "match_rms_adamw"}
            self.optimizers["muon"] = torch.optim.Muon(self._matrices, **size)

    def state_dict(self) -> dict[str, Any]:
        """The averages of the gradients so far, by the optimizer's name."""
        return {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(saved[name])

    def step(self, micro_batches: Sequence[Batch], *, step: int, lr: float) -> dict[str, float]:
        """Take a step on the mean loss over `micro_batches` and over all processes, which have equally many examples.

        Args:
            micro_batches: Equal parts of this process's share of the batch, encoded.
            step: Number of the step, for the message.
            lr: Learning rate, which the phase's `rate` multiplies.

        Returns:
            The values of ``total``, of each part of the loss, and of ``grad_norm`` before clipping.

        Raises:
            TrainingDiverged: the total or the norm is not finite; the weights were left as they are.
        """
        values = self._backward(micro_batches)
        # A parameter without gradient counts as one with gradient zero, so that every process sends the same tensors.
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self.parameters]
        numbers = torch.stack(list(values.values()))
        self.group.mean_([*gradients, numbers])
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        norm = nn.utils.clip_grad_norm_(self.parameters, self.grad_clip)
        result = dict(zip([*values, "grad_norm"], torch.cat([numbers, norm.float()[None]]).tolist(), strict=True))
        self._check(result, step)
        for kernel, matrix in zip(self._kernels, self._matrices, strict=True):
            matrix.grad = _matrix(kernel.grad, like=kernel)
        for optimizer in self.optimizers.values():
            for parameters in optimizer.param_groups:
                parameters["lr"] = lr * self.phase.rate
            optimizer.step()
        return result

    def _backward(self, micro_batches: Sequence[Batch]) -> dict[str, Tensor]:
        for parameter in self.parameters:
            parameter.grad = None
        sums: dict[str, Tensor] = {}
        for batch in micro_batches:
            with self.group.autocast():
                loss = self.phase.loss(batch)
            (loss.total / len(micro_batches)).backward()
            for name, value in scalars(loss).items():
                sums[name] = sums.get(name, 0.0) + value / len(micro_batches)
        return sums

    def _check(self, values: dict[str, float], step: int) -> None:
        if math.isfinite(values["total"]) and math.isfinite(values["grad_norm"]):
            return
        # A part of the loss says more than the total that it spoils.
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        name = next((b for b in bad if b not in ("total", "grad_norm")), bad[0])
        raise TrainingDiverged(
            f"training diverged at step {step}: phase {self.phase.name}, {name}={values[name]:g}; the last"
            " checkpoint is intact, try a lower lr, a longer warmup or precision float32"
        )


def _matrix(x: Tensor, *, like: Tensor) -> Tensor:
    """A kernel as (outputs, inputs x taps), columns as the kernel `like` lies in memory, so that memory is shared.

    To Muon the order of columns is nothing.
    """
    return (x if like.is_contiguous() else x.movedim(1, -1)).reshape(len(x), -1)


def scalars(loss: Loss) -> dict[str, Tensor]:
    """The total and the parts of a loss, detached, in float32."""
    return {name: value.detach().float() for name, value in {"total": loss.total, **loss.parts}.items()}


@contextmanager
def only(parameters: Sequence[nn.Parameter], among: Sequence[nn.Parameter]) -> Iterator[None]:
    """None but `parameters` of those `among` need gradients: a GAN's generator step spares the discriminator."""
    kept = {id(p) for p in parameters}
    frozen = [p for p in among if id(p) not in kept]
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)


def _embeddings(module: nn.Module) -> set[int]:
    tables = (m for m in module.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag | FieldEncoder))
    return {id(p) for table in tables for p in table.parameters(recurse=False)}
