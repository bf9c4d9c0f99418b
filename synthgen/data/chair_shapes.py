"""Bodies that chairs are made of, as meshes: bars along a path and upright bodies with a profile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from synthgen.data.chair_rendering import Mesh

Point = Sequence[float]
ROUND, SQUARE = 8, 4
"""Sides of a bar."""
OUTLINE = 24
"""Points around an upright body."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """Attributes: colour: red, green and blue in [0, 1]; gloss: strength of the highlights."""

    colour: tuple[float, float, float]
    gloss: float = 0.0


def loft(rings: np.ndarray, material: Material, *, smooth: bool) -> Mesh:
    """The closed body through rings of points (P, K, 3), with flat ends; rings may shrink to a point at the ends.

    It is shaded as if it were bent from ring to ring; `smooth` shades it as if it were round as well.
    """
    p, k = np.meshgrid(np.arange(len(rings) - 1), np.arange(rings.shape[1]), indexing="ij")
    following = (k + 1) % rings.shape[1]
    quads = np.stack([(p, k), (p, following), (p + 1, following), (p + 1, k)], axis=-1)
    faces = np.cross(*(rings[tuple(quads[..., i + 2])] - rings[tuple(quads[..., i])] for i in (0, 1)))
    bent = np.concatenate([faces, faces[-1:]]) + np.concatenate([faces[:1], faces])
    owners = np.broadcast_to(k[..., None], quads.shape[1:])
    if smooth:
        bent, owners = bent + np.roll(bent, 1, axis=1), quads[1]
    sides, curved = (_halves(x) for x in (rings[tuple(quads)], _unit(bent[quads[0], owners])))
    ends = np.concatenate([_fan(rings[0])[:, ::-1], _fan(rings[-1])])
    corners, normals = np.concatenate([sides, ends]), np.concatenate([curved, _flat(ends)])
    inside = np.einsum("ti,ti->", corners[:, 0] - rings.mean((0, 1)), np.cross(*_edges(corners))) < 0
    if inside:
        corners, normals = corners[:, ::-1], -normals[:, ::-1]
    count = len(corners)
    colours = np.broadcast_to(np.array(material.colour), (count, 3))
    return Mesh(corners=corners, normals=normals, colours=colours, gloss=np.full(count, material.gloss))


def bar(
    path: Sequence[Point] | np.ndarray,
    size: tuple[float | np.ndarray, float | np.ndarray],
    material: Material,
    *,
    shape: Literal["round", "square"] = "square",
    across: Point = (1, 0, 0),
) -> Mesh:
    """A bar along a path.

    Args:
        path: Points (P, 3).
        size: Width towards `across`, and thickness square to it; one number, or one a point.
        material: Of the whole bar.
        shape: Cross-section.
        across: Direction that is nowhere along the path.
    """
    path = np.asarray(path, float)
    along = _unit(np.gradient(path, axis=0))
    side = _unit(np.asarray(across, float) - along * (along @ np.asarray(across, float))[:, None])
    other = np.cross(along, side)
    angles = 2 * math.pi * (np.arange(ROUND) / ROUND if shape == "round" else np.arange(SQUARE) / SQUARE + 1 / 8)
    reach = 0.5 if shape == "round" else 0.5 * math.sqrt(2)
    width, thickness = (reach * np.broadcast_to(s, len(path))[:, None, None] for s in size)
    ring = width * np.cos(angles)[:, None] * side[:, None] + thickness * np.sin(angles)[:, None] * other[:, None]
    return loft(path[:, None] + ring, material, smooth=shape == "round")


def tube(
    path: Sequence[Point] | np.ndarray,
    thickness: float,
    material: Material,
    *,
    across: Point = (1, 0, 0),
    radius: float = 0.06,
) -> Mesh:
    """A round bar whose corners are bends of about a radius; see `bar`."""
    points = np.asarray(path, float)
    bent = [points[0]]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        start, end = (corner + radius * _unit(p - corner) for p in (before, after))
        bent += [(1 - s) ** 2 * start + 2 * s * (1 - s) * corner + s**2 * end for s in np.linspace(0, 1, 5)]
    return bar([*bent, points[-1]], (thickness, thickness), material, shape="round", across=across)


def upright(
    at: Point, size: tuple[float, float], profile: Sequence[tuple[float, float]], material: Material, *, power: float
) -> Mesh:
    """A body whose horizontal cut is a superellipse.

    Args:
        at: Middle of its foot.
        size: Width and depth.
        profile: Height above the foot and share of the size, from below to above.
        material: Of the whole body.
        power: Shape of the cut: 2 is an ellipse, larger ones come closer to a rectangle.
    """
    angles = 2 * math.pi * np.arange(OUTLINE) / OUTLINE
    x, y = (np.sign(v) * np.abs(v) ** (2 / power) / 2 for v in (np.cos(angles), np.sin(angles)))
    height, share = np.array(profile, float).T[..., None]
    rings = np.stack(np.broadcast_arrays(size[0] * share * x, size[1] * share * y, height), axis=-1)
    return loft(np.asarray(at, float) + rings, material, smooth=True)


def pad(at: Point, size: tuple[float, float, float], material: Material, *, power: float, roundness: float) -> Mesh:
    """An upright body of a width, depth and height with edges rounded by `roundness`, a share of half the height."""
    width, depth, height = size
    radius = roundness * height / 2
    bends = [(radius * (1 - math.cos(a)), 2 * radius * (1 - math.sin(a))) for a in np.linspace(0, math.pi / 2, 4)]
    profile = [(rise, 1 - inset / max(width, depth)) for rise, inset in bends]
    return upright(at, (width, depth), [*profile, *((height - h, s) for h, s in profile[::-1])], material, power=power)


def _fan(ring: np.ndarray) -> np.ndarray:
    """Triangles (K, 3, 3) from the middle of a ring to its sides."""
    middle = np.broadcast_to(ring.mean(0), ring.shape)
    return np.stack([middle, ring, np.roll(ring, -1, axis=0)], axis=1)


def _halves(quads: np.ndarray) -> np.ndarray:
    """(P, K, 4, 3) as triangles (T, 3, 3)."""
    return np.concatenate([quads[..., [0, 1, 2], :], quads[..., [0, 2, 3], :]]).reshape(-1, 3, 3)


def _edges(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]


def _flat(corners: np.ndarray) -> np.ndarray:
    return np.repeat(_unit(np.cross(*_edges(corners)))[:, None], 3, axis=1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1; those of no length stay so."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 1e-12)
