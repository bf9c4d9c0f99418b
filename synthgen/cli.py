"""The command line: a table of commands, each parsed and imported only when it is chosen."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import tyro

from synthgen import __version__, checks

if TYPE_CHECKING:
    from synthgen.heads import Sampling
    from synthgen.rendering.library import ModelInfo
    from synthgen.rendering.plan import Plan

T = TypeVar("T")


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
class Draw:
    """How a model draws that makes one sample after the other; other models take none of it."""

    temperature: float | None = None
    """Above 0; 1 draws as the model has learned, less makes likely samples likelier. None: the model's own."""
    top_k: int | None = None
    """Draw among so many of the likeliest values only."""
    top_p: float | None = None
    """Draw among the fewest values that hold this much probability together."""

    def sampling(self) -> Sampling | None:
        """The same for a synthesizer; None where nothing was chosen."""
        chosen = {name: value for name, value in dataclasses.asdict(self).items() if value is not None}
        if not chosen:
            return None
        from synthgen.heads import Sampling

        return Sampling(**chosen)


@dataclass(frozen=True, kw_only=True)
class Note:
    """Make one note and write it to a file."""

    instrument: str
    """A name, or names and weights of a blend: "flute=0.5,church organ=0.5"."""
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
    """Recording that such a model goes on from, mono and at the model's rate."""

    def run(self) -> None:
        from synthgen.data.layout import write_audio
        from synthgen.rendering.request import Request
        from synthgen.rendering.synthesizer import Synthesizer

        synthesizer = Synthesizer.load(self.model)
        asked = {"pitch": self.pitch, "velocity": self.velocity, "seed": self.seed}
        with _bar(synthesizer.draws_samples) as progress:
            options = {"sampling": self.draw.sampling(), "progress": progress}
            if self.beginning is None:
                note = synthesizer.note(self.instrument, **asked, **options)
            else:
                request = Request(instrument=self.instrument, **asked)
                note = synthesizer.complete(self.beginning, request, **options)
        write_audio(self.out, note.audio, sample_rate=note.sample_rate)
        if note.clipped:
            print(f"synthgen: {note.clipped} samples reached beyond [-1, 1] and were clipped", file=sys.stderr)
        print(f"{self.out}: {note}")


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
            return grid(model.repertoire, **axes, seed=self.seed)
        if self.plan is None or self.grid:
            raise checks.UserError("give either a PLAN, a CSV file, or --grid")
        stray = [f"--{name}" for name, value in axes.items() if value is not None]
        if stray:
            raise checks.UserError(f"{', '.join(stray)} must come with --grid; the PLAN names its own")
        return read_csv(self.plan, model.repertoire, skip_bad=self.skip_bad)


@contextlib.contextmanager
def _bar(wanted: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar for the samples of one note."""
    if not wanted:
        yield None
        return
    from tqdm import tqdm

    with tqdm(unit=" samples", unit_scale=True, disable=None, leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


COMMANDS = {
    "models": "list the models that come with the package",
    "instruments": "list the instruments of a model, one name a line",
    "note": "make one note and write it to a file",
    "render": "render a plan or a grid of notes as a data set",
    "data nsynth": "download a split of NSynth",
    "data soundfont": "render a data set of notes from a SoundFont",
    "data folder": "make a data set of your own samples",
}
OWN = {"models": Models, "instruments": Instruments, "note": Note, "render": Render}
BUILDERS = {"data nsynth": "download", "data soundfont": "soundfont", "data folder": "folder"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 done, 1 bad input, 2 bad usage, 130 interrupted."""
    try:
        status = _dispatch(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
    except checks.UserError as error:
        print(f"synthgen: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _drop_output()
        return 1
    except OSError as error:
        print(f"synthgen: {error.filename or 'output'}: {error.strerror}", file=sys.stderr)
        _drop_output()
        return 1
    return status


def _dispatch(words: list[str]) -> int:
    if words[:1] == ["--version"]:
        print(f"synthgen {__version__}")
        return 0
    size = 2 if words[:1] == ["data"] else 1
    name, rest = " ".join(words[:size]), words[size:]
    if name in OWN:
        _parse(name, OWN[name], rest).run()
    elif name in BUILDERS:
        module = importlib.import_module(f"synthgen.data.{BUILDERS[name]}")
        print(module.build(_parse(name, module.Config, rest)))
    elif {"-h", "--help"} & set(words[:2]):
        print(_help())
    else:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"; did you mean 'synthgen {close[0]}'?" if close else ""
        print(f"synthgen: {name or 'no command'!r} is not a command{hint}\n\n{_help()}", file=sys.stderr)
        return 2
    return 0


def _parse(name: str, options: type[T], words: list[str]) -> T:
    about = None if name in OWN else f"{COMMANDS[name][0].upper()}{COMMANDS[name][1:]}, in NSynth's layout."
    return tyro.cli(
        options, prog=f"synthgen {name}", args=words, description=about, config=(tyro.conf.FlagCreatePairsOff,)
    )


def _help() -> str:
    rows = "\n".join(f"  {name:<16}{text}" for name, text in COMMANDS.items())
    return f"usage: synthgen COMMAND ...\n\ncommands:\n{rows}\n\n'synthgen COMMAND --help' lists the options of one."


def _drop_output() -> None:
    """Point standard output nowhere, so that Python does not fail on it again when it ends."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
