"""How far a set of pictures lies from another in the features of a network that was trained here.

This is the Frechet distance of Heusel et al. (2017, arXiv:1706.08500, section 3) on another network than theirs, so its
values compare with no published "FID": they are written ``FD[extractor]``, and compare only where the extractor, its
hash and the number of pictures are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from synthgen import checkpoint, checks
from synthgen.checks import UserError
from synthgen.data.images import Images
from synthgen.data.picture_file import to_bytes
from synthgen.models import Classifier, GenerativeModel
from synthgen.models.codes import fingerprint
from synthgen.records import Labels
from synthgen.representations.base import ImageRepresentation

BATCH = 256


@dataclass(frozen=True)
class Moments:
    """Mean (D,) and covariance (D, D) in float64 of the features of `count` examples."""

    count: int
    mean: Tensor
    covariance: Tensor


def moments(features: Tensor) -> Moments:
    """Those of features (N, D).

    Raises:
        UserError: there are fewer than two, or some are not finite.
    """
    if len(features) < 2:
        raise UserError(f"{len(features)} picture(s) have no covariance; compare at least 2, better 1,000")
    if not features.isfinite().all():
        raise UserError("some features are not finite; are the pictures?")
    features = features.double()
    return Moments(len(features), features.mean(0), features.T.cov())


def frechet_distance(a: Moments, b: Moments) -> float:
    """Squared Frechet distance |m - n|^2 + tr(S + T - 2 (S T)^(1/2)) of two Gaussians (Dowson and Landau, 1982).

    The root's trace is the sum of the singular values of S^(1/2) T^(1/2), which needs no root of a product that
    rounding has made indefinite.
    """
    checks.equal("features", len(a.mean), "those compared with", len(b.mean))
    shared = torch.linalg.svdvals(_root(a.covariance) @ _root(b.covariance)).sum()
    distance = (a.mean - b.mean).square().sum() + a.covariance.trace() + b.covariance.trace() - 2 * shared
    return max(0.0, distance.item())


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


@dataclass(frozen=True)
class Extractor:
    """Features of pictures of any size, by a trained `Classifier`.

    Attributes:
        name: Of its file or run, and the beginning of the hash of its weights.
        model: In eval mode.
    """

    name: str
    model: Classifier

    @classmethod
    def load(cls, path: Path) -> Extractor:
        """The extractor in a checkpoint, or in the folder of a training run.

        Raises:
            UserError: no such checkpoint, or one of another model.
        """
        file = path / "model.safetensors" if path.is_dir() else path
        if not file.is_file():
            raise UserError(f"{path}: no such extractor; train one with recipes/celeba_classifier.py")
        model = checkpoint.load(file).model
        if not isinstance(model, Classifier):
            raise UserError(f"{path}: holds a {type(model).__name__}; an extractor is a Classifier")
        name = path.resolve().name if path.is_dir() else path.stem
        return cls(f"{name}-{fingerprint(model)[:8]}", model)

    @torch.inference_mode()
    def features(self, pictures: Tensor) -> Tensor:
        """Pictures (N, C, H, W) with values in [0, 1] -> (N, D) float32, on the CPU.

        Pictures are rounded to 256 levels, as a file would be, and scaled to the size that the model has learned
        from, without aliasing.

        Raises:
            UserError: the pictures have other channels than those that it learned from.
        """
        channels, *size = self.model.spec.shape
        checks.shape("pictures", pictures, (None, channels, None, None))
        found = []
        for part in pictures.split(BATCH):
            x = torch.from_numpy(to_bytes(part.numpy())).float() / 255
            if list(x.shape[2:]) != size:
                x = F.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False)
            found.append(self.model.features(2 * x - 1))
        return torch.cat(found)

    def moments_of(self, batches: Iterable[Tensor]) -> Moments:
        """Moments of pictures that come in batches (B, C, H, W) with values in [0, 1]."""
        found = [self.features(batch) for batch in batches]
        return moments(torch.cat(found) if found else torch.empty(0, 1))


def batches_of(part: Images, rows: Tensor | None = None) -> Iterator[Tensor]:
    """Real pictures (B, C, H, W) in [0, 1], those at `rows` or all."""
    rows = torch.arange(len(part)) if rows is None else rows
    return (part.batch(some).x for some in rows.split(BATCH))


def drawn(
    model: GenerativeModel,
    representation: ImageRepresentation,
    n: int,
    *,
    labels: Labels | None = None,
    rng: torch.Generator,
) -> Iterator[Tensor]:
    """Pictures (B, C, H, W) in [0, 1] that a model draws, `n` in all, on the CPU.

    Args:
        model: In eval mode.
        representation: Makes pictures of what it draws.
        n: Number of pictures.
        labels: Of the pictures, each (n, ...); None tells the model nothing.
        rng: Draws the noise; on the model's device.
    """
    device = next(model.parameters()).device
    for rows in torch.arange(n).split(BATCH):
        told = {name: values[rows].to(device) for name, values in (labels or {}).items()}
        with torch.inference_mode():
            yield representation.decode(model.sample(len(rows), told, rng=rng).float()).cpu()


@dataclass(frozen=True, kw_only=True)
class Frechet:
    """Frechet distances of made pictures from real ones, always to be read beside that of other real ones.

    Attributes:
        extractor: Its name.
        distance: Of the made pictures.
        made: Their number.
        real: Number of real pictures that they are compared with.
        floor: Distance of as many other real pictures, the least that can be hoped for; None where there are none.
    """

    extractor: str
    distance: float
    made: int
    real: int
    floor: float | None = None

    def __str__(self) -> str:
        floor = "" if self.floor is None else f", other real ones {self.floor:.3f}"
        return f"FD[{self.extractor}] {self.distance:.3f} ({self.made} made pictures against {self.real} real{floor})"


class FrechetJudge:
    """Compares any number of generators with the same real pictures.

    Half of the real pictures, evenly chosen, is what is compared with; the other half tells the floor.
    """

    def __init__(self, extractor: Extractor, real: Images, *, limit: int = 2000) -> None:
        """Extract the features of up to twice `limit` of the pictures `real`.

        Raises:
            UserError: there are fewer than four real pictures.
        """
        checks.between("number of real pictures", len(real), 4, 2**40)
        self.extractor = extractor
        count = min(len(real) // 2, limit)
        rows = torch.linspace(0, len(real) - 1, 2 * count).long()
        self.real, self.others = (extractor.moments_of(batches_of(real, half)) for half in (rows[::2], rows[1::2]))

    @property
    def count(self) -> int:
        """How many pictures should be made: as many as they are compared with."""
        return self.real.count

    def judge(self, batches: Iterable[Tensor]) -> Frechet:
        """The distance of made pictures, in batches (B, C, H, W) with values in [0, 1]."""
        return self.verdict(self.extractor.moments_of(batches))

    def verdict(self, made: Moments) -> Frechet:
        """The distance of pictures whose features have these moments."""
        return Frechet(
            extractor=self.extractor.name,
            distance=frechet_distance(made, self.real),
            made=made.count,
            real=self.real.count,
            floor=frechet_distance(self.others, self.real),
        )


def judged(
    model: GenerativeModel, representation: ImageRepresentation, real: Images, extractor: Path | None, *, seed: int = 0
) -> str:
    """The distance of a model's pictures from the `real` ones as a line, or how to have it where there is no extractor.

    A model that is given labels gets those of real pictures, evenly chosen.
    """
    if extractor is None:
        return "no extractor to measure a Frechet distance with; train one with recipes/celeba_classifier.py"
    judge = FrechetJudge(Extractor.load(extractor), real)
    labels = real.batch(torch.linspace(0, len(real) - 1, judge.count).long()).labels
    device = next(model.parameters()).device
    rng = torch.Generator(device).manual_seed(seed)
    return str(judge.judge(drawn(model, representation, judge.count, labels=labels, rng=rng)))
