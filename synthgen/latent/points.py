"""Points of a data set: its examples, or what a model makes of them; and what a label is worth among them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from synthgen import checks
from synthgen.checks import UserError
from synthgen.data.loading import Examples
from synthgen.records import Batch
from synthgen.representations.base import Representation

from .axes import Solver
from .space import LatentSpace

BATCH = 256


class Encoder(Protocol):
    """An autoencoder."""

    def encode(self, x: Tensor) -> Tensor:
        """Examples (B, *spec.shape) -> points (B, latents)."""
        ...


def example_parts(
    examples: Examples, representation: Representation, *, limit: int | None = None, batch_size: int = BATCH
) -> Iterator[Tensor]:
    """Encoded examples (B, *spec.shape) float32 of a part of a data set, batch by batch; the first `limit` of them."""
    for batch in _batches(examples, limit, batch_size):
        yield representation.encode(batch.x).float()


def example_points(examples: Examples, representation: Representation, *, limit: int | None = None) -> Tensor:
    """The same as one tensor (n, *spec.shape), filled without a second copy."""
    count = min(len(examples), limit or len(examples))
    points, filled = torch.empty(count, *examples.spec.shape), 0
    for part in example_parts(examples, representation, limit=limit):
        points[filled : filled + len(part)] = part
        filled += len(part)
    return points


def fit_examples(
    examples: Examples,
    representation: Representation,
    *,
    axes: int,
    rng: torch.Generator,
    at_once: int | None = None,
    solver: Solver = "auto",
) -> LatentSpace:
    """A PCA-Gaussian of encoded examples, pictures or log spectrograms, by scikit-learn.

    Args:
        examples: What to fit it to.
        representation: Makes the points.
        axes: Number of principal axes.
        rng: What scikit-learn draws comes from here.
        at_once: Examples in memory at a time, for an incremental fit; None takes all.
        solver: Of a fit that is not incremental; see `axes.fit_axes`.

    Raises:
        UserError: more axes than the examples, or those at a time, allow.
    """
    if at_once is None:
        return LatentSpace.fit(example_points(examples, representation), axes=axes, rng=rng, solver=solver)
    checks.between("at_once", at_once, axes, 2**31)
    return LatentSpace.fit_in_parts(example_parts(examples, representation, batch_size=at_once), axes=axes)


def latent_points(
    model: nn.Module, representation: Representation, examples: Examples, *, limit: int | None = None
) -> Tensor:
    """What a model's `encode` makes of examples, (n, latents) on the CPU; a conditional VAE is told the labels."""
    conditional = bool(getattr(model.config, "labels", ()))
    device, found = next(model.parameters()).device, []
    for batch in _batches(examples, limit, BATCH):
        with torch.inference_mode():
            x = Batch(representation.encode(batch.x), batch.labels).to(device)
            found.append((model.encode(x.x, x.labels) if conditional else model.encode(x.x)).cpu())
    return torch.cat(found)


def multihot_direction(points: Tensor, flags: Tensor, index: int) -> Tensor:
    """What one flag adds to a point, all else being equal: its row of a linear regression on all flags, (*shape).

    Larsen et al. (2016, arXiv:1512.09300, section 4.2) take the difference of the means of points with and without
    the flag; that of "smiling" then also makes a face more female, because the two go together in photographs.

    Args:
        points: (n, *shape).
        flags: Zeros and ones (n, flags); rows that are not finite are left out.
        index: Which flag.

    Raises:
        UserError: no point, or every point, has the flag.
    """
    checks.between("index", index, 0, flags.shape[1] - 1)
    checks.equal("number of points", len(points), "rows of flags", len(flags))
    known = flags.isfinite().all(1)
    x, y = flags[known].double(), points[known].flatten(1).double()
    count = int(x[:, index].sum()) if len(x) else 0
    if not 0 < count < len(x):
        raise UserError(f"flag {index} is set in {count} of {len(x)} points; a direction needs some with and without")
    x = x - x.mean(0)
    ridge = 1e-3 * len(x) * torch.eye(x.shape[1], dtype=x.dtype)  # flags that always go together share what they add
    found = torch.linalg.solve(x.T @ x + ridge, x.T @ (y - y.mean(0)))
    return found[index].float().view(points.shape[1:])


def _batches(examples: Examples, limit: int | None, batch_size: int) -> Iterator[Batch]:
    count = min(len(examples), limit or len(examples))
    for rows in tqdm(torch.arange(count).split(batch_size), desc="reading examples", disable=None, leave=False):
        yield examples.batch(rows)
