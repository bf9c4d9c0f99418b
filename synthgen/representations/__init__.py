"""How a note or an image becomes the tensor that a model sees, and back."""

from .base import AudioRepresentation, ImageRepresentation, Representation
from .mulaw import MuLaw
from .palette import Palette
from .pcm import Pcm
from .pixels import Pixels
from .spectrogram import Spectrogram
from .waveform import Waveform

REPRESENTATIONS: dict[str, type[Representation]] = {
    "mulaw": MuLaw,
    "palette": Palette,
    "pcm": Pcm,
    "pixels": Pixels,
    "spectrogram": Spectrogram,
    "waveform": Waveform,
}
