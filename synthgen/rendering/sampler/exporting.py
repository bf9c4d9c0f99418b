"""An instrument of a model as a folder that a sampler opens."""

from __future__ import annotations

import importlib.metadata
import math
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from synthgen import __version__, checks, files
from synthgen.checks import UserError
from synthgen.data.audio import write_audio
from synthgen.data.layout import safe_name
from synthgen.rendering.request import Instrument, Repertoire, Request
from synthgen.rendering.sampler.decent_sampler import dspreset
from synthgen.rendering.sampler.export_folder import replacing, write_manifest
from synthgen.rendering.sampler.instrument import Region, SampledInstrument
from synthgen.rendering.sampler.making import Wanted, make, probe
from synthgen.rendering.sampler.preview import preview
from synthgen.rendering.sampler.sample import Character
from synthgen.rendering.sampler.sfz import sfz
from synthgen.rendering.sampler.soundfont2 import soundfont
from synthgen.rendering.sampler.zones import Zone, cover, sampled_keys, sampled_velocities
from synthgen.rendering.synthesizer import Synthesizer

if TYPE_CHECKING:
    from synthgen.heads import Sampling

Kind = Literal["sfz", "dspreset", "sf2"]
DESCRIPTIONS: dict[str, Callable[[SampledInstrument], str | bytes]] = {
    "sfz": sfz,
    "dspreset": dspreset,
    "sf2": soundfont,
}
HIGHEST_RATE = 44100
MOST_SAMPLES = 512
PACKAGES = ("torch", "numpy", "scipy", "soxr")


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is exported.

    Attributes:
        instrument: A name, or a blend.
        keys: LOW:HIGH, keys to sample; see `zones.sampled_keys`.
        step: Semitones between sampled keys.
        velocities: Velocity layers; see `zones.sampled_velocities`.
        sample_rate: Of the samples, from the model's own to 44,100.
        seed: Seed of every note.
    """

    instrument: Instrument
    keys: str = "21:108"
    step: int = 3
    velocities: int = 3
    sample_rate: int = HIGHEST_RATE
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was exported.

    Attributes:
        path: The file that a sampler opens.
        keys: Sampled keys.
        layers: Velocity layers.
        looped: Samples that sound on while their key is held.
        tunes: Cents by which samples are tuned, where a pitch was measured.
        gain_db: By how much all samples were turned up, never above 0, so that none clips.
    """

    path: Path
    keys: int
    layers: int
    looped: int
    tunes: tuple[int, ...]
    gain_db: float

    def __str__(self) -> str:
        """A line for the terminal."""
        samples = self.keys * self.layers
        parts = [f"{samples} samples ({self.keys} keys x {self.layers} velocities)", f"{self.looped} looped"]
        parts += [f"{len(self.tunes)} tuned by {min(self.tunes)} to {max(self.tunes)} cents"] if self.tunes else []
        parts += [f"all turned down by {-self.gain_db:.1f} dB"] if self.gain_db else []
        return f"{self.path}: {', '.join(parts)}"


