"""Features that repeat along an axis with a pitch: partials on a frequency axis, cycles on a time axis."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthgen import checks
from synthgen.records import Axis

MULTIPLES = (0.5, 1.0, 2.0)
WIDTHS = (1.0, 3.0)


class PeriodicFeatures(nn.Module):
    """Where each entry of an axis lies within the period of a tone.

    On an axis in Hz the period is the fundamental, so that features peak at the partials; on one in seconds it is one
    cycle. Features are sines and cosines at `MULTIPLES` of the fundamental rate (the half marks odd and even partials)
    and bumps around each whole period, `WIDTHS` steps wide, signed and unsigned: about the main lobe of a Hann window.
    """

    channels = 2 * len(MULTIPLES) + 2 * len(WIDTHS) + 1

    def __init__(self, axis: Axis, size: int) -> None:
        super().__init__()
        checks.one_of("unit of the periodic axis", axis.unit, ["hz", "seconds"])
        self.axis, self.size = axis, size

    def forward(self, hz: Tensor) -> Tensor:
        """Fundamentals in Hz (B,), NaN where unknown -> (B, channels, size), zeros where unknown."""
        known = hz.isfinite()
        hz = torch.where(known, hz, 440.0).double()
        period = hz if self.axis.unit == "hz" else 1 / hz
        position = torch.arange(self.size, device=hz.device, dtype=torch.float64) * self.axis.step
        cycles = position / period[:, None]
        away = (cycles - cycles.round()) * period[:, None] / self.axis.step
        features = [wave(2 * math.pi * m * cycles) for m in MULTIPLES for wave in (torch.cos, torch.sin)]
        for width in WIDTHS:
            bump = torch.exp(-((away / width) ** 2) / 2)
            features += [bump, bump * away / width]
        features.append(torch.log1p(cycles) / 4)
        return (torch.stack(features, dim=1) * known[:, None, None]).float()


class Profile(nn.Module):
    """A curve along an axis that a vector sets: some values for each partial, and some for each band.

    What the upsampling levels cannot: give every partial a level of its own wherever the pitch puts it.
    """

    def __init__(self, axis: Axis, size: int, *, dim: int, channels: int = 16, points: int = 128) -> None:
        """`dim` is the size of the vector; there are `points` partials and as many bands over the axis' `size`."""
        super().__init__()
        self.axis, self.size, self.points = axis, size, points
        self.channels = 2 * channels
        self.partials = nn.Linear(dim, channels * points)
        self.bands = nn.Linear(dim, channels * points)

    def forward(self, vector: Tensor, hz: Tensor) -> Tensor:
        """Vectors (B, dim) and fundamentals in Hz (B,), NaN where unknown -> (B, channels, size)."""
        known = hz.isfinite()
        hz = torch.where(known, hz, 440.0).float()
        period = hz if self.axis.unit == "hz" else 1 / hz
        cycles = torch.arange(self.size, device=hz.device) * self.axis.step / period[:, None]
        partials = _read(self.partials(vector).view(len(vector), -1, self.points), cycles.clamp(max=self.points - 1))
        bands = F.interpolate(self.bands(vector).view(len(vector), -1, self.points), self.size, mode="linear")
        return torch.cat([partials * known[:, None, None], bands], dim=1)


def _read(curves: Tensor, places: Tensor) -> Tensor:
    """Curves (B, C, points) at fractional indices (B, size) -> (B, C, size), linear in between."""
    low = places.floor().clamp(max=curves.shape[-1] - 2)
    share = (places - low)[:, None].to(curves.dtype)
    index = low.long()[:, None].expand(-1, curves.shape[1], -1)
    return torch.lerp(curves.gather(2, index), curves.gather(2, index + 1), share)
