"""An instrument as every sampler's file describes it."""

from __future__ import annotations

from dataclasses import dataclass

from synthgen.rendering.sampler.sample import Sample
from synthgen.rendering.sampler.zones import Zone

FOLDER = "samples"


@dataclass(frozen=True, kw_only=True, eq=False)
class Region:
    """A sample and the keys and velocities that play it."""

    zone: Zone
    sample: Sample

    @property
    def name(self) -> str:
        """Key and velocity at which it was made."""
        return f"{self.zone.root:03d}-{self.zone.velocity:03d}"

    @property
    def path(self) -> str:
        """Its file, from the folder of the instrument, where samples are files."""
        return f"{FOLDER}/{self.name}.wav"


@dataclass(frozen=True, kw_only=True, eq=False)
class SampledInstrument:
    """Regions that share an envelope.

    Attributes:
        name: What it is called.
        release_seconds: How long a note takes to fall by 80 dB when its key is let go.
        regions: One for every zone.
    """

    name: str
    release_seconds: float
    regions: tuple[Region, ...]

    def region(self, key: int, velocity: int) -> Region:
        """What a key plays at a velocity."""
        return next(region for region in self.regions if region.zone.holds(key, velocity))
