"""Commands that list models and make notes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from synthgen import checks

from .coding import check_audio_suffix, encoded, write
from .drawing import Draw, bar

if TYPE_CHECKING:
    from synthgen.rendering.library import ModelInfo
    from synthgen.rendering.plan import Plan


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


@dataclass(frozen=True, kw_only=True)
class Render:
    """Render a plan, or a grid of notes, as a data set in NSynth's layout.

    A render that was stopped goes on where it was when it is started again.
    """

    plan: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[PLAN]")] = None
    """CSV file with columns instrument,pitch,velocity[,seed]."""
    out: Path
    """Folder to write: audio/* and examples.json."""
    model: str = "spectrogram"
    """Name of a bundled model, or path of a checkpoint or of a training run's folder."""
    grid: bool = False
    """Instead of a PLAN, every combination of --instruments, --pitches and --velocities."""
    instruments: str | None = None
    """Comma-separated names of the grid: flute,violin. None: all."""
    pitches: str | None = None
    """Pitches of the grid, values or ranges LOW:HIGH[:STEP]: 48:72:12,A4. None: all."""
    velocities: str | None = None
    """Velocities of the grid: 25,100. None: all that the model has learned."""
    seed: int = 0
    """Seed of every note of the grid."""
    workers: int = 1
    """Processes, of one thread each; the result does not depend on it."""
    format: Literal["wav", "flac"] = "wav"
    """16-bit WAV, or FLAC."""
    skip_bad: bool = False
    """Leave bad rows of the PLAN out and count them, instead of stopping at the first."""
    draw: tyro.conf.OmitArgPrefixes[Draw] = Draw()
    """Models that draw one sample after the other."""

    def run(self) -> None:
        from synthgen.rendering.library import inspect
        from synthgen.rendering.writer import render

        model = inspect(self.model)
        options = {"audio_format": self.format, "workers": self.workers, "sampling": self.draw.sampling()}
        print(render(model, self._plan(model), self.out, **options))

    def _plan(self, model: ModelInfo) -> Plan:
        from synthgen.rendering.plan import grid, read_csv

        axes = {"instruments": self.instruments, "pitches": self.pitches, "velocities": self.velocities}
        if self.grid and self.plan is None:
            return grid(model.with_files, **axes, seed=self.seed)
        if self.plan is None or self.grid:
            raise checks.UserError("give either a PLAN, a CSV file, or --grid")
        stray = [f"--{name}" for name, value in axes.items() if value is not None]
        if stray:
            raise checks.UserError(f"{', '.join(stray)} must come with --grid; the PLAN names its own")
        return read_csv(self.plan, model.with_files, skip_bad=self.skip_bad)
