"""Latents as numbers of code vectors, in any number of dimensions."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks
from synthgen.checks import UserError

MAX_LEVELS = 32_768
"""Most values of a code; 16 bits hold them."""
DEAD = 0.01
"""A code that is taken less than this, relative to even use, counts as dead."""
SMOOTHING = 1e-5
ROUNDS = 10
"""Iterations of k-means on the first batch."""


@dataclass(frozen=True, kw_only=True)
class Quantized:
    """What a quantizer makes of latents.

    Attributes:
        z: Code vectors (B, D, *S); their gradient goes straight to the latents.
        codes: (B, C, *S) int64.
        commitment: Squared error of the latents, which draws them to their codes.
        codebook: The same, drawing the codes to the latents; 0 where no gradient moves codes.
        parts: Health of the codes: ``used`` (share of them that the batch takes), ``perplexity`` (the number of evenly
            used codes that would have their entropy) and ``dead`` (number that has hardly been taken of late; where
            those are replaced, how many are now).
    """

    z: Tensor
    codes: Tensor
    commitment: Tensor
    codebook: Tensor
    parts: dict[str, Tensor]


class Quantizer(nn.Module, ABC):
    """Latents (B, D, *S) to codes (B, C, *S) and back.

    Attributes:
        dim: Length D of a latent vector.
        channels: Codes C of a position.
        levels: Values that a code takes.
    """

    dim: int
    channels: int = 1
    levels: int

    @abstractmethod
    def forward(self, z: Tensor) -> Quantized:
        """Quantize latents (B, D, *S); in training the codebooks follow them."""

    @abstractmethod
    def encode(self, z: Tensor) -> Tensor:
        """Latents (B, D, *S) -> codes (B, C, *S) int64."""

    @abstractmethod
    def decode(self, codes: Tensor) -> Tensor:
        """Codes (B, C, *S) -> code vectors (B, D, *S)."""

    def health(self, codes: Tensor) -> dict[str, Tensor]:
        """``used`` and ``perplexity`` of codes (B, C, *S), the mean over codebooks."""
        return health(codes, self.levels)


class VectorQuantizer(Quantizer):
    """The nearest of some learned vectors (VQ-VAE; van den Oord et al., 2017, arXiv:1711.00937, section 3).

    The code vectors follow the latents by exponential moving averages (appendix A.1 there), or by the gradient of the
    codebook loss. Use is counted relative to even use, where the paper counts latents: counts start at 1, that of a
    code which is taken as often as the others, however large the batch. Squared errors are means, not sums, over the
    entries of a vector.

    The first batch sets the codebook by k-means, and in each step codes that are hardly taken are replaced by latents
    of the batch at random (as in Dhariwal et al., 2020, arXiv:2005.00341, section 3.1). Under several processes all
    follow the codebook of the first, which learns from its share of the batch.
    """

    sums: Tensor | None
    counts: Tensor
    steps: Tensor

    def __init__(
        self,
        levels: int,
        dim: int,
        *,
        distance: Literal["euclidean", "cosine"] = "euclidean",
        update: Literal["ema", "gradient"] = "ema",
        start: Literal["random", "data"] = "data",
        restart: float = 0.2,
        decay: float = 0.99,
    ) -> None:
        """Make a codebook.

        Args:
            levels: Number of codes.
            dim: Length of a vector.
            distance: ``cosine`` compares directions: latents and codes lie on a sphere, where entries have a mean
                square of 1.
            update: What moves the codes: moving averages of the latents, or gradients.
            start: First codes: small random vectors, as in the paper, or the means of clusters of the first batch.
            restart: Replace codes that are taken less than this, relative to even use; 0 never does.
            decay: Of the averages, per step.

        Raises:
            UserError: out of bounds, or codes that gradients move are to be replaced by data.
        """
        super().__init__()
        checks.between("number of codes", levels, 2, MAX_LEVELS)
        checks.between("length of a code", dim, 1, 8192)
        checks.between("restart", restart, 0, 0.9)
        checks.between("decay", decay, 0, 0.99999)
        if update == "gradient" and (start == "data" or restart):
            raise UserError("update='gradient' needs start='random' and restart=0; give them, or choose update='ema'")
        self.levels, self.dim, self.distance, self.start = levels, dim, distance, start
        self.restart, self.decay = restart, decay
        vectors = self._place(torch.empty(levels, dim).uniform_(-1 / levels, 1 / levels))
        self.register_buffer("sums", vectors.clone() if update == "ema" else None)
        if update == "ema":
            self.register_buffer("table", vectors)
        else:  # an Embedding, since optimizers spare its rows: they are touched as rarely as their code occurs
            self.table = nn.Embedding(levels, dim, _weight=vectors)
        self.register_buffer("counts", torch.ones(levels))
        self.register_buffer("steps", torch.tensor(0))

    @property
    def vectors(self) -> Tensor:
        """The codebook (K, D)."""
        return self.table if self.sums is not None else self._place(self.table.weight)

    def forward(self, z: Tensor) -> Quantized:
        rows, shape = self._rows(z), (len(z), *z.shape[2:])
        if self.training and self.start == "data" and not self.steps:
            self._begin(rows.detach())
        vectors = self.vectors
        chosen = nearest(rows, vectors)
        taken, codes = F.embedding(chosen, vectors), chosen.view(shape)[:, None]
        dead = self._follow(rows.detach(), chosen) if self.training else self._dead()
        return Quantized(
            z=(rows + (taken - rows).detach()).view(*shape, -1).movedim(-1, 1),
            codes=codes,
            commitment=F.mse_loss(rows, taken.detach()),
            codebook=rows.new_zeros(()) if self.sums is not None else F.mse_loss(taken, rows.detach()),
            parts={**health(codes, self.levels), "dead": dead.sum()},
        )

    def encode(self, z: Tensor) -> Tensor:
        return nearest(self._rows(z), self.vectors).view(len(z), 1, *z.shape[2:])

    def decode(self, codes: Tensor) -> Tensor:
        return F.embedding(codes[:, 0], self.vectors).movedim(-1, 1)

    def _rows(self, z: Tensor) -> Tensor:
        """Latents (B, D, *S) as (N, D) in float32, on the sphere where directions count."""
        return self._place(z.float().movedim(1, -1).reshape(-1, self.dim))

    def _place(self, rows: Tensor) -> Tensor:
        return rows if self.distance == "euclidean" else F.normalize(rows, dim=-1) * math.sqrt(self.dim)

    def _dead(self) -> Tensor:
        return self.counts < (self.restart or DEAD)

    def _pace(self) -> Tensor | float:
        """Weight of a step in the averages.

        Latents change most in the first steps, and averages then forget sooner; but not where codes that are not taken
        stay as they are, since smoothing would draw them to zero.
        """
        return 1 - ((1 + self.steps) / (10 + self.steps)).clamp(max=self.decay) if self.restart else 1 - self.decay

    @torch.no_grad()
    def _begin(self, rows: Tensor) -> None:
        vectors = some(rows, self.levels)
        for _ in range(ROUNDS):
            share, sums = totals(rows, nearest(rows, vectors), self.levels)
            vectors = self._place(torch.where(share[:, None] > 0, sums / share[:, None], vectors))
        self.table.copy_(vectors)
        self.sums.copy_(vectors)

    @torch.no_grad()
    def _follow(self, rows: Tensor, codes: Tensor) -> Tensor:
        """Count use, move the codes and replace dead ones; returns which were dead (K,)."""
        self.steps += 1
        pace = self._pace()
        share, sums = totals(rows, codes, self.levels)
        self.counts.lerp_(share * self.levels, pace)
        dead = self._dead()
        if self.sums is None:
            return dead
        self.sums.lerp_(sums * self.levels, pace)
        # Laplace smoothing; the sum of all counts is the number of codes, or near it after replacements.
        vectors = self.sums * ((1 + SMOOTHING) / (self.counts + SMOOTHING))[:, None]
        if self.restart:
            vectors = torch.where(dead[:, None], some(rows, self.levels), vectors)
            self.counts.masked_fill_(dead, 1.0)
            self.sums.copy_(torch.where(dead[:, None], vectors, self.sums))
        self.table.copy_(self._place(vectors))
        return dead


def nearest(rows: Tensor, vectors: Tensor) -> Tensor:
    """Number of the nearest of `vectors` (K, D) for each of `rows` (N, D), int64.

    >>> nearest(torch.tensor([[0.9], [0.2]]), torch.tensor([[0.0], [1.0]]))
    tensor([1, 0])
    """
    with torch.autocast(rows.device.type, enabled=False):  # half precision would choose other codes
        # |z|^2 is the same for all codes.
        return torch.addmm(vectors.square().sum(1), rows, vectors.T, alpha=-2).argmin(1)


def totals(rows: Tensor, codes: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """Share of `rows` (N, D) that each code takes (K,), and their sum divided by N (K, D)."""
    share = torch.bincount(codes, minlength=levels).to(rows.dtype) / len(rows)
    return share, rows.new_zeros(levels, rows.shape[1]).index_add_(0, codes, rows) / len(rows)


def some(rows: Tensor, count: int) -> Tensor:
    """`count` of `rows` at random, all different where there are enough."""
    chosen = torch.randperm(len(rows), device=rows.device)
    return rows[chosen.repeat(math.ceil(count / len(rows)))[:count]]


def health(codes: Tensor, levels: int) -> dict[str, Tensor]:
    """``used`` and ``perplexity`` of codes (B, C, *S), see `Quantized.parts`; the mean over several channels.

    >>> {name: value.item() for name, value in health(torch.tensor([[[0, 0, 2, 2]]]), 4).items()}
    {'used': 0.5, 'perplexity': 2.0}
    """
    shares = [torch.bincount(c.flatten(), minlength=levels) / c.numel() for c in codes.unbind(1)]
    share = torch.stack(shares)
    return {
        "used": (share > 0).float().mean(),
        "perplexity": torch.special.entr(share).sum(1).exp().mean(),
    }
