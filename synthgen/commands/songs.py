"""Commands that play songs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from synthgen.checks import UserError

from .drawing import Draw


@dataclass(frozen=True, kw_only=True)
class Midi:
    """Play a MIDI file by the instruments of a model.

    Tempo, sustain pedal, and volume and expression at the beginning of a note count; drums, pitch bends and other
    controllers are left out. A key that the model does not reach is transposed from the nearest that it does.
    """

    song: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SONG.mid")]
    """Standard MIDI file of type 0 or 1."""
    out: Path
    """File to write, .wav or .flac."""
    model: str = "spectrogram"
    """Name of a bundled model, or path of a checkpoint or of a training run's folder."""
    program_map: str | None = None
    """Instruments of programs, by number from 0 or General MIDI name: "0=acoustic grand piano,violin=flute".
    Others are played by the instrument of their name, or by the nearest of their family."""
    seed: int = 0
    """The same seed gives the same file."""
    workers: int = 0
    """Processes; 0 for one a core where there is enough to do."""
    draw: tyro.conf.OmitArgPrefixes[Draw] = Draw()
    """Models that draw one sample after the other."""

    def run(self) -> None:
        from synthgen.data.audio import SUFFIXES, write_audio
        from synthgen.rendering.midi.performance import perform
        from synthgen.rendering.midi.program_map import choose, parse_map
        from synthgen.rendering.midi.score import read_score
        from synthgen.rendering.synthesizer import Synthesizer

        if self.out.suffix.lower() not in SUFFIXES:
            raise UserError(f"{self.out}: suffix={self.out.suffix!r} must be .wav or .flac")
        score = read_score(self.song)
        synthesizer = Synthesizer.load(self.model)
        repertoire = synthesizer.info.with_files
        programs = {note.program for note in score.notes}
        instruments, remarks = choose(programs, parse_map(self.program_map, repertoire), repertoire)
        remarks += [f"{score.drums} notes of drums (channel 10) are left out"] if score.drums else []
        for remark in remarks:
            print(f"synthgen: {remark}", file=sys.stderr)
        options = {"seed": self.seed, "sampling": self.draw.sampling(), "workers": self.workers}
        performance = perform(synthesizer, score, instruments, **options)
        if performance.transposed:
            low, high = (f"{pitch:g}" for pitch in synthesizer.pitches)
            print(f"synthgen: {performance.transposed} notes outside {low} to {high} are transposed", file=sys.stderr)
        write_audio(self.out, performance.audio, sample_rate=performance.sample_rate)
        print(f"{self.out}: {performance}")
