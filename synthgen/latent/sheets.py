"""Sheets of what lies in a space of pictures: real, rebuilt, drawn, swept, and on the way from one to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from synthgen.data.images import Images
from synthgen.data.picture_file import to_bytes, write_animation, write_sheet
from synthgen.models.autoencoder import ConvAutoencoder
from synthgen.models.vae import VAE
from synthgen.records import Labels
from synthgen.representations.base import ImageRepresentation
from synthgen.signal.normal_noise import normal_noise

from .drawing import Drawer, FromLatents, morph
from .paths import Kind
from .points import latent_points
from .space import LatentSpace

COUNTED = 1000
"""Held-out pictures at most by which latents are put in order."""
COLUMNS, SLIDERS, LEGS, FRAMES = 12, 5, 3, 8
"""Pictures a line, axes that are swept, ways between pictures, and frames of each."""


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """A space, how its points are drawn, and some held-out pictures with their points.

    Attributes:
        space: Where the sliders are.
        drawer: Points to pictures (n, C, H, W) in [0, 1]; the first are those of `points`.
        real: Held-out pictures.
        points: Theirs.
        seed: Of what is drawn.
        still: Draws what is swept and what lies on a path, all with one label; `drawer` if None.
    """

    space: LatentSpace
    drawer: Drawer
    real: Tensor
    points: Tensor
    seed: int = 0
    still: Drawer | None = None

    def write(self, folder: Path, *, more: Mapping[str, Tensor] | None = None, kind: Kind = "linear") -> Path:
        """Write ``sheet.png``, ``sweep.png``, ``path.png`` and ``path.gif`` into `folder`; return the first.

        Args:
            folder: Made where there is none.
            more: Further lines of the sheet, behind the rebuilt pictures.
            kind: Of the way from one held-out picture to the next.
        """
        rng = torch.Generator().manual_seed(self.seed)
        rows = {"real": self.real[:COLUMNS], "rebuilt": self.drawer(self.points[:COLUMNS]), **(more or {})}
        rows["drawn from the density"] = self.drawer(self.space.sample(2 * COLUMNS, rng=rng))
        write_rows(folder / "sheet.png", rows | self.swept())
        self.write_sweep(folder / "sweep.png")
        self.write_path(folder, kind=kind)
        return folder / "sheet.png"

    def swept(self, *, base: Tensor | None = None) -> dict[str, Tensor]:
        """A line of pictures for each of the first axes, from -2 to 2 standard deviations."""
        axes = range(min(SLIDERS, len(self.space.axes)))
        return {
            f"slider {axis + 1}, -2 to 2 deviations": self._still(self.space.sweep(axis, steps=COLUMNS - 1, base=base))
            for axis in axes
        }

    def write_sweep(self, path: Path, first: int = 0, second: int = 1, *, base: Tensor | None = None) -> None:
        """Write a square of pictures whose rows are places on axis `first` and whose columns are on `second`.

        All other axes stay where `base`, or the middle, has them.
        """
        steps = COLUMNS - 3
        square = self.space.sweep2d(first, second, steps=steps, base=base)
        write_rows(path, {f"down: slider {first + 1}; right: {second + 1}": self._still(square.flatten(0, 1))}, steps)

    def write_path(self, folder: Path, *, kind: Kind) -> None:
        """Write the ways between a few held-out pictures as lines of ``path.png`` and all round as ``path.gif``."""
        ends = self.points[: LEGS + 1]
        frames = morph(self._still, self.space, ends, steps=FRAMES, kind=kind)
        lines = {f"{kind} {leg + 1}": frames[leg * FRAMES : (leg + 1) * FRAMES + 1] for leg in range(len(ends) - 1)}
        write_rows(folder / "path.png", lines)
        circle = self._still(self.space.path(ends, steps=FRAMES, kind=kind, closed=True))
        write_animation(folder / "path.gif", to_bytes(circle.numpy()))

    @property
    def _still(self) -> Drawer:
        return self.still or self.drawer


def write_rows(path: Path, rows: Mapping[str, Tensor], columns: int = COLUMNS) -> None:
    """Write lines of pictures (n, C, H, W) in [0, 1] as one PNG, each under its name, atomically."""
    write_sheet(path, [(name, to_bytes(pictures.numpy())) for name, pictures in rows.items()], columns=columns)


def gallery_of(
    model: ConvAutoencoder | VAE,
    representation: ImageRepresentation,
    part: Images,
    space: LatentSpace,
    *,
    seed: int = 0,
) -> Gallery:
    """A gallery of the first pictures of a part, as an autoencoder encodes them, with their labels where it is told."""
    count = min(COLUMNS, len(part))
    batch = part.batch(torch.arange(count))
    told = {name: batch.labels[name] for name in getattr(model.config, "labels", ())}
    return Gallery(
        space=space,
        drawer=FromLatents(model=model, representation=representation, labels=told),
        real=representation.decode(representation.encode(batch.x)),
        points=latent_points(model, representation, part, limit=count),
        seed=seed,
        still=FromLatents(model=model, representation=representation, labels=_first(told)),
    )


def write_vae(folder: Path, model: VAE, representation: ImageRepresentation, part: Images, *, seed: int = 0) -> Path:
    """Write the sheets of a `Gallery` of a VAE, and of a conditional one ``classes.png``; return the first sheet.

    Sliders are the latents themselves, those that differ most between held-out pictures first.

    Args:
        folder: Made where there is none.
        model: In eval mode.
        representation: Between pictures and what the model sees.
        part: Held-out pictures, of which the first are shown.
        seed: Of what is drawn.
    """
    used = latent_points(model, representation, part, limit=COUNTED)
    gallery = gallery_of(model, representation, part, LatentSpace.normal(model.latents, points=used), seed=seed)
    told = gallery.drawer.labels
    for field in part.spec.fields:
        if field.name in told and field.kind == "category":
            styles = normal_noise(COLUMNS, (model.latents,), rng=torch.Generator().manual_seed(seed))
            drawn = [
                FromLatents(model=model, representation=representation, labels=_first(told) | {field.name: value})(
                    styles
                )
                for value in torch.arange(field.size)[:, None]
            ]
            names = field.names or tuple(map(str, range(field.size)))
            write_rows(folder / "classes.png", dict(zip(names, drawn, strict=True)))
    return gallery.write(folder, kind="spherical")


def _first(labels: Labels) -> Labels:
    return {name: value[:1] for name, value in labels.items()}