def export(
    synthesizer: Synthesizer,
    order: Order,
    kind: Kind,
    folder: Path,
    *,
    sampling: Sampling | None = None,
    workers: int = 1,
) -> Report:
    """Write the file that a sampler opens, samples beside it where the kind has them, a preview and a manifest.

    Every key and velocity plays exactly one sample, as loud as the model made it. The folder appears whole or not at
    all; the same order gives the same bytes.

    Args:
        synthesizer: What makes the notes.
        order: What to export.
        kind: "sfz", "dspreset" (DecentSampler) or "sf2" (SoundFont).
        folder: New, empty, or an earlier export, which is replaced.
        sampling: See `Synthesizer.note`.
        workers: Processes; 1 works here, 0 takes one a core where there is enough to do.

    Raises:
        UserError: the model cannot play that, or the folder holds something else or cannot be written.
    """
    zones, prototype = _plan(synthesizer.info.with_files, synthesizer.sample_rate, order)
    with replacing(folder) as partial:
        character = probe(synthesizer, prototype, sampling=sampling)
        requests = [replace(prototype, pitch=float(zone.root), velocity=float(zone.velocity)) for zone in zones]
        wanted = [
            Wanted(request=request, character=character, key=zone.root, sample_rate=order.sample_rate)
            for zone, request in zip(zones, requests, strict=True)
        ]
        samples = list(make(synthesizer, wanted, sampling=sampling, workers=workers))
        gain = min(1.0, 1 / max(max(float(np.abs(s.audio).max(initial=0)) for s in samples), 1e-9))
        regions = [
            Region(zone=zone, sample=replace(sample, audio=sample.audio * np.float32(gain)))
            for zone, sample in zip(zones, samples, strict=True)
        ]
        named = {"name": prototype.instrument_name, "release_seconds": character.release_seconds}
        instrument = SampledInstrument(**named, regions=tuple(regions))
        name = f"{safe_name(instrument.name)}.{kind}"
        _write(partial, name, kind, instrument)
        origin = _origin(synthesizer, prototype, kind, sampling)
        write_manifest(partial, origin | _figures(instrument, character, gain, kind))
    return Report(
        path=folder / name,
        keys=len({zone.root for zone in zones}),
        layers=len({zone.velocity for zone in zones}),
        looped=sum(region.sample.loop is not None for region in regions),
        tunes=tuple(region.sample.tune for region in regions if region.sample.tune is not None),
        gain_db=20 * math.log10(gain),
    )


def _plan(repertoire: Repertoire, sample_rate: int, order: Order) -> tuple[tuple[Zone, ...], Request]:
    """Zones, and a request of any note in the model's own names."""
    keys = sampled_keys(order.keys, order.step, repertoire.pitches)
    velocities = sampled_velocities(order.velocities, repertoire.velocities)
    if len(keys) * len(velocities) > MOST_SAMPLES:
        wanted = f"{len(keys)} keys x {len(velocities)} velocities"
        raise UserError(f"{wanted} are more than {MOST_SAMPLES} samples; widen --step or lower --velocities")
    checks.between("sample_rate", order.sample_rate, sample_rate, max(sample_rate, HIGHEST_RATE))
    return cover(keys, velocities), repertoire.resolve(
        Request(instrument=order.instrument, pitch=keys[0], seed=order.seed)
    )


def _write(folder: Path, name: str, kind: Kind, instrument: SampledInstrument) -> None:
    described = DESCRIPTIONS[kind](instrument)
    if isinstance(described, str):
        described = described.encode()
        for region in instrument.regions:
            write_audio(folder / region.path, region.sample.audio, sample_rate=region.sample.sample_rate)
    files.write_bytes(folder / name, described)
    rate = instrument.regions[0].sample.sample_rate
    write_audio(folder / "preview.wav", preview(instrument), sample_rate=rate)


def _origin(synthesizer: Synthesizer, request: Request, kind: Kind, sampling: Sampling | None) -> dict[str, Any]:
    return {
        "export": kind,
        "model": asdict(synthesizer.info.with_files.owner.home),
        "instrument": request.instrument,
        "adapted": [asdict(instrument) for instrument in request.adapted],
        "seed": request.seed,
        "sampling": None if sampling is None else asdict(sampling),
    }


def _figures(instrument: SampledInstrument, character: Character, gain: float, kind: Kind) -> dict[str, Any]:
    return {
        "sample_rate": instrument.regions[0].sample.sample_rate,
        "gain_db": round(20 * math.log10(gain), 2),
        "sustains": character.sustains,
        "release_seconds": round(character.release_seconds, 3),
        "samples": [_sample(region, kind) for region in instrument.regions],
        "versions": {
            "synthgen": __version__,
            "python": platform.python_version(),
            **{package: importlib.metadata.version(package) for package in PACKAGES},
        },
    }


def _sample(region: Region, kind: Kind) -> dict[str, Any]:
    sample, loop = region.sample, region.sample.loop
    return {
        **({"name": region.name} if kind == "sf2" else {"file": region.path}),
        **asdict(region.zone),
        "samples": len(sample.audio),
        "loop": loop and {**asdict(loop), "likeness": round(loop.likeness, 4), "similarity": round(loop.similarity, 4)},
        "tune_cents": sample.tune,
        "peak": round(float(np.abs(sample.audio).max(initial=0)), 5),
    }
