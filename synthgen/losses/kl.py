"""Divergence of Gaussian posteriors from their prior."""

from __future__ import annotations

from torch import Tensor


def standard_normal_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence in nats of independent normals from standard ones, (B, K) -> (B,).

    Kingma and Welling (2014, arXiv:1312.6114), appendix B.

    >>> standard_normal_kl(torch.tensor([[0.0, 2.0]]), torch.zeros(1, 2))
    tensor([2.])
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
