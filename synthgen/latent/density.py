"""Densities over the sliders of a space, in standard deviations."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from synthgen import checks
from synthgen.signal.normal_noise import normal_noise

from .axes import drawn_seed

REGULARISATION = 1e-3
"""Added to the variances of a mixture's members, in squared deviations of the whole."""
ITERATIONS = 200

DensityName = Literal["normal", "mixture"]


@dataclass(frozen=True)
class Normal:
    """Every slider by itself, with mean zero and deviation one; on principal axes this is a PCA-Gaussian."""

    size: int

    def sample(self, n: int, *, rng: torch.Generator) -> Tensor:
        """(n, size) float32; the first of them do not depend on n."""
        return normal_noise(n, (self.size,), rng=rng)


@dataclass(frozen=True)
class Mixture:
    """Several Gaussians of full covariance.

    Attributes:
        weights: Share of each member, (M,).
        means: (M, k).
        factors: Lower triangular L of each covariance L L^T, (M, k, k).
    """

    weights: Tensor
    means: Tensor
    factors: Tensor

    @property
    def size(self) -> int:
        """Number of sliders."""
        return self.means.shape[1]

    def sample(self, n: int, *, rng: torch.Generator) -> Tensor:
        """(n, size) float32; the first of them do not depend on n."""
        noise = normal_noise(n, (1 + self.size,), rng=rng).cpu()
        uniform = torch.special.ndtr(noise[:, 0].double())
        borders = self.weights.double().cumsum(0)
        member = torch.searchsorted(borders / borders[-1], uniform).clamp(max=len(borders) - 1)
        spread = torch.einsum("nij,nj->ni", self.factors[member].float(), noise[:, 1:])
        return self.means[member].float() + spread


Density = Normal | Mixture


def fit_mixture(sliders: Tensor, members: int, *, rng: torch.Generator) -> Mixture:
    """A mixture of Gaussians by expectation maximisation (scikit-learn's `GaussianMixture`).

    Args:
        sliders: (n, k).
        members: Number of Gaussians, at most n.
        rng: Where the first guess is drawn from.

    Raises:
        UserError: there are more members than points.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    checks.between("members of the mixture", members, 1, len(sliders))
    mixture = GaussianMixture(
        members, reg_covar=REGULARISATION, max_iter=ITERATIONS, random_state=drawn_seed(rng), init_params="k-means++"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last iterate is a density as good as any near it
        mixture.fit(sliders.double().numpy())
    factors = np.linalg.cholesky(mixture.covariances_)
    weights, means, factors = (torch.from_numpy(a).float() for a in (mixture.weights_, mixture.means_, factors))
    return Mixture(weights, means, factors)
