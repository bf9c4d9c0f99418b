"""Chairs drawn from a seed: kinds of legs, seats, backs and arms in the proportions of furniture.

A chair is a function of the seed and its number alone. Every property is drawn by its own name, so that a new one
changes no other.
"""

from __future__ import annotations

import colorsys
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from synthgen.data import chair_legs, chair_parts
from synthgen.data.chair_frame import Frame
from synthgen.data.chair_rendering import Mesh, merge
from synthgen.data.chair_shapes import Material

SEATS = ("square", "flared", "round")
FOUR_LEGS = ("square", "turned", "splayed")
REACH = 0.95
"""Size of a chair; at 1 it might touch the picture's edge."""
WOODS = ((0.09, 0.5, 0.75), (0.07, 0.6, 0.5), (0.05, 0.65, 0.36), (0.03, 0.7, 0.45), (0.11, 0.35, 0.82))
"""Hue, saturation and value of oak, walnut, wenge, cherry and birch."""


class Draws:
    """Random numbers by name, from the hash of a seed, a number and the name."""

    def __init__(self, seed: int, number: int) -> None:
        self.key = f"chair {seed} {number}"

    def unit(self, name: str) -> float:
        """A number in [0, 1)."""
        digest = hashlib.sha256(f"{self.key} {name}".encode()).digest()
        return int.from_bytes(digest[:6], "big") / 2**48

    def between(self, name: str, low: float, high: float) -> float:
        return low + (high - low) * self.unit(name)

    def choose(self, name: str, choices: Sequence[str]) -> str:
        return choices[int(self.unit(name) * len(choices))]


@dataclass(frozen=True)
class Chair:
    """Chair `number` of a seed."""

    seed: int
    number: int

    @cached_property
    def draws(self) -> Draws:
        return Draws(self.seed, self.number)

    @cached_property
    def legs(self) -> str:
        return self.draws.choose("legs", tuple(chair_legs.LEGS))

    @cached_property
    def back(self) -> str:
        upholstered = self.legs == "feet"
        return self.draws.choose("back", ("padded", "barrel") if upholstered else tuple(chair_parts.BACKS))

    @cached_property
    def seat(self) -> str:
        return "square" if self.legs in ("feet", "sled", "cantilever") else self.draws.choose("seat", SEATS)

    @cached_property
    def arms(self) -> str:
        if self.back == "barrel":
            return "none"
        if self.legs == "feet":
            return self.draws.choose("arms", ("none", "sides"))
        return self.draws.choose("arms", ("none", "none", "rails", "loops"))

    @cached_property
    def stretchers(self) -> str:
        return self.draws.choose("stretchers", tuple(chair_legs.STRETCHERS)) if self.legs in FOUR_LEGS else "none"

    @cached_property
    def frame(self) -> Frame:
        """Measures in metres; an armchair is larger than a kitchen chair."""
        d, large = self.draws, self.legs == "feet"
        width = d.between("width", 0.56, 0.66) if large else d.between("width", 0.4, 0.5)
        return Frame(
            width=width,
            depth=width * d.between("depth", 0.9, 1.02),
            seat_height=d.between("seat height", 0.36, 0.42) if large else d.between("seat height", 0.42, 0.48),
            seat_thickness=d.between("seat", 0.16, 0.22) if large else d.between("seat", 0.025, 0.06),
            back_height=d.between("back height", 0.3, 0.42) if large else d.between("back height", 0.34, 0.56),
            lean=d.between("lean", 4, 16),
            bow=0.0 if self.back == "cross" else d.between("bow", 0.0, 0.07),
            thickness=d.between("thickness", 0.024, 0.042),
            flare=0.82 if self.seat == "flared" else 1.0,
            round_seat=self.seat == "round",
        )

    @cached_property
    def body(self) -> Material:
        """Of seat and back."""
        if self.legs == "feet" or (self.legs in ("star", "tulip") and self.draws.unit("upholstered") < 0.6):
            return self._paint("fabric", gloss=0.02)
        if self.draws.unit("painted") < 0.3:
            return self._paint("paint", gloss=0.25)
        return self._wood("wood")

    @cached_property
    def base(self) -> Material:
        """Of legs, arms and frame: metal where legs are tubes, wood below fabric, or as the rest."""
        if self.legs in ("sled", "cantilever", "star", "tulip"):
            grey = 0.16 if self.draws.unit("metal") < 0.4 else self.draws.between("chrome", 0.55, 0.72)
            return Material(colour=(grey, grey, grey * 1.04), gloss=0.5)
        if self.legs == "feet" or self.draws.unit("two-tone") < 0.25:
            return self._wood("legs")
        return self.body

    @cached_property
    def cushion(self) -> Material | None:
        """Of a cushion on the seat; None where there is none."""
        has = self.legs == "feet" or self.back == "padded" or self.draws.unit("cushion") < 0.3
        return self._paint("cushion", gloss=0.02) if has else None

    def _wood(self, name: str) -> Material:
        hue, saturation, value = WOODS[int(self.draws.unit(f"{name} kind") * len(WOODS))]
        value *= self.draws.between(f"{name} shade", 0.85, 1.08)
        return Material(colour=colorsys.hsv_to_rgb(hue, saturation, value), gloss=0.12)

    def _paint(self, name: str, *, gloss: float) -> Material:
        hue, value = self.draws.unit(f"{name} hue"), self.draws.between(f"{name} value", 0.3, 0.85)
        saturation = self.draws.between(f"{name} saturation", 0.05, 0.65)
        return Material(colour=colorsys.hsv_to_rgb(hue, saturation, value), gloss=gloss)

    def mesh(self) -> Mesh:
        """The chair in a ball of radius REACH around the origin, which it touches, upright and symmetric to x = 0."""
        frame, base, body = self.frame, self.base, self.body
        back = self.cushion or body if self.back == "padded" else body
        splay = chair_legs.SPLAY if self.legs == "splayed" else 0.0
        mesh = merge(
            [
                *chair_parts.seat(frame, body, self.cushion, upholstered=self.legs == "feet"),
                *chair_legs.LEGS[self.legs](frame, base),
                *chair_parts.BACKS[self.back](frame, back),
                *chair_parts.ARMS[self.arms](frame, body if self.arms == "sides" else base),
                *chair_legs.STRETCHERS[self.stretchers](frame, base, splay=splay),
            ]
        )
        low, high = (reach(mesh.corners, axis=(0, 1)) for reach in (np.min, np.max))
        corners = mesh.corners - (0, *((low + high) / 2)[1:])
        return replace(mesh, corners=REACH * corners / np.linalg.norm(corners, axis=-1).max())
