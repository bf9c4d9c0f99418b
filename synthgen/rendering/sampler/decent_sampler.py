"""DecentSampler presets: an instrument as an XML file beside its samples.

Elements and attributes: DecentSampler Developers Guide, "The <groups> element". Tuning is in semitones, the end of a
loop is its last sample.
"""

from __future__ import annotations

from xml.etree import ElementTree

from synthgen.rendering.sampler.instrument import Region, SampledInstrument


def dspreset(instrument: SampledInstrument) -> str:
    """The text of a .dspreset file. A sample is as loud as it was made: velocity only chooses it (ampVelTrack=0)."""
    root = ElementTree.Element("DecentSampler", minVersion="1.0.0")
    release = f"{instrument.release_seconds:.3f}"
    groups = ElementTree.SubElement(root, "groups", ampVelTrack="0", attack="0", release=release)
    group = ElementTree.SubElement(groups, "group", name=instrument.name)
    for region in instrument.regions:
        ElementTree.SubElement(group, "sample", {name: str(value) for name, value in _attributes(region).items()})
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _attributes(region: Region) -> dict[str, str | int]:
    zone, sample = region.zone, region.sample
    return {
        "path": region.path,
        "rootNote": zone.root,
        "loNote": zone.low_key,
        "hiNote": zone.high_key,
        "loVel": zone.low_velocity,
        "hiVel": zone.high_velocity,
        "tuning": f"{(sample.tune or 0) / 100:.2f}",
        "loopEnabled": "true" if sample.loop else "false",
        **({"loopStart": sample.loop.start, "loopEnd": sample.loop.end - 1} if sample.loop else {}),
    }
