"""Triangles to pictures: perspective, light, a z-buffer and anti-aliasing, all of a picture at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SAMPLES = 3
"""Samples of a pixel along each axis."""
BRIGHTEST = 0.92
"""No surface is brighter, so that it can be told from the white background."""
KEY_LIGHT = (-0.45, 0.7, -0.55)
AMBIENT, SKY, DIFFUSE, SHININESS = 0.42, 0.13, 0.5, 24


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """Triangles of closed bodies: x to the right, y to the back, z up, counter-clockwise from outside.

    Attributes:
        corners: (T, 3, 3), the last axis is x, y, z.
        normals: (T, 3, 3), unit vectors at the corners.
        colours: (T, 3) red, green and blue in [0, 1].
        gloss: (T,) strength of the highlights.
    """

    corners: np.ndarray
    normals: np.ndarray
    colours: np.ndarray
    gloss: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Where a picture is taken from; it looks at the origin, and the ball of radius 1 just fills the picture.

    Attributes:
        rotation: Degrees that what is seen is turned by, anticlockwise from above; at 0 one looks along y.
        elevation: Degrees above the horizon.
        distance: Of the eye from the origin, above 1; infinity looks along parallels.
    """

    rotation: float
    elevation: float
    distance: float = 4.0

    def view(self, vectors: np.ndarray) -> np.ndarray:
        """World vectors (..., 3) as right, up and away from the eye."""
        turn, rise = math.radians(self.rotation), math.radians(self.elevation)
        right = (math.cos(turn), -math.sin(turn), 0.0)
        level = (math.sin(turn), math.cos(turn), 0.0)
        up = (*(math.sin(rise) * v for v in level[:2]), math.cos(rise))
        away = (*(math.cos(rise) * v for v in level[:2]), -math.sin(rise))
        return vectors @ np.array([right, up, away]).T

    def project(self, points: np.ndarray, size: int) -> np.ndarray:
        """World points (..., 3) as column, row (from the upper left corner, in pixels) and nearness."""
        right, up, away = np.moveaxis(self.view(points), -1, 0)
        if math.isinf(self.distance):
            zoom, nearness = 1.0, -away
        else:
            nearness = 1 / (self.distance + away)
            zoom = nearness / math.tan(math.asin(1 / self.distance))
        return np.stack([(1 + right * zoom) * size / 2, (1 - up * zoom) * size / 2, nearness], axis=-1)


def merge(meshes: Sequence[Mesh]) -> Mesh:
    """Several bodies as one."""
    columns = ("corners", "normals", "colours", "gloss")
    return Mesh(**{name: np.concatenate([getattr(mesh, name) for mesh in meshes]) for name in columns})


def render(mesh: Mesh, camera: Camera, size: int) -> np.ndarray:
    """A picture (3, size, size) uint8 on white."""
    fine = size * SAMPLES
    triangles = camera.project(mesh.corners, fine)
    front = _twice_area(triangles) < -1e-9  # rows grow downwards
    pixels = rasterize(triangles[front], _lit(mesh, camera)[front], fine)
    rows = pixels.reshape(3, size, SAMPLES, fine).sum(2)
    sums = sum(rows[..., first::SAMPLES] for first in range(SAMPLES))  # several times faster than a mean over two axes
    return (sums * (255 / SAMPLES**2)).round().astype(np.uint8)


