"""A trained model of pictures, ready to draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from synthgen import checkpoint, checks
from synthgen.checks import UserError
from synthgen.data.images import check_size
from synthgen.data.picture_file import read_picture, to_bytes
from synthgen.heads import PLAIN, Sampling
from synthgen.models.autoregressive import Autoregressive, Progress
from synthgen.models.base import GenerativeModel
from synthgen.models.codes import PictureCodes
from synthgen.records import Field, Labels
from synthgen.representations.base import ImageRepresentation

from .library import find

MOST = 4096
"""Pictures that are made at a time."""


class PictureMaker:
    """Pictures from labels.

    Picture i of a seed does not depend on how many others are made, but for the last bits of a model's sums where no
    kernel draws it.

    Attributes:
        draws_pixels: Whether the model draws one value after the other: `sampling` says how, and it can complete.
    """

    def __init__(self, name: str, model: GenerativeModel, representation: ImageRepresentation) -> None:
        self.name, self.model, self.representation = name, model, representation
        self.device = next((p.device for p in model.parameters()), torch.device("cpu"))
        self.draws_pixels = isinstance(model, Autoregressive)

    @classmethod
    def load(cls, name_or_path: str | Path, *, device: str = "cpu") -> PictureMaker:
        """The model in a ``.safetensors`` file or in a training run's folder.

        Raises:
            UserError: there is no such model, its file is damaged, or it does not make pictures.
        """
        path = find(name_or_path)
        loaded = checkpoint.load(path, device=device)
        if not isinstance(loaded.model, GenerativeModel) or not isinstance(loaded.representation, ImageRepresentation):
            kind = f"{type(loaded.model).__name__} of {loaded.representation.name}"
            raise UserError(f"{path}: a {kind} makes no pictures; name a generative model of pictures")
        return cls(str(name_or_path), loaded.model, loaded.representation)

    def sample(
        self,
        n: int,
        labels: Sequence[str] = (),
        *,
        seed: int = 0,
        sampling: Sampling | None = None,
        progress: Progress | None = None,
    ) -> np.ndarray:
        """Draw pictures.

        Args:
            n: How many.
            labels: ``name=value`` each, or only the value where it belongs to one label alone; a category that is not
                named takes its values in turn, other labels are left unknown.
            seed: The same seed gives the same pictures.
            sampling: Temperature and cuts of a model that draws value by value.
            progress: Told of the values drawn so far and of all.

        Returns:
            (n, C, H, W) uint8.

        Raises:
            UserError: a label that the model does not know, or `sampling` where the model takes none.
        """
        checks.between("n", n, 1, MOST)
        given = self._labels(n, labels)
        if not isinstance(self.model, Autoregressive):
            if sampling is not None:
                raise UserError(f"model {self.name!r} takes no temperature, top_k or top_p; leave them out")
            with torch.inference_mode():
                return self._pixels(self.model.sample(n, given, rng=torch.Generator(self.device).manual_seed(seed)))
        options = {"rng": self._streams(n, seed), "sampling": _checked(sampling), "progress": progress}
        with torch.inference_mode():
            return self._pixels(self.model.sample(n, given, **options))

    def complete(
        self,
        picture: str | Path | np.ndarray,
        labels: Sequence[str] = (),
        *,
        cover: float = 0.5,
        n: int = 1,
        seed: int = 0,
        sampling: Sampling | None = None,
        progress: Progress | None = None,
    ) -> np.ndarray:
        """Draw the last part of a picture anew.

        Args:
            picture: File, or values (C, H, W) uint8.
            labels: See `sample`; a category must be named.
            cover: Share of the picture, in raster order, that is drawn anew: 0.5 is the lower half. A model of codes
                draws the cells of its grid that are not wholly known; pixels that are known stay.
            n: How many completions.
            seed: See `sample`.
            sampling: See `sample`.
            progress: See `sample`.

        Returns:
            (n, C, H, W) uint8.

        Raises:
            UserError: a picture of another size or mode, a label that is missing or not known, or a model that does
                not draw value by value.
        """
        if not isinstance(self.model, Autoregressive):
            raise UserError(f"model {self.name!r} cannot complete pictures; one that draws value by value can")
        checks.between("n", n, 1, MOST)
        checks.between("cover", cover, 0, 1)
        missing = [f.name for f in self._categories() if f.name not in self._named(labels)]
        if missing:
            raise UserError(f"label {missing[0]} must be given; what is in the picture decides how it goes on")
        size = (self.representation.channels, self.representation.height, self.representation.width)
        pixels, where = picture, "picture"
        if not isinstance(picture, np.ndarray):
            where = str(picture)
            pixels = read_picture(Path(picture), channels=size[0])
        check_size(where, pixels.shape, size)
        options = {"rng": self._streams(n, seed), "sampling": _checked(sampling), "progress": progress}
        given = self._labels(n, labels)
        with torch.inference_mode():
            known = self._beginning(pixels, 1 - cover).expand(n, -1)
            if known.numel():
                made = self._pixels(self.model.complete(known, given, **options))
            else:
                made = self._pixels(self.model.sample(n, given, **options))
        if isinstance(self.representation, PictureCodes):  # codes keep what they are of only roughly
            seen = np.arange(size[1] * size[2]).reshape(size[1:]) < round((1 - cover) * size[1] * size[2])
            return np.where(seen, pixels, made)
        return made

    def values(self, n: int, labels: Sequence[str] = ()) -> list[str]:
        """What the first category label is of each of n pictures, for the lines of a sheet; "" where there is none."""
        category = next(iter(self._categories()), None)
        if category is None:
            return [""] * n
        chosen = self._labels(n, labels)[category.name].tolist()
        return [_value_name(category, index) for index in chosen]

    def _beginning(self, pixels: np.ndarray, share: float) -> Tensor:
        """Levels (1, K) of what a share of a picture (C, H, W) uint8 tells, in the order of drawing."""
        media = torch.from_numpy(pixels.astype(np.float32))[None] / 255
        if isinstance(self.representation, PictureCodes):
            codes = self.representation.beginning(media, round(share * media[0, 0].numel()))
            return codes.movedim(1, -1).flatten(1)
        known = self.model.in_order(self.model.elements(self.representation.encode(media)))
        return known[:, : round(share * known.shape[1])]

    def _streams(self, n: int, seed: int) -> list[torch.Generator]:
        base = torch.Generator().manual_seed(seed)
        seeds = torch.randint(2**62, (n,), generator=base).tolist()
        return [torch.Generator().manual_seed(each) for each in seeds]

    def _pixels(self, x: Tensor) -> np.ndarray:
        return to_bytes(self.representation.decode(x).cpu().numpy())

    def _categories(self) -> list[Field]:
        asked = getattr(self.model.config, "labels", tuple(field.name for field in self.model.spec.fields))
        return [field for field in self.model.spec.fields if field.kind == "category" and field.name in asked]

    def _named(self, labels: Sequence[str]) -> dict[str, str]:
        """Labels by the names of their fields."""
        fields, named = self.model.spec.fields, {}
        for label in labels:
            name, equals, value = label.partition("=")
            if not equals:
                name, value = self._owner(label), label
            checks.one_of("label", name, [field.name for field in fields])
            named[name] = value
        return named

    def _owner(self, value: str) -> str:
        """The label that a bare value belongs to."""
        fields = self.model.spec.fields
        owners = [field.name for field in fields if value in field.names] or [
            field.name for field in self._categories()
        ]
        if len(owners) != 1:
            names = ", ".join(field.name for field in fields) or "no labels"
            raise UserError(f"label={value!r} must say which label it is of, as in name={value}; the model has {names}")
        return owners[0]

    def _labels(self, n: int, labels: Sequence[str]) -> Labels:
        named, made = self._named(labels), {}
        for field in self.model.spec.fields:
            if field.name in named:
                made[field.name] = _parsed(field, named[field.name], n)
            elif field in self._categories():
                made[field.name] = torch.arange(n) % field.size
        return {name: values.to(self.device) for name, values in made.items()}


def _checked(sampling: Sampling | None) -> Sampling:
    sampling = sampling or PLAIN
    if not sampling.heat > 0:
        raise UserError(f"temperature={sampling.temperature:g} must be above 0; 1 draws as the model has learned")
    return sampling


def _value_name(field: Field, index: int) -> str:
    return field.names[index] if field.names else str(index)


def _parsed(field: Field, value: str, n: int) -> Tensor:
    """A label as in `records.Labels`, the same n times."""
    if field.kind == "category":
        names = field.names or tuple(map(str, range(field.size)))
        checks.one_of(f"label {field.name}", value, names)
        return torch.full((n,), names.index(value))
    if field.kind == "multihot":
        asked = [name for name in value.split(",") if name]
        for name in asked:
            checks.one_of(f"label {field.name}", name, field.names)
        return torch.tensor([[float(name in asked) for name in field.names]] * n)
    try:
        return torch.full((n,), float(value))
    except ValueError as error:
        raise UserError(f"label {field.name}={value!r} must be a number") from error
