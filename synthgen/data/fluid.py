"""A SoundFont played by FluidSynth, one note at a time, each from silence.

Three habits of FluidSynth (2.3) decide how a note is made here. Its 16-bit output buries soft notes, so the float
output is read, which pyfluidsynth leaves out. It does not limit the band of what it resamples: at 16 kHz bright samples
fold into inharmonic lines, so it runs at 48 kHz and the result is decimated. And a system reset does not silence notes
that still ring, nor does a voice forget the panning of its last note, which it leaves within its first 64 samples:
so all sound is switched off, and the note is begun once for one block before it is played, which makes its samples the
same whatever was played before.
"""

from __future__ import annotations

import ctypes
import weakref
from functools import lru_cache
from pathlib import Path

import numpy as np

from synthgen.checks import UserError

SAMPLE_RATE = 16000
HELD_SECONDS, RELEASE_SECONDS = 3, 1
SAMPLES = SAMPLE_RATE * (HELD_SECONDS + RELEASE_SECONDS)
OVERSAMPLING = 3
BLOCK = 64
CHANNELS = 128
MELODIC_BANK = 0
_LOG_LEVELS = 5


class Fluid:
    """FluidSynth with one SoundFont, without reverb and chorus.

    Args:
        soundfont: SF2 or SF3 file.
        gain: Factor on the mean of left and right; at 1.2 the loudest notes of MuseScore General peak at 0.9.

    Raises:
        UserError: FluidSynth is not installed, or the file is missing or no SoundFont.
    """

    def __init__(self, soundfont: Path, *, gain: float) -> None:
        module, self._library = _libraries()
        _check_file(soundfont)
        # A program's samples are loaded when a channel selects it and kept while it does: each has its own channel.
        settings = {"synth.reverb.active": 0, "synth.chorus.active": 0, "synth.dynamic-sample-loading": 1}
        rate = float(SAMPLE_RATE * OVERSAMPLING)
        self._synth = module.Synth(gain=gain / 2, samplerate=rate, channels=CHANNELS, **settings)
        weakref.finalize(self, self._synth.delete)
        self._font = self._synth.sfload(str(soundfont))
        if self._font < 0:
            raise UserError(f"{soundfont}: FluidSynth cannot read this SoundFont; it is damaged, get it again")
        self._loaded: set[int] = set()
        self._left, self._right = np.zeros((2, SAMPLES * OVERSAMPLING), dtype=np.float32)

    def has(self, program: int) -> bool:
        """Whether the SoundFont has this melodic program (0 to 127)."""
        return self._synth.sfpreset_name(self._font, MELODIC_BANK, program) is not None

    def note(self, program: int, pitch: int, velocity: int) -> np.ndarray:
        """A note held for 3 s and released for 1 s, float32 (64000,) at 16 kHz, mono, never normalised."""
        import soxr

        self._silence()
        if program not in self._loaded:
            self._synth.program_select(program, self._font, MELODIC_BANK, program)
            self._loaded.add(program)
        self._synth.noteon(program, pitch, velocity)
        self._write(0, BLOCK)
        self._silence()
        self._synth.noteon(program, pitch, velocity)
        released = HELD_SECONDS * SAMPLE_RATE * OVERSAMPLING
        self._write(0, released)
        self._synth.noteoff(program, pitch)
        self._write(released, len(self._left) - released)
        return soxr.resample(np.add(self._left, self._right, out=self._left), OVERSAMPLING, 1)

    def _silence(self) -> None:
        self._library.fluid_synth_all_sounds_off(self._synth.synth, -1)
        self._write(0, BLOCK)

    def _write(self, first: int, count: int) -> None:
        """Play `count` samples into the buffers from sample `first`."""
        left, right = self._left.ctypes.data, self._right.ctypes.data
        self._library.fluid_synth_write_float(self._synth.synth, count, left, first, 1, right, first, 1)


def _check_file(soundfont: Path) -> None:
    """Compare the size that the file's header declares with what is there, before FluidSynth's libraries complain."""
    try:
        with soundfont.open("rb") as stream:
            head = stream.read(12)
        there = soundfont.stat().st_size
    except OSError as error:
        hint = "give an .sf2 or .sf3 file (Debian: apt install musescore-general-soundfont-small)"
        raise UserError(f"{soundfont}: cannot read this SoundFont ({error.strerror}); {hint}") from error
    if head[:4] != b"RIFF" or head[8:] != b"sfbk":
        raise UserError(f"{soundfont}: not a SoundFont; give an .sf2 or .sf3 file")
    declared = int.from_bytes(head[4:8], "little") + 8
    if there < declared:
        raise UserError(f"{soundfont}: cut off, {there} of {declared} bytes are there; get it again")


@lru_cache(maxsize=1)
def _libraries() -> tuple[object, ctypes.CDLL]:
    """The pyfluidsynth module, and FluidSynth's library with what pyfluidsynth leaves out."""
    try:
        import fluidsynth
    except ModuleNotFoundError as error:
        raise UserError("rendering a SoundFont needs pyfluidsynth; pip install 'synthgen[soundfont]'") from error
    except ImportError as error:
        raise UserError("rendering a SoundFont needs FluidSynth's library; apt install libfluidsynth3") from error
    library = ctypes.CDLL(fluidsynth.lib)
    library.fluid_synth_all_sounds_off.argtypes = [ctypes.c_void_p, ctypes.c_int]
    buffer = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
    library.fluid_synth_write_float.argtypes = [ctypes.c_void_p, ctypes.c_int, *buffer, *buffer]
    library.fluid_set_log_function.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    for level in range(_LOG_LEVELS):
        library.fluid_set_log_function(level, None, None)
    return fluidsynth, library
