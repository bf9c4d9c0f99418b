"""Legs and stretchers of chairs, all symmetric to the plane x = 0."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from synthgen.data.chair_frame import BOTH, Frame
from synthgen.data.chair_rendering import Mesh
from synthgen.data.chair_shapes import Material, bar, pad, tube, upright

SPLAY = 0.07
"""How far splayed legs stand out at the floor, in metres."""
SPOKES = 5


def square_legs(f: Frame, material: Material) -> list[Mesh]:
    """Four tapered legs of square section."""
    return _four(f, material, [(1.0, 1.1), (0.0, 0.85)])


def turned_legs(f: Frame, material: Material) -> list[Mesh]:
    """Four legs from the lathe."""
    profile = [(1.0, 1.1), (0.92, 1.3), (0.8, 1.3), (0.74, 0.7), (0.45, 1.2), (0.15, 0.85), (0.0, 0.6)]
    return _four(f, material, profile, shape="round")


def splayed_legs(f: Frame, material: Material) -> list[Mesh]:
    """Four round legs that stand out."""
    return _four(f, material, [(1.0, 1.2), (0.0, 0.65)], shape="round", splay=SPLAY)


def sled_legs(f: Frame, material: Material) -> list[Mesh]:
    """A bent tube on each side that runs along the floor."""
    low = f.thickness / 2
    front, rear = (f.corner(1, y, height=f.under) for y in BOTH)
    side = np.array([front, (*front[:2], low), (*rear[:2], low), rear])
    return [tube(side * (x, 1, 1), f.thickness * 0.75, material) for x in BOTH]


def cantilever_legs(f: Frame, material: Material) -> list[Mesh]:
    """One tube from below the seat's rear to the front, down, and back along the floor on each side."""
    low, high = f.thickness / 2, f.under - f.thickness / 2
    x, front, _ = f.corner(1, -1)
    rear, t = f.depth * 0.45, f.thickness * 0.75
    side = np.array([(x, rear - 0.02, high), (x, front, high), (x, front - 0.02, low), (x, rear, low)])
    floor = tube([(-x, rear, low), (x, rear, low)], t, material, across=(0, 0, 1))
    return [*(tube(side * (s, 1, 1), t, material) for s in BOTH), floor]


def star_base(f: Frame, material: Material) -> list[Mesh]:
    """A column and spokes on castors, as office chairs have it."""
    height, reach = 0.11, f.width * 0.58
    column = [(0, 0.07), (0.07, 0.055), (f.under - height + 0.03, 0.062)]
    made = [upright((0, 0, height - 0.03), (1, 1), column, material, power=2)]
    for spoke in range(SPOKES):
        angle = 2 * math.pi * spoke / SPOKES + math.pi / 2
        x, y = reach * math.cos(angle), reach * math.sin(angle)
        side = (-math.sin(angle), math.cos(angle), 0)
        size = (np.array([0.055, 0.035]), 0.03)
        made.append(bar([(0, 0, height), (x, y, height - 0.035)], size, material, across=side))
        made.append(pad((x, y, 0), (0.05, 0.05, 0.06), Material(colour=(0.1, 0.1, 0.1)), power=2, roundness=1))
    return made


def tulip_base(f: Frame, material: Material) -> list[Mesh]:
    """One flared stem on a disc."""
    heights = np.array([0.0, 0.012, 0.03, 0.06, 0.12, 0.3, 0.6, 0.85, 1.0])
    shares = np.array([0.95, 0.95, 0.7, 0.4, 0.2, 0.12, 0.12, 0.2, 0.45])
    profile = list(zip(heights * f.under, shares * f.width, strict=True))
    return [upright((0, 0, 0), (1, 1), profile, material, power=2)]


def feet(f: Frame, material: Material) -> list[Mesh]:
    """Four short, thick blocks."""
    return _four(f, material, [(1.0, 2.0), (0.0, 1.5)])


def box_stretchers(f: Frame, material: Material, *, splay: float) -> list[Mesh]:
    """Bars between neighbouring legs, those of the sides higher."""
    a, b, c, d = (np.array(f.corner(x, y, splay=splay, height=0.16)) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1)))
    lift = np.array([0, 0, 0.05])
    sides = ((a, b, (0, 1, 0)), (c, d, (0, 1, 0)), (b + lift, c + lift, (1, 0, 0)), (d + lift, a + lift, (1, 0, 0)))
    return [bar([p, q], (0.02, 0.02), material, across=across) for p, q, across in sides]


def h_stretchers(f: Frame, material: Material, *, splay: float) -> list[Mesh]:
    """Bars between the legs of each side, and one between these."""
    a, b, c, d = (np.array(f.corner(x, y, splay=splay, height=0.18)) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1)))
    bars = ((b, c, (1, 0, 0)), (d, a, (1, 0, 0)), ((a + d) / 2, (b + c) / 2, (0, 1, 0)))
    return [bar([p, q], (0.02, 0.02), material, across=across) for p, q, across in bars]


def _four(
    f: Frame,
    material: Material,
    profile: list[tuple[float, float]],
    *,
    shape: Literal["round", "square"] = "square",
    splay: float = 0.0,
) -> list[Mesh]:
    """Legs at the corners; the profile has shares of the height and of the frame's thickness, from above to below."""
    share, thick = np.array(profile).T
    t = f.thickness * thick
    return [
        bar([f.corner(x, y, splay=splay, height=s * f.under) for s in share], (t, t), material, shape=shape)
        for x in BOTH
        for y in BOTH
    ]


LEGS = {
    "square": square_legs,
    "turned": turned_legs,
    "splayed": splayed_legs,
    "sled": sled_legs,
    "cantilever": cantilever_legs,
    "star": star_base,
    "tulip": tulip_base,
    "feet": feet,
}
STRETCHERS = {"none": lambda f, material, splay: [], "box": box_stretchers, "h": h_stretchers}
