"""Ways of making new pictures, and of keeping given ones in a few numbers, behind one face: to be compared."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from synthgen import checkpoint, checks
from synthgen.checks import UserError
from synthgen.data.images import Images
from synthgen.models import VAE, ConvAutoencoder
from synthgen.models.base import GenerativeModel
from synthgen.representations.base import ImageRepresentation

from .drawing import Drawer, FromExamples, FromLatents
from .points import example_points, latent_points
from .space import LatentSpace

AT_ONCE = 128
"""Pictures that are drawn together."""

TrainSet = Callable[[ImageRepresentation], Images]
"""Training pictures of the size that a representation takes."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way of making pictures.

    Attributes:
        name: Of the model and of how points are drawn.
        representation: Between pictures and examples.
        draw: A number of pictures and a generator on the CPU to pictures (n, C, H, W) in [0, 1].
        numbers: How many an example becomes, None where a given one cannot be kept.
        rebuild: Examples to what is left of them, None likewise and where another way has the same.
        minutes: Of training or fitting, by the clock.
    """

    name: str
    representation: ImageRepresentation
    draw: Callable[[int, torch.Generator], Tensor]
    numbers: int | None = None
    rebuild: Callable[[Tensor], Tensor] | None = None
    minutes: float = 0.0


@dataclass(frozen=True)
class PCA:
    """Principal axes of training pictures, and ways by the first so many of them."""

    space: LatentSpace
    representation: ImageRepresentation
    minutes: float

    @classmethod
    def fit(cls, train: Images, representation: ImageRepresentation, axes: int, *, seed: int = 0) -> PCA:
        """All training pictures by so many axes.

        Raises:
            UserError: more axes than the pictures allow.
        """
        started = time.perf_counter()
        points = example_points(train, representation)
        space = LatentSpace.fit(points, axes=axes, rng=torch.Generator().manual_seed(seed))
        return cls(space, representation, (time.perf_counter() - started) / 60)

    def way(self, axes: int) -> Way:
        """The Gaussian of the first `axes`."""
        space = self.space.first(axes)
        return Way(
            name=f"PCA, {axes} axes",
            representation=self.representation,
            draw=_from(space, FromExamples(representation=self.representation)),
            numbers=axes,
            rebuild=space.reconstruct,
            minutes=self.minutes,
        )


def by_run(path: Path, train: TrainSet, *, members: int = 10, seed: int = 0) -> list[Way]:
    """The ways of a training run: an autoencoder has two, by a Gaussian and by a mixture of its latents; others one.

    Args:
        path: A checkpoint, or the folder of a run, whose name the ways get.
        train: What latents are fitted to, and whose labels a model that is told some is asked for.
        members: Gaussians of the mixture.
        seed: Of the mixture's first guess.

    Raises:
        UserError: no checkpoint, or one that cannot make pictures.
    """
    file = path / "model.safetensors" if path.is_dir() else path
    if not file.is_file():
        raise UserError(f"{path}: no such run; give the folder of one, or a checkpoint")
    loaded = checkpoint.load(file)
    model, representation = loaded.model, loaded.representation
    if not isinstance(representation, ImageRepresentation):
        raise UserError(f"{path}: makes no pictures; give a run of an image recipe")
    name = path.resolve().name if path.is_dir() else path.stem
    about = {"representation": representation, "minutes": float(loaded.provenance.get("minutes", 0.0))}
    if isinstance(model, ConvAutoencoder):
        points, rng = latent_points(model, representation, train(representation)), torch.Generator().manual_seed(seed)
        checks.between("members", members, 1, len(points))
        space, drawer = LatentSpace.fit(points, rng=rng), FromLatents(model=model, representation=representation)
        mixture, about = space.with_mixture(points, members, rng=rng), about | {"numbers": model.latents}
        return [
            Way(name=f"{name}, Gaussian", draw=_from(space, drawer), rebuild=_rebuilding(model), **about),
            Way(name=f"{name}, mixture of {members}", draw=_from(mixture, drawer), **about),
        ]
    if not isinstance(model, GenerativeModel):
        raise UserError(f"{path}: holds a {type(model).__name__}, which makes no pictures")
    if isinstance(model, VAE) and not model.config.labels:
        about |= {"numbers": model.latents, "rebuild": _rebuilding(model)}
    return [Way(name=name, draw=_told(model, representation, train), **about)]


def _rebuilding(model: ConvAutoencoder | VAE) -> Callable[[Tensor], Tensor]:
    return lambda x: model.decode(model.encode(x))


def _from(space: LatentSpace, drawer: Drawer) -> Callable[[int, torch.Generator], Tensor]:
    def draw(n: int, rng: torch.Generator) -> Tensor:
        return drawer(space.sample(n, rng=rng))

    return draw


def _told(
    model: GenerativeModel, representation: ImageRepresentation, train: TrainSet
) -> Callable[[int, torch.Generator], Tensor]:
    """Draws with the labels of training pictures chosen at random, where the model is told any."""
    known = {field.name for field in model.spec.fields}
    part = train(representation) if known else None

    def draw(n: int, rng: torch.Generator) -> Tensor:
        rows = None if part is None else torch.randint(len(part), (n,), generator=rng)
        labels = {} if part is None else {k: v[rows] for k, v in part.pictures.labels.items() if k in known}
        made = []
        for some in torch.arange(n).split(AT_ONCE):
            with torch.inference_mode():
                x = model.sample(len(some), {k: v[some] for k, v in labels.items()}, rng=rng)
            made.append(representation.decode(x.float()).cpu())
        return torch.cat(made)

    return draw
