"""From points of a space to media: pictures and sounds by the same calls.

A *drawer* is any function from points (n, *shape) to media (n, C, ...); `LatentSpace` gives the points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from synthgen import checks
from synthgen.checks import UserError
from synthgen.models.base import GenerativeModel, Latent, Model
from synthgen.nn.condition import FieldEncoder, LabelEncoder
from synthgen.records import Labels
from synthgen.representations.base import Representation

from .paths import Kind
from .space import LatentSpace

AT_ONCE = 64
"""Points that are drawn together."""

Drawer = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class FromExamples:
    """Points are examples themselves, e.g. of a PCA of pictures or of log spectrograms."""

    representation: Representation
    seed: int = 0
    """Of what the representation draws, e.g. phases."""

    def __call__(self, points: Tensor) -> Tensor:
        """Examples (n, *spec.shape) -> media on the CPU."""
        decode, rng = self.representation.decode, torch.Generator().manual_seed(self.seed)
        return torch.cat([decode(part.float(), rng=rng).cpu() for part in points.split(AT_ONCE)])


@dataclass(frozen=True, kw_only=True)
class FromLatents:
    """Points are an autoencoder's or VAE's latents, or a GAN's noise."""

    model: Latent
    representation: Representation
    labels: Labels = field(default_factory=dict)
    """What the model is told beside the points: rows for one after the other, beginning anew at the end."""
    seed: int = 0
    """Of what the representation draws."""

    def __call__(self, points: Tensor) -> Tensor:
        """(n, latents) -> media on the CPU."""
        device, rng, drawn = _device(self.model), torch.Generator().manual_seed(self.seed), []
        for rows in torch.arange(len(points)).split(AT_ONCE):
            labels = {name: value[rows % len(value)].to(device) for name, value in self.labels.items()}
            with torch.inference_mode():
                x = self.model.decode(points[rows].float().to(device), labels).cpu()
            drawn.append(self.representation.decode(x, rng=rng))
        return torch.cat(drawn)


@dataclass(frozen=True, kw_only=True)
class FromLabels:
    """Points are vectors in a label's own space: of an instrument, of a chair."""

    model: GenerativeModel
    representation: Representation
    name: str
    """Which label."""
    labels: Labels = field(default_factory=dict)
    """The others in one row, e.g. ``{"pitch": torch.tensor([60.0])}``."""
    seed: int = 0
    """Of every example, so that only the label changes."""

    def __call__(self, points: Tensor) -> Tensor:
        """(n, dim) -> media on the CPU."""
        device, drawn = _device(self.model), []
        for part in points:
            labels = {name: value[:1].to(device) for name, value in self.labels.items()}
            labels[self.name] = part.float().to(device)[None, None]
            with torch.inference_mode():
                x = self.model.sample(1, labels, rng=torch.Generator(device).manual_seed(self.seed)).cpu()
            drawn.append(self.representation.decode(x, rng=torch.Generator().manual_seed(self.seed)))
        return torch.cat(drawn)


def label_vectors(model: Model, name: str, values: Sequence[str] = ()) -> Tensor:
    """The vectors (n, dim) that a model has for names of a category or multi-hot label, for all of them if none.

    Raises:
        UserError: the model is not given such a label, or it has no such name.
    """
    spec, encoder = model.spec.field(name), _encoder(model, name)
    if spec.kind not in ("category", "multihot"):
        raise UserError(f"label {name} is a number ({spec.kind}); give values between instead of a path of vectors")
    names = spec.names or tuple(map(str, range(spec.size)))
    for value in values:
        checks.one_of(f"label {name}", value, names)
    rows = torch.eye(spec.size) if encoder.table is None else encoder.table.detach().float().cpu()
    return rows[[names.index(value) for value in values]] if values else rows


def label_space(model: Model, name: str, *, axes: int | None = None, rng: torch.Generator) -> LatentSpace:
    """A PCA-Gaussian of all the vectors of a label: new instruments or chairs are drawn from it."""
    rows = label_vectors(model, name)
    return LatentSpace.fit(rows, axes=min(len(rows) - 1, rows.shape[1]) if axes is None else axes, rng=rng)


def morph(drawer: Drawer, space: LatentSpace, points: Tensor, *, steps: int, kind: Kind = "linear") -> Tensor:
    """Media along `LatentSpace.path`, from each point to the next.

    The same for two chairs, two instruments, two faces or two sprites: only the points and the drawer differ, e.g.
    ``FromLabels(model=..., representation=..., name="chair")`` and ``label_vectors(model, "chair", ["a", "b"])``.
    """
    return drawer(space.path(points, steps=steps, kind=kind))


def _encoder(model: nn.Module, name: str) -> FieldEncoder:
    for module in model.modules():
        if isinstance(module, LabelEncoder) and name in module.encoders:
            return module.encoders[name]
    raise UserError(f"the model is not given the label {name}; train it with that label")


def _device(model: nn.Module) -> torch.device:
    return next((p.device for p in model.parameters()), torch.device("cpu"))
