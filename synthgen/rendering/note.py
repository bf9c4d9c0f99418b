"""A note that was made: its samples, what it was asked to be, a file, a player."""

from __future__ import annotations

import base64
import html
import io
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from synthgen.data.layout import write_audio
from synthgen.rendering.picture import spectrogram_png


@dataclass(frozen=True, eq=False)
class Note:
    """Samples of one note.

    Attributes:
        audio: float32 (T,), as the model made them: never normalised, so that loud and soft notes stay so.
        sample_rate: Samples per second.
        labels: What was asked for: instrument, pitch (MIDI), velocity, seed.
    """

    audio: np.ndarray
    sample_rate: int
    labels: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.audio) / self.sample_rate

    @property
    def clipped(self) -> int:
        """Number of samples outside [-1, 1], which files cannot hold."""
        return int(np.count_nonzero(np.abs(self.audio) > 1))

    def __str__(self) -> str:
        """What the note is, in a line."""
        labels = ", ".join(f"{k} {v:g}" if isinstance(v, float) else f"{k} {v}" for k, v in self.labels.items())
        return f"{labels}, {self.seconds:g} s at {self.sample_rate} Hz"

    def save(self, path: Path | str) -> Path:
        """Write a 16-bit WAV or FLAC file, by suffix, whole or not at all; return its path.

        Samples outside [-1, 1] are limited to it, with a warning.

        Raises:
            UserError: another suffix, or the file cannot be written.
        """
        path = Path(path)
        if self.clipped:
            warnings.warn(f"{path}: {self.clipped} samples lie outside [-1, 1] and are clipped", stacklevel=2)
        write_audio(path, self.audio, sample_rate=self.sample_rate)
        return path

    def wav(self) -> bytes:
        """The note as a 16-bit WAV file in memory."""
        import soundfile

        file = io.BytesIO()
        soundfile.write(file, np.clip(self.audio, -1, 1), self.sample_rate, subtype="PCM_16", format="WAV")
        return file.getvalue()

    def _repr_html_(self) -> str:
        """A player over the note's spectrogram, for Jupyter."""
        sound, picture = (base64.b64encode(data).decode() for data in (self.wav(), spectrogram_png(self.audio)))
        return (
            f'<figure style="margin:0"><figcaption>{html.escape(str(self))}</figcaption>'
            f'<img alt="spectrogram, 0 to {self.sample_rate // 2} Hz" src="data:image/png;base64,{picture}"><br>'
            f'<audio controls src="data:audio/wav;base64,{sound}"></audio></figure>'
        )
