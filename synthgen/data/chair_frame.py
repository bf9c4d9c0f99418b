"""The measures of a chair, and where on it its parts lie.

A chair faces -y, its floor is z = 0, and its seat lies in the middle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

BOTH = (-1, 1)
"""Left and right, or front and rear."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Measures in metres.

    Attributes:
        width: Of the seat.
        depth: Of the seat.
        seat_height: Of the seat's upper side above the floor.
        seat_thickness: Of the seat.
        back_height: Of the back above the seat.
        lean: Degrees by which the back leans backwards.
        bow: How far the back's middle lies behind its sides.
        thickness: Of legs, posts and rails.
        flare: Width of the seat's rear as a share of its front.
        round_seat: Whether the seat is a disc.
    """

    width: float
    depth: float
    seat_height: float
    seat_thickness: float
    back_height: float
    lean: float
    bow: float
    thickness: float
    flare: float
    round_seat: bool

    @property
    def under(self) -> float:
        """Height of the seat's lower side."""
        return self.seat_height - self.seat_thickness

    @property
    def rear_width(self) -> float:
        return self.width * (0.72 if self.round_seat else self.flare)

    def corner(self, x: int, y: int, *, splay: float = 0.0, height: float = 0.0) -> tuple[float, float, float]:
        """Middle of a leg at a height; `x` and `y` are -1 or 1, `splay` is how far it stands out at the floor."""
        inset = self.thickness * 0.6
        reach = 0.7 if self.round_seat else 1.0
        out = splay * (1 - height / self.under)
        across = (self.width if y < 0 or self.round_seat else self.rear_width) * reach
        return x * (across / 2 - inset + out), y * (self.depth * reach / 2 - inset + out), height

    def on_back(self, u: float | np.ndarray, v: float | np.ndarray) -> np.ndarray:
        """Points of the back's surface: u from -1 (left) to 1, v from 0 (the seat) to 1 (the top)."""
        u, v = np.broadcast_arrays(u, v)
        rear = self.depth / 2 * (0.86 if self.round_seat else 1.0) - self.thickness * 0.6
        y = rear + v * self.back_height * math.tan(math.radians(self.lean)) + self.bow * v * (1 - u**2)
        x = u * (self.rear_width / 2 - self.thickness * 0.6)
        return np.stack([x, y, self.under + v * (self.back_height + self.seat_thickness)], axis=-1)

    def rail(self, v: float, *, reach: float = 1.0) -> np.ndarray:
        """Points from left to right across the back at a height."""
        return self.on_back(np.linspace(-reach, reach, 9 if self.bow else 2), v)
