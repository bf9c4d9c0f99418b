"""Models, one paper a file."""

from .autoregressive import Autoregressive
from .base import Autoencoder, GenerativeModel, Model
from .ddsp import DDSP
from .decoder import Decoder
from .gated_pixelcnn import GatedPixelCNN
from .pixelcnn import PixelCNN
from .pixelcnnpp import PixelCNNpp
from .pixelrnn import PixelRNN
from .recurrent import SampleRNN
from .vqvae import VQVAE
from .waveform_decoder import WaveformDecoder
from .wavenet import WaveNet

MODELS: dict[str, type[Model]] = {
    "ddsp": DDSP,
    "decoder": Decoder,
    "gated_pixelcnn": GatedPixelCNN,
    "pixelrnn": PixelRNN,
    "pixelcnn": PixelCNN,
    "pixelcnnpp": PixelCNNpp,
    "recurrent": SampleRNN,
    "vqvae": VQVAE,
    "waveform_decoder": WaveformDecoder,
    "wavenet": WaveNet,
}
