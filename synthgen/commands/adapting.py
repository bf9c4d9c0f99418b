"""The command that makes an instrument from recordings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from synthgen import checks

from .drawing import bar

MEASURE = "measure"


@dataclass(frozen=True, kw_only=True)
class Adapt:
    """Make an instrument from recordings of a few of its notes.

    'synthgen note --instrument NAME.instrument' and 'synthgen render' play it with the model that it was made for.
    """

    recordings: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Audio files, each of one note: WAV, FLAC, MP3, ... of any rate, length and number of channels."""
    pitches: tuple[str, ...] = ()
    """Pitch of each, a MIDI number or a note name (A2 57.5), or 'measure'. None: measured."""
    velocities: tuple[float, ...] = ()
    """MIDI velocity of each. None: those that fit best."""
    name: str | None = None
    """What the instrument is called. None: as the file."""
    out: Path | None = None
    """File to write. None: NAME.instrument."""
    model: str = "spectrogram"
    """Bundled model that makes whole notes from labels, or path of a checkpoint or of a training run's folder."""
    seed: int = 0
    """The same seed gives the same file."""

    def run(self) -> None:
        from synthgen.rendering.adapted import SUFFIX, check_suffix
        from synthgen.rendering.synthesizer import Synthesizer

        if self.out is None and self.name is None:
            raise checks.UserError("name is missing; give --name, or a file as --out")
        out = self.out or Path(f"{self.name}{SUFFIX}")
        check_suffix(out)
        synthesizer = Synthesizer.load(self.model)
        with bar(True, unit="steps") as progress:
            adapted = synthesizer.adapt(
                self.recordings,
                name=self.name or out.stem,
                pitches=[None if pitch == MEASURE else pitch for pitch in self.pitches] or None,
                velocities=self.velocities or None,
                seed=self.seed,
                progress=progress,
            )
        adapted.save(out)
        print("\n".join([f"{out}: {adapted}", *map(str, adapted.recordings)]))
