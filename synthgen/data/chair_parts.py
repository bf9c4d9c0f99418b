"""Seats, backs and arms of chairs, all symmetric to the plane x = 0."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from synthgen.data.chair_frame import BOTH, Frame
from synthgen.data.chair_rendering import Mesh
from synthgen.data.chair_shapes import Material, bar, pad, tube


def seat(f: Frame, material: Material, cushion: Material | None, *, upholstered: bool) -> list[Mesh]:
    """A board, or a box with upholstery; with a cushion on it unless that is None."""
    power = 2.0 if f.round_seat else 8.0
    size = (f.width, f.depth, f.seat_thickness)
    body = _flared(pad((0, 0, f.under), size, material, power=power, roundness=0.5), f)
    if cushion is None:
        return [body]
    height = 0.09 if upholstered else 0.045
    top = (f.width * 0.92, f.depth * 0.92, height)
    return [body, _flared(pad((0, 0, f.seat_height), top, cushion, power=min(power, 5), roundness=0.8), f)]


def _flared(mesh: Mesh, f: Frame) -> Mesh:
    """Narrower behind."""
    corners = mesh.corners.copy()
    corners[..., 0] *= 1 - (1 - f.flare) * (corners[..., 1] / f.depth + 0.5)
    return replace(mesh, corners=corners)


def panel_back(f: Frame, material: Material) -> list[Mesh]:
    """A bent board with rounded upper corners, above a gap."""
    v = np.concatenate([np.linspace(0.28, 0.88, 5), [0.94, 0.98, 1.0]])
    share = np.array([1, 1, 1, 1, 1, 0.96, 0.88, 0.75])
    board = [f.on_back(0.0, x) for x in v]
    width = (f.rear_width - f.thickness) * share
    return [bar(board, (width, f.thickness * 0.6), material), *_posts(f, material, top=0.9)]


def ladder_back(f: Frame, material: Material) -> list[Mesh]:
    """Posts with bent rails across."""
    rails = [_slat(f.rail(v), 0.055, f, material) for v in (0.34, 0.55, 0.76, 0.95)]
    return [*rails, *_posts(f, material)]


def slat_back(f: Frame, material: Material) -> list[Mesh]:
    """Posts and upright slats between two rails."""
    v, size = np.linspace(0.22, 0.95, 4), (0.032, f.thickness * 0.45)
    slats = [bar(f.on_back(u, v), size, material) for u in np.linspace(-0.66, 0.66, 5)]
    rails = [_slat(f.rail(v), height, f, material) for v, height in ((0.95, 0.07), (0.24, 0.04))]
    return [*slats, *rails, *_posts(f, material)]


def hoop_back(f: Frame, material: Material) -> list[Mesh]:
    """A bent arch with spindles, as Windsor chairs have it."""
    angle = np.linspace(0, math.pi, 17)
    u, v = np.cos(angle), 0.45 + 0.55 * np.sin(angle)
    arch = f.on_back(np.concatenate([[1], u, [-1]]), np.concatenate([[0.05], v, [0.05]]))
    t = f.thickness * 0.8
    made = [bar(arch, (t, t), material, shape="round", across=(0, 1, 0))]
    for x in np.linspace(-0.75, 0.75, 7):
        top = 0.45 + 0.55 * math.sqrt(1 - x * x)
        path = f.on_back(np.linspace(0.75 * x, x, 4), np.linspace(0.05, top, 4))
        made.append(bar(path, (0.014, 0.014), material, shape="round"))
    return made


def cross_back(f: Frame, material: Material) -> list[Mesh]:
    """Posts with two crossed slats below a rail."""
    v = np.linspace(0.25, 0.92, 7)
    crosses = [bar(f.on_back(s * np.linspace(-0.95, 0.95, 7), v), (0.03, f.thickness * 0.5), material) for s in BOTH]
    return [*crosses, _slat(f.rail(0.96), 0.06, f, material), *_posts(f, material)]


def padded_back(f: Frame, material: Material) -> list[Mesh]:
    """A thick cushion."""
    v = np.concatenate([[0.12, 0.14, 0.18], np.linspace(0.3, 0.85, 5), [0.93, 0.98, 1.0]])
    share = np.array([0.8, 0.9, 0.97, 1, 1, 1, 1, 1, 0.97, 0.9, 0.8])
    width, thick = f.rear_width * 0.98, 0.075 + 0.04 * (f.seat_thickness > 0.09)
    cushion = [f.on_back(0.0, x) for x in v]
    return [bar(cushion, (width * share, thick * (1.6 * share - 0.6)), material)]


def barrel_back(f: Frame, material: Material) -> list[Mesh]:
    """A shell around the seat that falls off to the front as arms."""
    angle = np.linspace(-0.12 * math.pi, 1.12 * math.pi, 21)
    rise = np.clip(np.sin(angle), 0, 1)
    height = f.back_height * (0.48 + 0.5 * rise**2)
    x, y = (f.width / 2 - 0.02) * np.cos(angle), (f.depth / 2 - 0.02 + 0.06 * rise) * np.sin(angle)
    path = np.stack([x, y, f.seat_height - 0.05 + height / 2], axis=-1)
    return [bar(path, (height + 0.1, 0.035 + f.seat_thickness * 0.35), material, across=(0, 0, 1))]


def rail_arms(f: Frame, material: Material) -> list[Mesh]:
    """A flat rest on a post."""
    height = f.seat_height + 0.2
    x, front, _ = f.corner(1, -1)
    rear = f.on_back(1.0, 0.2 / f.back_height)
    rest = np.array([(*rear[:2], height), (x + 0.01, front + 0.02, height)])
    post = np.array([(x + 0.005, front + 0.06, f.under), (x + 0.005, front + 0.06, height)])
    t = f.thickness
    sizes = ((rest, (t * 1.4, t * 0.7)), (post, (t * 0.8, t * 0.8)))
    return [bar(path * (s, 1, 1), size, material) for s in BOTH for path, size in sizes]


def loop_arms(f: Frame, material: Material) -> list[Mesh]:
    """A tube from the back to the front and down to the seat."""
    height = f.seat_height + 0.21
    x, front, _ = f.corner(1, -1)
    rear = f.on_back(1.0, 0.21 / f.back_height)
    side = np.array([(*rear[:2], height), (x + 0.015, front + 0.05, height), (x, front + 0.08, f.under)])
    return [tube(side * (s, 1, 1), f.thickness * 0.75, material) for s in BOTH]


def side_arms(f: Frame, material: Material) -> list[Mesh]:
    """Upholstered blocks beside the seat, as club chairs have them."""
    width, height = 0.11, f.seat_height + 0.19 - f.under
    size = (width, f.depth * 0.98, height)
    at = f.width / 2 + width * 0.35
    return [pad((s * at, 0, f.under), size, material, power=9, roundness=0.35) for s in BOTH]


def _posts(f: Frame, material: Material, *, top: float = 1.0) -> list[Mesh]:
    t = f.thickness * 0.85
    return [bar(f.on_back(u, np.linspace(0, top, 3)), (t, t), material) for u in (-1.0, 1.0)]


def _slat(path: np.ndarray, height: float, f: Frame, material: Material) -> Mesh:
    return bar(path, (height, f.thickness * 0.55), material, across=(0, 0, 1))


BACKS = {
    "panel": panel_back,
    "ladder": ladder_back,
    "slats": slat_back,
    "hoop": hoop_back,
    "cross": cross_back,
    "padded": padded_back,
    "barrel": barrel_back,
}
ARMS = {"none": lambda f, material: [], "rails": rail_arms, "loops": loop_arms, "sides": side_arms}
