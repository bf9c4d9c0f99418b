"""Features that repeat along an axis with a pitch: partials on a frequency axis, cycles on a time axis."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

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
