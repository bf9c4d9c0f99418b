"""What is kept of held-out pictures by a few numbers each, and how likely a variational autoencoder finds them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sized
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor
from tqdm import tqdm

from synthgen import checks
from synthgen.data.loading import Examples
from synthgen.models.vae import VAE
from synthgen.records import Batch
from synthgen.representations.base import ImageRepresentation, Representation

from .player import relabel
from .views import psnr

BATCH = 250
"""Examples that are rebuilt or judged together."""

Rebuild = Callable[[Tensor], Tensor]
"""Examples (B, *spec.shape) to what is left of them."""


def mean_psnr(
    rebuild: Rebuild, representation: ImageRepresentation, examples: Examples, *, limit: int | None = None
) -> float:
    """Peak signal-to-noise ratio in dB of rebuilt pictures against the real ones, the mean over pictures."""
    return psnr_of_each({"": rebuild}, representation, examples, limit=limit)[""]


def psnr_of_each(
    rebuilds: Mapping[str, Rebuild],
    representation: ImageRepresentation,
    examples: Examples,
    *,
    limit: int | None = None,
) -> dict[str, float]:
    """The same for several ways, on the same pictures."""
    found: dict[str, list[Tensor]] = {name: [] for name in rebuilds}
    for batch in _batches(examples, limit, "rebuilding pictures"):
        x = representation.encode(batch.x)
        for name, rebuild in rebuilds.items():
            with torch.inference_mode():
                found[name].append(psnr(representation.decode(rebuild(x)).float(), batch.x))
    return {name: torch.cat(values).mean().item() for name, values in found.items()}


class Projection(Protocol):
    """A `latent.LatentSpace`."""

    @property
    def axes(self) -> Sized:
        """Its principal axes."""
        ...

    def reconstruct(self, points: Tensor, k: int | None = None) -> Tensor:
        """Points projected on the first k axes."""
        ...


def psnr_by_axes(
    space: Projection, representation: ImageRepresentation, examples: Examples, *, limit: int | None = None
) -> dict[str, float]:
    """PSNR of pictures rebuilt from the first 1, 2, 4, ... axes and from all of them."""
    most = len(space.axes)
    counts = [*(2**power for power in range(most.bit_length()) if 2**power < most), most]
    ways = {f"{k} axes": partial(space.reconstruct, k=k) for k in counts}
    return psnr_of_each(ways, representation, examples, limit=limit)


def psnr_table(figures: Mapping[str, float], *, pictures: int) -> str:
    """The figures in Markdown."""
    rows = [f"| {name} | {value:.2f} |" for name, value in figures.items()]
    return "\n".join([f"| {pictures} held-out pictures | PSNR, dB |", "|---|---|", *rows])


def decibel_table(figures: Mapping[str, float], *, notes: int) -> str:
    """Errors of log magnitudes in Markdown."""
    rows = [f"| {name} | {value:.2f} |" for name, value in figures.items()]
    return "\n".join([f"| {notes} held-out notes | error of log magnitudes, dB |", "|---|---|", *rows])


@dataclass(frozen=True, kw_only=True)
class Nats:
    """The negative evidence lower bound (ELBO) of held-out examples, in nats per example.

    Attributes:
        examples: Number of examples.
        bound: Its mean; at least the negative log likelihood.
        error: Standard error of the mean over examples.
        divergence: The part of it that is the divergence of the posterior from the prior.
        density: Whether it is of a density, which may be negative, and not of a probability.
    """

    examples: int
    bound: float
    error: float
    divergence: float
    density: bool

    def table(self) -> str:
        """The figures in Markdown."""
        unit = "nats per example" + (" (of a density of values in [-1, 1])" if self.density else "")
        rows = [
            ("-ELBO", f"{self.bound:.2f} +- {self.error:.2f}"),
            ("of it divergence", f"{self.divergence:.2f}"),
            ("of it -log likelihood", f"{self.bound - self.divergence:.2f}"),
        ]
        lines = [f"| {self.examples} held-out examples | {unit} |", "|---|---|"]
        return "\n".join([*lines, *(f"| {name} | {value} |" for name, value in rows)])


@torch.no_grad()
def held_out_nats(
    model: VAE, representation: Representation, examples: Examples, *, limit: int | None = None, seed: int = 0
) -> Nats:
    """The bound of a VAE in eval mode on a part of a data set, by one point of each posterior.

    Args:
        model: Is given the labels of the part if it is a conditional one.
        representation: Makes what the model sees.
        examples: Held-out ones.
        limit: Judge so many, evenly spread; None takes all.
        seed: Of the points.
    """
    device = next(model.parameters()).device
    rng, bounds, divergences = torch.Generator(device).manual_seed(seed), [], []
    for batch in _batches(examples, limit, "bounding likelihoods"):
        labels = relabel(batch.labels, given=examples.spec.fields, known=model.spec.fields)
        bound = model.bound(Batch(representation.encode(batch.x), labels).to(device), rng=rng)
        bounds.append(-bound.elbo.double().cpu())
        divergences.append(bound.divergence.double().cpu())
    found = torch.cat(bounds)
    return Nats(
        examples=len(found),
        bound=found.mean().item(),
        error=found.std().item() / math.sqrt(len(found)) if len(found) > 1 else math.nan,
        divergence=torch.cat(divergences).mean().item(),
        density=model.spec.levels is None,
    )


def _batches(examples: Examples, limit: int | None, description: str) -> Iterator[Batch]:
    """About `limit` examples, evenly spread, on the CPU."""
    checks.between("limit", 1 if limit is None else limit, 1, 10**9)
    count = min(limit or len(examples), len(examples))
    indices = torch.linspace(0, len(examples) - 1, count, dtype=torch.float64).round().long()
    for part in tqdm(indices.split(BATCH), desc=description, disable=None, leave=False):
        yield examples.batch(part)
