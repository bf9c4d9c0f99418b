"""One space for all that can be moved about in: examples, latents, label vectors, noise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from synthgen import checks
from synthgen.checks import UserError

from . import storage
from .axes import Axes, Solver, fit_axes, fit_axes_in_parts
from .density import Density, DensityName, Normal, fit_mixture
from .paths import PATHS, Kind

MOST_FRAMES = 100_000
REACH = 2.0
"""Standard deviations either way that a sweep goes if not told otherwise."""

Sliders = Tensor | Mapping[int, float]
"""Numbers of standard deviations along the first axes, (k,) or fewer, or along some axes by their numbers from 0."""


@dataclass(frozen=True, kw_only=True)
class LatentSpace:
    """Points of one shape, axes through them, and a density to draw from.

    Attributes:
        shape: Of a point: that of an example, (latents,), (dim,) of a label's vectors.
        axes: What sliders move along.
        density: Of the points, over the sliders.
    """

    shape: tuple[int, ...]
    axes: Axes
    density: Density

    def __post_init__(self) -> None:
        checks.equal("size of a point", math.prod(self.shape), "size of the axes", len(self.axes.middle))
        checks.equal("sliders of the density", self.density.size, "number of axes", len(self.axes))

    @classmethod
    def normal(cls, size: int, *, points: Tensor | None = None) -> LatentSpace:
        """Standard normal: the prior of a VAE's latents, or a GAN's noise.

        Its axes are the coordinates; where `points` (n, size) are given, those along which they scatter most are first.
        """
        axes = Axes.standard(size)
        if points is not None:
            checks.shape("points", points, (None, size))
            axes = axes.ordered(points.detach().cpu().var(0, correction=0).argsort(descending=True, stable=True))
        return cls(shape=(size,), axes=axes, density=Normal(size))

    @classmethod
    def fit(
        cls,
        points: Tensor,
        *,
        rng: torch.Generator,
        axes: int | None = None,
        density: DensityName = "normal",
        members: int = 10,
        solver: Solver = "auto",
    ) -> LatentSpace:
        """Principal axes of points and a density along them.

        Args:
            points: (n, *shape).
            rng: What scikit-learn draws comes from here.
            axes: Number of principal axes; as many as the points have if None.
            density: "normal" is the PCA-Gaussian, "mixture" a mixture of Gaussians.
            members: Gaussians of a mixture.
            solver: See `axes.fit_axes`.

        Raises:
            UserError: more axes or members than the points allow.
        """
        checks.one_of("density", density, get_args(DensityName))
        flat = points.detach().cpu().flatten(1)
        found = fit_axes(flat, min(flat.shape) if axes is None else axes, rng=rng, solver=solver)
        space = cls(shape=tuple(points.shape[1:]), axes=found, density=Normal(len(found)))
        return space if density == "normal" else space.with_mixture(points, members, rng=rng)

    @classmethod
    def fit_in_parts(cls, parts: Iterable[Tensor], *, axes: int) -> LatentSpace:
        """A PCA-Gaussian of more points than fit into memory, given as parts (n, *shape); see `axes`."""
        others = iter(parts)
        start = next(others, None)
        checks.between("number of points", 0 if start is None else len(start), 1, 2**62)
        shape = tuple(start.shape[1:])

        def flat() -> Iterator[Tensor]:
            for part in chain([start], others):
                checks.shape("points", part, (None, *shape))
                yield part.detach().cpu().flatten(1)

        found = fit_axes_in_parts(flat(), axes)
        return cls(shape=shape, axes=found, density=Normal(len(found)))

    def with_mixture(self, points: Tensor, members: int, *, rng: torch.Generator) -> LatentSpace:
        """The same axes, with a mixture of Gaussians fitted to points (n, *shape)."""
        return replace(self, density=fit_mixture(self.sliders(points), members, rng=rng))

    def first(self, k: int) -> LatentSpace:
        """The PCA-Gaussian of the first k axes alone."""
        return replace(self, axes=self.axes.first(k), density=Normal(k))

    def sample(self, n: int, *, rng: torch.Generator) -> Tensor:
        """Points (n, *shape) drawn from the density; the first of them do not depend on n."""
        checks.between("n", n, 1, 2**31)
        return self._shaped(self.axes.from_deviations(self.density.sample(n, rng=rng).cpu()))

    def sliders(self, points: Tensor) -> Tensor:
        """Points (n, *shape) as numbers of standard deviations (n, k)."""
        return self.axes.in_deviations(self._flat(points))

    def at(self, sliders: Sliders, *, base: Tensor | None = None) -> Tensor:
        """The point (*shape) that lies the given standard deviations from the middle, or from a point `base`.

        Raises:
            UserError: an axis that there is not, or a value that is not finite.
        """
        flat = self.axes.from_deviations(self._row(sliders)[None])
        if base is not None:
            flat = flat - self.axes.middle + self._flat(base[None])
        return self._shaped(flat)[0]

    def reconstruct(self, points: Tensor, k: int | None = None) -> Tensor:
        """Points (n, *shape) projected on the first k axes, all if None."""
        axes = self.axes if k is None else self.axes.first(k)
        return self._shaped(axes.points(axes.coordinates(self._flat(points))))

    def sweep(self, axis: int, *, steps: int = 9, reach: float = REACH, base: Tensor | None = None) -> Tensor:
        """Points (steps, *shape) from `reach` deviations below `base`, or the middle, to as many above."""
        checks.between("steps", steps, 1, MOST_FRAMES)
        return torch.stack([self.at({axis: value}, base=base) for value in _even(steps, reach)])

    def sweep2d(
        self,
        first: int = 0,
        second: int = 1,
        *,
        steps: int = 9,
        reach: float = REACH,
        base: Tensor | None = None,
    ) -> Tensor:
        """Points (steps, steps, *shape): axis `first` grows from row to row, `second` from column to column.

        The other axes stay where `base` has them, or in the middle.
        """
        checks.between("steps", steps, 1, 256)
        if first == second:
            raise UserError(f"first={first} must differ from second={second}; name two axes")
        values = _even(steps, reach)
        rows = [torch.stack([self.at({first: a, second: b}, base=base) for b in values]) for a in values]
        return torch.stack(rows)

    def path(self, points: Tensor, *, steps: int, kind: Kind = "linear", closed: bool = False) -> Tensor:
        """From each point (n, *shape) to the next.

        Args:
            points: At least two.
            steps: Frames from each to the one before the next; the last point, unless closed, is one more.
            kind: Straight, or on great circles about the middle.
            closed: Go back to the first point in the end, for an animation without end.

        Returns:
            (frames, *shape), with the given points unchanged among them.
        """
        checks.one_of("kind", kind, PATHS)
        checks.between("number of points", len(points), 2, MOST_FRAMES)
        checks.between("steps", steps, 1, MOST_FRAMES)
        middle = self.axes.middle if kind == "spherical" else torch.zeros_like(self.axes.middle)
        flat = self._flat(points) - middle
        ends = [*flat, *(flat[:1] if closed else [])]
        share = torch.arange(steps) / steps
        frames = torch.cat([PATHS[kind](a, b, share) for a, b in pairwise(ends)] + ([] if closed else [flat[-1:]]))
        return self._shaped(frames + middle).to(points)

    def save(self, path: str | Path) -> Path:
        """Write a safetensors file atomically; return its path."""
        return storage.write(Path(path), shape=self.shape, axes=self.axes, density=self.density)

    @classmethod
    def load(cls, path: str | Path) -> LatentSpace:
        """The space in a file.

        Raises:
            UserError: there is none, or it is damaged or at odds with itself.
        """
        shape, axes, density = storage.read(Path(path))
        return cls(shape=shape, axes=axes, density=density)

    def _flat(self, points: Tensor) -> Tensor:
        checks.shape("points", points, (None, *self.shape))
        return points.detach().cpu().flatten(1).to(self.axes.middle)

    def _shaped(self, flat: Tensor) -> Tensor:
        return flat.view(-1, *self.shape)

    def _row(self, sliders: Sliders) -> Tensor:
        row, k = torch.zeros(len(self.axes), dtype=self.axes.middle.dtype), len(self.axes)
        if isinstance(sliders, Tensor):
            checks.shape("sliders", sliders, (None,))
            checks.between("number of sliders", len(sliders), 0, k)
            row[: len(sliders)] = sliders.to(row)
        else:
            for axis, value in sliders.items():
                checks.between("axis", axis, 0, k - 1)
                row[axis] = value
        if not row.isfinite().all():
            raise UserError("sliders must be finite numbers of standard deviations")
        return row


def _even(steps: int, reach: float) -> list[float]:
    checks.between("reach", reach, 0, 1e6)
    return torch.linspace(-reach, reach, steps).tolist() if steps > 1 else [0.0]
