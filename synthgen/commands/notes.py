"""Commands that list models and make notes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from .coding import check_audio_suffix, encoded, write
from .drawing import Draw, bar


@dataclass(frozen=True, kw_only=True)
class Models:
    """List the models that come with the package."""

    def run(self) -> None:
        from synthgen.rendering.library import bundled, inspect

        for name in bundled():
            print(inspect(name))


@dataclass(frozen=True, kw_only=True)
class Instruments:
    """List the instruments of a model, one name a line."""

    model: str = "spectrogram"
    """Name of a bundled model, or path of a checkpoint or of a training run's folder."""

    def run(self) -> None:
        from synthgen.rendering.library import inspect

        print("\n".join(inspect(self.model).repertoire.instruments))


@dataclass(frozen=True, kw_only=True)
class Note:
    """Make one note and write it to a file."""

    instrument: str
    """A name, a file that 'synthgen adapt' wrote, or a blend: "flute=0.5,church organ=0.5"."""
    pitch: str
    """MIDI note number, perhaps between two keys (57.5), or a note name (A4, C#3, Bb2)."""
    out: Path
    """File to write, .wav or .flac."""
    velocity: float = 100
    """MIDI velocity, 1 to 127; beyond the learned ones the nearest of them is played."""
    seed: int = 0
    """The same seed gives the same file."""
    model: str = "spectrogram"
    """Name of a bundled model, or path of a checkpoint or of a training run's folder."""
    draw: tyro.conf.OmitArgPrefixes[Draw] = Draw()
    """Models that draw one sample after the other."""
    beginning: Path | None = None
    """Recording that such a model goes on from, mono and at the model's rate; a model of codes takes any, or .codes."""

    def run(self) -> None:
        from synthgen.rendering.request import Request
        from synthgen.rendering.synthesizer import Synthesizer

        check_audio_suffix(self.out)
        synthesizer = Synthesizer.load(self.model)
        asked = {"pitch": self.pitch, "velocity": self.velocity, "seed": self.seed}
        with bar(synthesizer.draws_samples) as progress:
            options = {"sampling": self.draw.sampling(), "progress": progress}
            if self.beginning is None:
                note = synthesizer.note(self.instrument, **asked, **options)
            else:
                request = Request(instrument=self.instrument, **asked)
                beginning = encoded(synthesizer, self.beginning) if synthesizer.has_codes else self.beginning
                note = synthesizer.complete(beginning, request, **options)
        write(note, self.out)
