"""Faces with an attribute added: a flag's direction among the latents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from synthgen import checks
from synthgen.checks import UserError
from synthgen.data.images import Images, ImageSet
from synthgen.models.base import Latent
from synthgen.records import Field
from synthgen.representations.base import ImageRepresentation

from .drawing import FromLatents
from .points import latent_points, multihot_direction
from .sheets import write_rows

STRENGTHS = (0.0, 1.0, 2.0, 3.0)
"""How often a direction is added."""
FACES = 6
COUNTED = 4000
"""Training pictures at most that directions are found by."""


def directions(
    model: Latent, representation: ImageRepresentation, part: Images, names: Sequence[str]
) -> dict[str, Tensor]:
    """What each named flag adds to the latents of a picture, (latents,); see `points.multihot_direction`.

    Raises:
        UserError: the pictures have no flags, or none of such a name.
    """
    field = flags_of(part)
    for name in names:
        checks.one_of("attribute", name, field.names)
    points = latent_points(model, representation, part, limit=COUNTED)
    flags = part.pictures.labels[field.name][: len(points)]
    return {name: multihot_direction(points, flags, field.names.index(name)) for name in names}


def write_attributes(
    path: Path, model: Latent, representation: ImageRepresentation, data: ImageSet, *, names: Sequence[str]
) -> None:
    """Write a PNG: for each flag a line for some held-out faces that lack it: real, then with more and more of it."""
    found = directions(model, representation, data.train, names)
    field, part = flags_of(data.test), data.test
    draw, rows = FromLatents(model=model, representation=representation), {}
    for name, direction in found.items():
        flags = part.pictures.labels[field.name][:, field.names.index(name)]
        lacking = (flags == 0).nonzero()[:FACES, 0]
        if not len(lacking):
            continue
        chosen = Images(part.spec, part.pictures[lacking.numpy()], provenance={})
        points = latent_points(model, representation, chosen)
        moved = torch.stack([points + strength * direction for strength in STRENGTHS], dim=1)
        real = chosen.batch(torch.arange(len(chosen))).x
        lines = torch.cat([real[:, None], draw(moved.flatten(0, 1)).unflatten(0, (-1, len(STRENGTHS)))], dim=1)
        strengths = ", ".join(f"{s:g}" for s in STRENGTHS)
        rows[f"real, then {name} times {strengths}"] = lines.flatten(0, 1)
    if not rows:
        raise UserError("every held-out picture has these attributes; name others")
    write_rows(path, rows, 2 * (1 + len(STRENGTHS)))


def flags_of(part: Images) -> Field:
    """The multi-hot label of a set.

    Raises:
        UserError: it has none.
    """
    fields = [field for field in part.spec.fields if field.kind == "multihot"]
    if not fields:
        raise UserError("the pictures have no attributes; leave out --data.labels none")
    return fields[0]
