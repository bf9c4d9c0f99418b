"""Commands that make instruments for samplers, and networks for other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import tyro

from synthgen import checks

from .drawing import Draw


@dataclass(frozen=True, kw_only=True)
class Export:
    """What the kinds of instruments have in common."""

    instrument: str
    """A name, a file that 'synthgen adapt' wrote, or a blend: "flute=0.5,church organ=0.5"."""
    out: Path
    """Folder to write: new, empty, or an earlier export, which is replaced."""
    blend: str | None = None
    """Instruments to blend in, and their weights: "church organ=0.3"; --instrument has the rest."""
    model: str = "spectrogram"
    """Name of a bundled model, or path of a checkpoint or of a training run's folder."""
    keys: str = "21:108"
    """Keys to sample, LOW:HIGH, as MIDI numbers or names (A0:C8); all others play the nearest sample."""
    step: int = 3
    """Semitones between sampled keys."""
    velocities: int = 3
    """Velocity layers, evenly from the softest to the loudest that the model has learned."""
    sample_rate: int = 44100
    """Samples per second, from the model's own to 44100."""
    seed: int = 0
    """The same seed gives the same instrument."""
    workers: int = 0
    """Processes; 0 for one a core where there is enough to do."""
    draw: tyro.conf.OmitArgPrefixes[Draw] = Draw()
    """Models that draw one sample after the other."""

    kind: ClassVar = ""

    def run(self) -> None:
        from synthgen.rendering.sampler.exporting import Order, export
        from synthgen.rendering.synthesizer import Synthesizer

        names = ("keys", "step", "velocities", "sample_rate", "seed")
        order = Order(instrument=self._blended(), **{name: getattr(self, name) for name in names})
        synthesizer = Synthesizer.load(self.model)
        options = {"sampling": self.draw.sampling(), "workers": self.workers}
        print(export(synthesizer, order, self.kind, self.out, **options))

    def _blended(self) -> str:
        """The instrument, or a blend of it with others; a blend that names it too is taken as it is."""
        if self.blend is None:
            return self.instrument
        parts = [part.rpartition("=") for part in self.blend.split(",")]
        if self.instrument in (name.strip() for name, _, _ in parts):
            return self.blend
        try:
            rest = 1 - sum(float(weight) for _, _, weight in parts)
        except ValueError as error:
            raise checks.UserError(f"blend={self.blend!r} must read NAME=WEIGHT,NAME=WEIGHT") from error
        if not 0 < rest < 1:
            raise checks.UserError(f"blend={self.blend!r} must leave some of the weight 1 to {self.instrument!r}")
        return f"{self.instrument}={rest:.9g},{self.blend}"


@dataclass(frozen=True, kw_only=True)
class ExportSfz(Export):
    """Make an SFZ instrument: a text beside its samples, for sfizz, sforzando and many others."""

    kind: ClassVar = "sfz"


@dataclass(frozen=True, kw_only=True)
class ExportDspreset(Export):
    """Make a preset for DecentSampler beside its samples."""

    kind: ClassVar = "dspreset"


@dataclass(frozen=True, kw_only=True)
class ExportSf2(Export):
    """Make a SoundFont, one file, for FluidSynth, MuseScore and many others."""

    kind: ClassVar = "sf2"


@dataclass(frozen=True, kw_only=True)
class ExportOnnx:
    """Write a model's network as an ONNX file: the labels of a note in, its spectrogram or audio out.

    Models that draw by a CNN can be exported. The file is compared with torch before it is written.
    """

    out: Path
    """File to write, .onnx."""
    model: str = "spectrogram"
    """Name of a bundled model, or path of a checkpoint or of a training run's folder."""

    def run(self) -> None:
        from synthgen.rendering.onnx_file import write_onnx

        print(write_onnx(self.model, self.out))
