"""Models, one paper a file."""

from .autoregressive import Autoregressive
from .base import GenerativeModel, Model
from .ddsp import DDSP
from .decoder import Decoder
from .recurrent import SampleRNN
from .waveform_decoder import WaveformDecoder
from .wavenet import WaveNet

MODELS: dict[str, type[Model]] = {
    "ddsp": DDSP,
    "decoder": Decoder,
    "recurrent": SampleRNN,
    "waveform_decoder": WaveformDecoder,
    "wavenet": WaveNet,
}
