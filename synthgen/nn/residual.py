"""Codebooks one after another."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from synthgen import checks
from synthgen.checks import UserError

from .quantize import Quantized, Quantizer, VectorQuantizer


class ResidualQuantizer(Quantizer):
    """Each codebook takes what those before it have left (Zeghidour et al., 2021, arXiv:2107.03312, section III-C).

    Codes are chosen one after another, and a sum of code vectors may be given other codes than it was made of.
    """

    def __init__(self, stages: Sequence[VectorQuantizer]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.dim, self.levels, self.channels = stages[0].dim, stages[0].levels, len(stages)
        for stage in stages:
            checks.equal("codes of a stage", stage.levels, "codes of the first", self.levels)
            if stage.distance == "cosine":
                raise UserError("distance='cosine' cannot compare what is left; use distance='euclidean' or one stage")

    def forward(self, z: Tensor) -> Quantized:
        """Commitment and codebook losses are sums over the stages, health is their mean."""
        z = z.float()
        rest, found = z, []
        for stage in self.stages:
            found.append(stage(rest))
            rest = rest - found[-1].z.detach()
        return Quantized(
            z=z - rest.detach(),
            codes=torch.cat([q.codes for q in found], dim=1),
            commitment=sum(q.commitment for q in found),
            codebook=sum(q.codebook for q in found),
            parts={name: sum(q.parts[name] for q in found) / len(found) for name in found[0].parts},
        )

    def encode(self, z: Tensor) -> Tensor:
        rest, codes = z.float(), []
        for stage in self.stages:
            codes.append(stage.encode(rest))
            rest = rest - stage.decode(codes[-1])
        return torch.cat(codes, dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        return sum(stage.decode(c) for stage, c in zip(self.stages, codes.split(1, dim=1), strict=True))
