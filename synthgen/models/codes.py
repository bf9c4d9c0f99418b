"""The representation that a trained autoencoder gives: what the model of a second stage learns from."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import torch
from torch import Tensor

from synthgen import checks
from synthgen.checks import UserError
from synthgen.records import DataSpec, Field
from synthgen.representations.base import AudioRepresentation, ImageRepresentation, Representation

from .base import Autoencoder, Model


class Codes(Representation):
    """Codes (B, C, *grid) of examples of another representation; `codes_of` chooses the subclass.

    Media may be longer or larger than what the autoencoder has learned from, if `inner` is made for them.
    """

    name = "codes"

    def __init__(self, autoencoder: Autoencoder, inner: Representation) -> None:
        """Freeze `autoencoder`, which has learned from examples of `inner`.

        Raises:
            UserError: it has learned from others.
        """
        learned, given = autoencoder.spec, inner.spec()
        parts = {part: (getattr(learned, part), getattr(given, part)) for part in ("levels", "axes")}
        for part, (a, b) in {"channels": (learned.shape[0], given.shape[0]), **parts}.items():
            if a != b:
                raise UserError(f"the autoencoder takes examples with {part} {a}, {inner.name} has {b}; use its own")
        self.autoencoder, self.inner = autoencoder.eval().requires_grad_(False), inner
        self.fingerprint = fingerprint(autoencoder)

    @property
    def levels(self) -> int:
        """Values that a code takes."""
        return self.autoencoder.code_spec.levels

    def spec(self, fields: tuple[Field, ...] = ()) -> DataSpec:
        code, size = self.autoencoder.code_spec, self.inner.spec().shape[1:]
        return DataSpec(
            shape=(code.shape[0], *self.autoencoder.grid(size)),
            levels=code.levels,
            fields=fields,
            axes=code.axes,
            coded_by=self.fingerprint,
        )

    def encode(self, media: Tensor) -> Tensor:
        """Turn media into codes; whole numbers are codes already, e.g. those of `training.coded`."""
        if not media.is_floating_point():
            return self._checked(media)
        return self.autoencoder.to(media.device).encode(self.inner.encode(media))

    def decode(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        size = self.inner.spec().shape[1:]
        return self.inner.decode(self.autoencoder.to(x.device).decode(self._checked(x), size=size), rng=rng)

    def described(self) -> dict[str, Any]:
        return {**self.inner.described(), "coded_by": self.fingerprint}

    def _checked(self, codes: Tensor) -> Tensor:
        checks.shape("codes", codes, (None, *self.spec().shape))
        low, high = (int(x) for x in codes.aminmax())
        if low < 0 or high >= self.levels:
            raise UserError(f"codes from {low} to {high} must lie between 0 and {self.levels - 1}; they are of others")
        return codes


class AudioCodes(Codes, AudioRepresentation):
    """Codes of sounds."""

    inner: AudioRepresentation

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return self.inner.sample_rate

    @property
    def samples(self) -> int:
        """Length of a note in samples."""
        return self.inner.samples

    @property
    def bits_per_second(self) -> float:
        """What the codes of a second of sound take, if all are equally likely."""
        return math.prod(self.spec().shape) * math.log2(self.levels) * self.sample_rate / self.samples


class PictureCodes(Codes, ImageRepresentation):
    """Codes of pictures."""

    inner: ImageRepresentation

    @property
    def height(self) -> int:
        """Rows."""
        return self.inner.height

    @property
    def width(self) -> int:
        """Columns."""
        return self.inner.width

    @property
    def channels(self) -> int:
        """Channels of the media."""
        return self.inner.channels

    def beginning(self, media: Tensor, pixels: int) -> Tensor:
        """Codes (B, C, N) of those N places, the first in raster order, whose cells lie within the first pixels.

        The other pixels are not looked at: the encoder, which sees beyond a cell, is shown the last known row again.

        Args:
            media: Pictures (B, channels, height, width).
            pixels: How many are known, in raster order.
        """
        size = tuple(media.shape[2:])
        rows, columns = (torch.arange(n, device=media.device) for n in size)
        known = pixels // size[1] - 1 + (columns < pixels % size[1]).long()  # the last row of each column
        seen = media.gather(2, rows[:, None].minimum(known).clamp(min=0).expand(media.shape))
        steps = [round(a.step / b.step) for a, b in zip(self.spec().axes, self.inner.spec().axes, strict=True)]
        down, right = (  # the last row and the last column of each cell
            ((torch.arange(cells, device=media.device) + 1) * step).clamp(max=n) - 1
            for cells, step, n in zip(self.autoencoder.grid(size), steps, size, strict=True)
        )
        return self.encode(seen).flatten(2)[..., : int((down[:, None] <= known[right]).sum())]


def codes_of(autoencoder: Autoencoder, inner: Representation) -> Codes:
    """Codes of sounds or of pictures, as `inner` is; see `Codes`."""
    return (AudioCodes if isinstance(inner, AudioRepresentation) else PictureCodes)(autoencoder, inner)


def fingerprint(model: Model) -> str:
    """SHA-256 of a model's weights and buffers in half precision, which a checkpoint may keep them in."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        value = value.half() if value.is_floating_point() else value
        digest.update(f"{name} {tuple(value.shape)} ".encode() + value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
