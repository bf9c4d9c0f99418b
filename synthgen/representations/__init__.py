"""How a note or an image becomes the tensor that a model sees, and back."""

from .base import AudioRepresentation, Representation
from .mulaw import MuLaw
from .pcm import Pcm
from .spectrogram import Spectrogram
from .waveform import Waveform

REPRESENTATIONS: dict[str, type[Representation]] = {
    "mulaw": MuLaw,
    "pcm": Pcm,
    "spectrogram": Spectrogram,
    "waveform": Waveform,
}