def rasterize(triangles: np.ndarray, colours: np.ndarray, size: int) -> np.ndarray:
    """What is nearest at the middle of each pixel.

    Args:
        triangles: (T, 3, 3), the last axis is column, row and nearness; none is degenerate.
        colours: (T, 3, 3) at the corners, blended linearly between them.
        size: Columns and rows.

    Returns:
        (3, size, size) float32, 1 where there is no triangle.
    """
    image = np.ones((3, size * size), np.float32)
    triangle, column, row = _covered(triangles[..., :2], size)
    if len(triangle):
        planes = _planes(triangles[..., :2], np.concatenate([triangles[..., 2:], colours], axis=-1))
        nearness = _on_plane(planes[0], triangle, column, row)
        place = row * size + column
        nearest = np.full(size * size, -np.inf)
        np.maximum.at(nearest, place, nearness)
        seen = np.flatnonzero(nearness == nearest[place])
        place, triangle, column, row = place[seen], triangle[seen], column[seen], row[seen]
        for channel, plane in zip(image, planes[1:], strict=True):
            channel[place] = _on_plane(plane, triangle, column, row)
    return image.reshape(3, size, size)


def _covered(corners: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triangle, column and row of each pixel whose middle lies in a triangle (T, 3, 2)."""
    y = corners[..., 1]
    first, last = _middles(y.min(1), size), _middles(y.max(1), size)
    triangle, row = _ranges(first, last)
    start, end = corners[triangle], np.roll(corners, -1, axis=1)[triangle]
    rise = end[..., 1] - start[..., 1]
    share = (row[:, None] + 0.5 - start[..., 1]) / np.where(rise == 0, np.nan, rise)
    share[(share < 0) | (share > 1)] = np.nan
    crossings = start[..., 0] + share * (end[..., 0] - start[..., 0])
    left, right = np.fmin.reduce(crossings, axis=1), np.fmax.reduce(crossings, axis=1)
    line, column = _ranges(_middles(left, size), _middles(right, size))
    return triangle[line], column, row[line]


def _middles(edges: np.ndarray, size: int) -> np.ndarray:
    """The first pixel of 0 to `size` whose middle lies at an edge or after it."""
    return np.ceil(np.nan_to_num(edges) - 0.5).clip(0, size).astype(np.int64)


def _ranges(first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All numbers of the ranges ``first[i] <= n < last[i]``: i and n of each."""
    counts = np.maximum(last - first, 0)
    owner = np.repeat(np.arange(len(first)), counts)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return owner, first[owner] + within


def _planes(corners: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (T, 3, V) at corners (T, 3, 2) as functions of the place: constant, step a column and a row, (V, 3, T)."""
    (ax, ay), (bx, by) = ((corners[:, i] - corners[:, 0]).T for i in (1, 2))
    va, vb = ((values[:, i] - values[:, 0]).T for i in (1, 2))
    area = ax * by - bx * ay
    step_x, step_y = (va * by - vb * ay) / area, (vb * ax - va * bx) / area
    middle_x, middle_y = corners[:, 0].T - 0.5
    return np.stack([values[:, 0].T - step_x * middle_x - step_y * middle_y, step_x, step_y], axis=1)


def _on_plane(plane: np.ndarray, triangle: np.ndarray, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    constant, step_x, step_y = plane
    return constant[triangle] + step_x[triangle] * column + step_y[triangle] * row


def _twice_area(corners: np.ndarray) -> np.ndarray:
    """Signed: negative for triangles that are seen from outside."""
    (ax, ay), (bx, by) = ((corners[:, i, :2] - corners[:, 0, :2]).T for i in (1, 2))
    return ax * by - bx * ay


def _lit(mesh: Mesh, camera: Camera) -> np.ndarray:
    """Colours (T, 3, 3) at the corners: light from the sky and from a lamp beside the camera (Lambert, Blinn 1977)."""
    normals = camera.view(mesh.normals)
    lamp = np.array(KEY_LIGHT) / np.linalg.norm(KEY_LIGHT)
    half = lamp + np.array((0, 0, -1))
    diffuse = (normals @ lamp).clip(0)
    highlight = mesh.gloss[:, None] * (normals @ (half / np.linalg.norm(half))).clip(0) ** SHININESS
    light = AMBIENT + SKY * mesh.normals[..., 2] + DIFFUSE * diffuse
    return (mesh.colours[:, None] * light[..., None] + highlight[..., None]).clip(0, BRIGHTEST)
