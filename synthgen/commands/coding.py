"""Commands for recordings and models of codes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from synthgen.checks import UserError

if TYPE_CHECKING:
    from synthgen.rendering.note import Note
    from synthgen.rendering.sound_codes import SoundCodes
    from synthgen.rendering.synthesizer import Synthesizer


@dataclass(frozen=True, kw_only=True)
class Encode:
    """Turn a recording into the codes of a model, a small file.

    'synthgen resynthesize' makes a sound of them again, 'synthgen note --beginning' goes on from them.
    """

    recording: Annotated[Path, tyro.conf.Positional]
    """Audio file: WAV, FLAC, MP3, ... of any rate, length and number of channels."""
    out: Path
    """File to write, .codes."""
    model: str = "vqvae"
    """Name of a bundled model of codes, or path of a checkpoint or of a training run's folder."""

    def run(self) -> None:
        from synthgen.rendering.sound_codes import check_suffix
        from synthgen.rendering.synthesizer import Synthesizer

        check_suffix(self.out)
        codes = encoded(Synthesizer.load(self.model), self.recording)
        codes.save(self.out)
        print(f"{self.out}: {codes}")


@dataclass(frozen=True, kw_only=True)
class Resynthesize:
    """Play a recording as a model hears it: through its codes and back, as long as it is."""

    recording: Annotated[Path, tyro.conf.Positional]
    """Audio file as for 'synthgen encode', or the .codes that it wrote."""
    out: Path
    """File to write, .wav or .flac."""
    model: str = "vqvae"
    """Name of a bundled model of codes, or path of a checkpoint or of a training run's folder."""
    seed: int = 0
    """Chooses what the codes leave open; the same seed gives the same file."""

    def run(self) -> None:
        from synthgen.rendering.synthesizer import Synthesizer

        check_audio_suffix(self.out)
        synthesizer = Synthesizer.load(self.model)
        write(synthesizer.decode(encoded(synthesizer, self.recording), seed=self.seed), self.out)


@dataclass(frozen=True, kw_only=True)
class Interpolate:
    """Make sounds that lie between two recordings, in the space of a model's codes.

    With --share one sound, without it several from the first recording to the second.
    """

    first: Annotated[Path, tyro.conf.Positional]
    """Audio file as for 'synthgen encode', or .codes."""
    second: Annotated[Path, tyro.conf.Positional]
    """The same; the shorter of both is followed by silence."""
    out: Path
    """File to write, .wav or .flac; of several sounds, their number from 0 is added to its name."""
    steps: int = 5
    """Sounds to make, evenly from the first to the second."""
    share: float | None = None
    """Make one sound with so much of the second, 0 to 1."""
    model: str = "vqvae"
    """Name of a bundled model of codes, or path of a checkpoint or of a training run's folder."""
    seed: int = 0
    """Chooses what the codes leave open; the same seed gives the same files."""

    def run(self) -> None:
        from synthgen.rendering.synthesizer import Synthesizer

        check_audio_suffix(self.out)
        synthesizer = Synthesizer.load(self.model)
        codes = [encoded(synthesizer, path) for path in (self.first, self.second)]
        made = synthesizer.interpolate(*codes, steps=self.steps, share=self.share, seed=self.seed)
        if self.share is not None:
            write(made, self.out)
            return
        digits = len(str(len(made) - 1))
        for index, note in enumerate(made):
            write(note, self.out.with_stem(f"{self.out.stem}-{index:0{digits}}"))


def encoded(synthesizer: Synthesizer, path: Path) -> SoundCodes:
    """The codes of a recording, or those in a file; what is wrong with it is told."""
    codes = synthesizer.encode(path)
    for remark in codes.remarks:
        print(f"synthgen: {path}: {remark}", file=sys.stderr)
    return codes


def write(note: Note, path: Path) -> None:
    """Write a note as a file, and say so."""
    from synthgen.data.audio import write_audio

    write_audio(path, note.audio, sample_rate=note.sample_rate)
    if note.clipped:
        print(f"synthgen: {path}: {note.clipped} samples reached beyond [-1, 1] and were clipped", file=sys.stderr)
    print(f"{path}: {note}")


def check_audio_suffix(path: Path) -> None:
    """Raise UserError unless a sound can be written to a file of such a name."""
    from synthgen.data.audio import SUFFIXES

    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path}: suffix={path.suffix!r} must be .wav or .flac")
