"""SFZ: an instrument as a text of regions beside its samples.

The format is the one that Cakewalk published with its sfz player (version 1); every opcode used here belongs to it.
"""

from __future__ import annotations

from synthgen.rendering.sampler.instrument import Region, SampledInstrument


def sfz(instrument: SampledInstrument) -> str:
    """The text of an .sfz file. A sample is as loud as it was made: velocity only chooses it (amp_veltrack=0)."""
    heading = f"<global> amp_veltrack=0 ampeg_release={instrument.release_seconds:.3f}"
    return "\n".join([f"// {instrument.name}", heading, *map(_region, instrument.regions), ""])


def _region(region: Region) -> str:
    zone, sample = region.zone, region.sample
    opcodes = {
        "sample": region.path,
        "lokey": zone.low_key,
        "hikey": zone.high_key,
        "pitch_keycenter": zone.root,
        "lovel": zone.low_velocity,
        "hivel": zone.high_velocity,
        "tune": sample.tune or 0,
        "loop_mode": "loop_continuous" if sample.loop else "no_loop",
        **({"loop_start": sample.loop.start, "loop_end": sample.loop.end - 1} if sample.loop else {}),  # both played
    }
    return "<region> " + " ".join(f"{name}={value}" for name, value in opcodes.items())
