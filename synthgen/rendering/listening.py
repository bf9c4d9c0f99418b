"""A model's notes beside recordings: played so that gradients reach the instrument, compared as spectra."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synthgen.checks import UserError
from synthgen.losses.spectral import MultiResolution, SpectrogramError
from synthgen.models import DDSP, Autoregressive, Decoder, WaveformDecoder
from synthgen.models.base import GenerativeModel
from synthgen.nn.condition import FieldEncoder
from synthgen.records import Batch, Labels
from synthgen.rendering.recordings import Recording
from synthgen.representations import Spectrogram
from synthgen.representations.base import AudioRepresentation
from synthgen.signal.filtered_noise import white_noise

SILENCE_DB = -120.0


class Listener:
    """Plays the notes of an instrument that recordings are of, and says how far each lies from its recording.

    Log magnitudes are compared as they are where a model draws them: no phases have to be found.
    """

    def __init__(
        self, model: GenerativeModel, representation: AudioRepresentation, recordings: Sequence[Recording], *, seed: int
    ) -> None:
        self.model, self.representation, self.recordings = model, representation, recordings
        self.device = next(model.parameters()).device
        self.spectral = isinstance(representation, Spectrogram)
        media = [torch.from_numpy(r.audio)[None, None].to(self.device) for r in recordings]
        self.targets = [self._recorded(i, representation.encode(x)) for i, x in enumerate(media)]
        self.seed = seed

    @property
    def encoder(self) -> FieldEncoder:
        """What makes a vector of the model's instrument label."""
        return self.model.encoder.encoders["instrument"]

    def play(self, index: int, vector: Tensor, velocity: Tensor) -> Tensor:
        """The instrument (D,) at a recording's pitch and a velocity (), as long as the recording; (1, 1, ...)."""
        pitch = vector.new_tensor([self.recordings[index].pitch])
        labels = {"instrument": vector[None, None], "pitch": pitch, "velocity": velocity[None]}
        return self._recorded(index, self._example(labels))

    def distance(self, index: int, note: Tensor, gain_db: Tensor) -> Tensor:
        """Log-spectral distance in dB between a recording and what `play` gave, made louder by `gain_db`."""
        if not self.spectral:
            return MultiResolution()(note * 10 ** (gain_db / 20), self.targets[index])
        unit = self.representation.range_db / 2
        louder = (note + gain_db / unit).clamp(min=-1)
        return unit * SpectrogramError(frequency_weight=0)(louder, Batch(self.targets[index])).total

    def gain_db(self, index: int, note: Tensor) -> Tensor:
        """How much louder a recording is than what `play` gave."""
        return self._level_db(self.targets[index]) - self._level_db(note)

    def _example(self, labels: Labels) -> Tensor:
        """As `sample` makes it, but with a gradient to the instrument, and the same noise each time."""
        if not isinstance(self.model, DDSP):
            return self.model(labels, 1)
        controls = self.model.controls(labels, 1).with_pitch_fixed()  # spectra say little of frequencies
        length = (controls.cents.shape[1] - 1) * self.model.config.hop_length
        rng = torch.Generator(self.device).manual_seed(self.seed)
        noise = white_noise((1, length), rng=rng, like=controls.amplitude)
        return self.model.render(controls, noise)[:, None, : self.model.spec.shape[1]]

    def _recorded(self, index: int, x: Tensor) -> Tensor:
        """What lies within the recording, of magnitudes or samples."""
        samples = self.recordings[index].recorded
        return x[:, :1, :, : 1 + samples // self.representation.hop_length] if self.spectral else x[..., :samples]

    def _level_db(self, x: Tensor) -> Tensor:
        amplitude = self.representation.to_magnitude(x) if self.spectral else x
        return 10 * amplitude.square().mean().clamp(min=10 ** (SILENCE_DB / 10)).log10()


def check_adaptable(name: str, model: GenerativeModel) -> None:
    """Raise UserError unless the model makes whole notes from labels of which one is the instrument."""
    choices = "choose one that makes whole notes from labels, such as spectrogram, waveform or ddsp"
    if isinstance(model, Autoregressive):
        piece = "code" if model.spec.coded_by else "sample"
        raise UserError(f"model {name!r} draws one {piece} after the other and cannot be adapted; {choices}")
    if not isinstance(model, Decoder | WaveformDecoder | DDSP) or "instrument" not in model.encoder.encoders:
        raise UserError(f"model {name!r} is not told the instrument and cannot be adapted; {choices}")
