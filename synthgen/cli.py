"""The command line: a table of commands, each parsed and imported only when it is chosen."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import TypeVar

import tyro

from synthgen import __version__, checks
from synthgen.commands import adapting, coding, exporting, notes, pictures, rendering, songs

T = TypeVar("T")


COMMANDS = {
    "models": "list the models that come with the package",
    "instruments": "list the instruments of a model, one name a line",
    "note": "make one note and write it to a file",
    "render": "render a plan, a grid or random notes as a data set",
    "adapt": "make an instrument from recordings of a few of its notes",
    "encode": "turn a recording into the codes of a model",
    "resynthesize": "play a recording, or its codes, as a model hears it",
    "interpolate": "make sounds that lie between two recordings",
    "midi": "play a MIDI file by the instruments of a model",
    "export sfz": "make an instrument for SFZ samplers",
    "export dspreset": "make an instrument for DecentSampler",
    "export sf2": "make a SoundFont",
    "export onnx": "write a model's network for other programs",
    "sample": "draw pictures from labels as one sheet",
    "complete": "draw the last part of a picture anew",
    "data nsynth": "download a split of NSynth",
    "data soundfont": "render a data set of notes from a SoundFont",
    "data folder": "make a data set of your own samples",
    "data chairs": "render a data set of chairs",
}
OWN = {
    "models": notes.Models,
    "instruments": notes.Instruments,
    "note": notes.Note,
    "render": rendering.Render,
    "adapt": adapting.Adapt,
    "encode": coding.Encode,
    "resynthesize": coding.Resynthesize,
    "interpolate": coding.Interpolate,
    "midi": songs.Midi,
    "export sfz": exporting.ExportSfz,
    "export dspreset": exporting.ExportDspreset,
    "export sf2": exporting.ExportSf2,
    "export onnx": exporting.ExportOnnx,
    "sample": pictures.Sample,
    "complete": pictures.Complete,
}
BUILDERS = {
    "data nsynth": "download",
    "data soundfont": "soundfont",
    "data folder": "folder",
    "data chairs": "chair_builder",
}
LAYOUT = {"data chairs": "the layout of the published renders"}


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
    size = 2 if words and words[0] in {command.split()[0] for command in COMMANDS if " " in command} else 1
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
    text, layout = COMMANDS[name], LAYOUT.get(name, "NSynth's layout")
    about = None if name in OWN else f"{text[0].upper()}{text[1:]}, in {layout}."
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
