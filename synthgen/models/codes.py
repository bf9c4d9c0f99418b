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
