"""Pictures of what a model of chairs makes of labels that were held out, and of labels that nobody showed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from synthgen.data.chair_layout import ROTATIONS
from synthgen.data.chairs import Chairs
from synthgen.data.picture_file import to_bytes, write_animation, write_sheet
from synthgen.models.base import GenerativeModel
from synthgen.representations.base import ImageRepresentation

from .views import draw

CHAIRS, STEPS = 6, 12
"""Chairs in a picture, and views of each."""
TURN = 35.0
"""Degrees, where a chair is not turned."""


@dataclass(frozen=True)
class Studio:
    """A model, and the set that it learned from."""

    model: GenerativeModel
    representation: ImageRepresentation
    data: Chairs

    def take(self, weights: Tensor, turns: Tensor) -> np.ndarray:
        """Pictures (n, C, H, W) uint8 of blends of chairs (n, chairs), turned by degrees (n,)."""
        rotation, elevation = (self.data.spec.field(name) for name in ("rotation", "elevation"))
        labels = {"chair": weights, "rotation": turns, "elevation": torch.full((len(turns),), elevation.values[0])}
        if rotation.kind == "category":
            apart = (turns[:, None] - torch.tensor([float(name) for name in rotation.names]) + 180) % 360 - 180
            labels["rotation"] = apart.abs().argmin(1)
        return to_bytes(draw(self.model, self.representation, labels, len(turns)).numpy())

    def held_out(self, rows: Tensor) -> list[tuple[str, np.ndarray]]:
        """Pairs of lines: real views of the test part and what the model makes of their labels."""
        lines = []
        for some in rows.split(STEPS):
            batch = self.data.test.batch(some)
            made = draw(self.model, self.representation, batch.labels, len(some))
            lines += [("held out", to_bytes(batch.x.numpy())), ("generated", to_bytes(made.numpy()))]
        return lines

    def between(self, chairs: Tensor) -> np.ndarray:
        """From each chair (N, chairs) to the next in STEPS steps, and back to the first."""
        share = torch.arange(STEPS)[:, None] / STEPS
        weights = [torch.lerp(a, b, share) for a, b in pairwise([*chairs, chairs[0]])]
        return self.take(torch.cat(weights), torch.full((STEPS * len(chairs),), TURN))

    def turned(self, chair: Tensor, turns: Sequence[float]) -> np.ndarray:
        """A chair (chairs,) at each rotation."""
        return self.take(chair.expand(len(turns), -1), torch.tensor(turns))

    def sums(self, chairs: Tensor) -> np.ndarray:
        """A, B, C and A - B + C for each three of (N, chairs) in a row."""
        weights = [torch.stack([a, b, c, a - b + c]) for a, b, c in zip(chairs, chairs[1:], chairs[2:], strict=False)]
        return self.take(torch.cat(weights), torch.full((4 * len(weights),), TURN))


def write_views(
    model: GenerativeModel, representation: ImageRepresentation, data: Chairs, folder: Path, *, seed: int = 0
) -> None:
    """Write sheets and animations of a few chairs, chosen by `seed`.

    ``held_out.png`` has views of the test part beside the model's. ``between_chairs.png`` and ``.gif`` go from one
    chair to the next, ``turning.png`` has rotations halfway between those of the set and ``turning.gif`` all, and
    ``arithmetic.png`` chairs A, B, C and A - B + C of their label vectors, all drawn by the model.
    """
    studio, rng = Studio(model, representation, data), torch.Generator().manual_seed(seed)
    size = data.spec.field("chair").size
    chairs = torch.eye(size)[torch.randperm(size, generator=rng)[:CHAIRS]]
    rows = torch.randperm(len(data.test), generator=rng)[: 4 * STEPS].sort().values
    write_sheet(folder / "held_out.png", studio.held_out(rows))
    between = studio.between(chairs)
    write_sheet(folder / "between_chairs.png", [("", between)], columns=STEPS)
    write_animation(folder / "between_chairs.gif", between)
    halfway = [turn + ROTATIONS[1] / 2 for turn in ROTATIONS[:: len(ROTATIONS) // STEPS]]
    write_sheet(folder / "turning.png", [("", studio.turned(chair, halfway)) for chair in chairs])
    all_round = [360 * frame / (2 * len(ROTATIONS)) for frame in range(2 * len(ROTATIONS))]
    write_animation(folder / "turning.gif", np.concatenate([studio.turned(c, all_round) for c in chairs]))
    if size >= 3:
        write_sheet(folder / "arithmetic.png", [("A, B, C, A - B + C", studio.sums(chairs))], columns=4)
