"""Axes of a space: the middle, orthonormal directions, and how far points scatter along each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from synthgen import checks
from synthgen.checks import UserError

Solver = Literal["auto", "full", "covariance_eigh", "arpack", "randomized"]
MOST_EXACT = 1e11
"""Points times numbers of each times the fewer of both: 8,000 pictures of 32 x 32 pixels in colour, half a minute."""


@dataclass(frozen=True, kw_only=True)
class Axes:
    """Points (n, D) as numbers of standard deviations along k directions, and back.

    Attributes:
        middle: (D,).
        directions: Orthonormal rows (k, D), the one of most variance first.
        deviations: Standard deviation of the points along each, (k,).
        explained: Share of all variance that each direction has, (k,).
    """

    middle: Tensor
    directions: Tensor
    deviations: Tensor
    explained: Tensor

    def __len__(self) -> int:
        return len(self.deviations)

    @staticmethod
    def standard(size: int) -> Axes:
        """Those of a standard normal distribution: the coordinates themselves."""
        checks.between("size of the space", size, 1, 8192)
        even = torch.full((size,), 1 / size)
        return Axes(middle=torch.zeros(size), directions=torch.eye(size), deviations=torch.ones(size), explained=even)

    def ordered(self, order: Tensor) -> Axes:
        """The same axes in another order, given by their numbers (k,)."""
        parts = {name: getattr(self, name)[order] for name in ("directions", "deviations", "explained")}
        return Axes(middle=self.middle, **parts)

    def first(self, k: int) -> Axes:
        """The first k of them: what scikit-learn's PCA of k components has."""
        checks.between("number of axes", k, 1, len(self))
        return Axes(
            middle=self.middle,
            directions=self.directions[:k],
            deviations=self.deviations[:k],
            explained=self.explained[:k],
        )

    def coordinates(self, points: Tensor) -> Tensor:
        """(n, D) -> distances (n, k) from the middle along the directions; scikit-learn's `transform`."""
        return points.to(self.middle) @ self.directions.T - self.middle @ self.directions.T

    def points(self, coordinates: Tensor) -> Tensor:
        """(n, k) -> (n, D); scikit-learn's `inverse_transform`."""
        return coordinates.to(self.middle) @ self.directions + self.middle

    def in_deviations(self, points: Tensor) -> Tensor:
        """(n, D) -> (n, k) in standard deviations; 0 along a direction in which points do not differ."""
        known = self.deviations > 1e-6 * self.deviations.max()
        return torch.where(known, self.coordinates(points) / torch.where(known, self.deviations, 1), 0)

    def from_deviations(self, sliders: Tensor) -> Tensor:
        """(n, k) in standard deviations -> (n, D)."""
        return self.points(sliders.to(self.deviations) * self.deviations)


def fit_axes(points: Tensor, k: int, *, rng: torch.Generator, solver: Solver = "auto") -> Axes:
    """Principal axes of points (n, D) that are in memory, by scikit-learn's `PCA`.

    Args:
        points: One a row.
        k: Number of axes, at most n and at most D.
        rng: What a solver draws, it draws from here.
        solver: `svd_solver` of scikit-learn; "auto" takes an exact one up to `MOST_EXACT`, and "randomized" beyond,
            where only the last of many axes are a little off.

    Raises:
        UserError: k is larger than the data allow, or a point is not finite.
    """
    from sklearn.decomposition import PCA

    checks.one_of("solver", solver, get_args(Solver))
    check_size(k, *points.shape)
    if not points.isfinite().all():
        raise UserError("points to fit axes to must be finite; the model makes values that are no numbers")
    if solver == "auto":
        solver = _solver(*points.shape)
    pca = PCA(k, svd_solver=solver, random_state=drawn_seed(rng))
    pca.fit(points.numpy())
    return _axes(pca, points.numpy())


def fit_axes_in_parts(parts: Iterable[Tensor], k: int) -> Axes:
    """The same of more points than fit into memory, by scikit-learn's `IncrementalPCA`; see there how near it comes.

    Args:
        parts: Points (n, D) a part. They are put together until there are k, which a step of the fit needs.
        k: Number of axes.

    Raises:
        UserError: k is larger than the data allow, or a point is not finite.
    """
    from sklearn.decomposition import IncrementalPCA

    pca, seen = IncrementalPCA(k), 0
    for part in _of_at_least(parts, k):
        check_size(k, *part.shape)
        if not part.isfinite().all():
            raise UserError("points to fit axes to must be finite; the model makes values that are no numbers")
        pca.partial_fit(part.numpy())
        seen += len(part)
    checks.between("number of points", seen, 2, 2**62)
    return _axes(pca, part.numpy())


def check_size(k: int, n: int, size: int) -> None:
    """Raise UserError unless n points of `size` numbers can have k axes."""
    checks.between("number of points", n, 2, 2**62)
    if not 1 <= k <= min(n, size):
        most = min(n, size)
        raise UserError(f"axes={k} must be between 1 and {most}: there are {n} points of {size} numbers; ask for fewer")


def drawn_seed(rng: torch.Generator) -> int:
    """A seed for scikit-learn, which takes 32 bits."""
    return int(torch.randint(2**32, (), generator=rng, device=rng.device))


def _solver(n: int, size: int) -> Solver:
    """Where scikit-learn's own choice is exact, that one."""
    if size <= 1000 and n >= 10 * size:
        return "covariance_eigh"
    return "full" if n * size * min(n, size) <= MOST_EXACT else "randomized"


def _of_at_least(parts: Iterable[Tensor], k: int) -> Iterator[Tensor]:
    """Parts joined so that each has k points or more; what is left over goes to the last."""
    waiting: list[Tensor] = []
    ready: Tensor | None = None
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) >= max(k, 2):
            if ready is not None:
                yield ready
            ready, waiting = torch.cat(waiting), []
    left = [*([] if ready is None else [ready]), *waiting]
    if left:
        yield torch.cat(left)


def _axes(pca: object, like: np.ndarray) -> Axes:
    """What scikit-learn has found, in the type of the points; IncrementalPCA mixes float64 into float32."""
    deviations = np.sqrt(np.maximum(pca.explained_variance_, 0))
    arrays = (pca.mean_, pca.components_, deviations, pca.explained_variance_ratio_)
    middle, directions, deviations, explained = (torch.from_numpy(np.array(a, like.dtype, order="C")) for a in arrays)
    return Axes(middle=middle, directions=directions, deviations=deviations, explained=explained)
