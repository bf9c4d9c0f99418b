"""Several codes for one latent vector, side by side."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from synthgen import checks

from .quantize import Quantized, Quantizer


class GroupedQuantizer(Quantizer):
    """Cuts latents into parts that each take a code (product quantization; Jegou et al., 2011, section II-B).

    All parts share one codebook. Each settles on codes of its own, so that the code of one part says less than the
    codebook's size tells.
    """

    def __init__(self, inner: Quantizer, groups: int) -> None:
        """Cut latents into `groups` parts, which `inner` quantizes."""
        super().__init__()
        checks.between("groups", groups, 1, 1024)
        self.inner, self.groups = inner, groups
        self.dim, self.channels, self.levels = inner.dim * groups, inner.channels * groups, inner.levels

    def forward(self, z: Tensor) -> Quantized:
        found = self.inner(self._apart(z))
        return replace(found, z=_together(found.z), codes=_together(found.codes))

    def encode(self, z: Tensor) -> Tensor:
        return _together(self.inner.encode(self._apart(z)))

    def decode(self, codes: Tensor) -> Tensor:
        return _together(self.inner.decode(self._apart(codes)))

    def health(self, codes: Tensor) -> dict[str, Tensor]:
        return self.inner.health(self._apart(codes))

    def _apart(self, x: Tensor) -> Tensor:
        """(B, C * groups, *S) -> (B, C, *S, groups)."""
        return x.unflatten(1, (-1, self.groups)).movedim(2, -1)


def _together(x: Tensor) -> Tensor:
    """(B, C, *S, groups) -> (B, C * groups, *S)."""
    return x.movedim(-1, 2).flatten(1, 2)
