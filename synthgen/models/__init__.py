"""Models, one paper a file."""

from .autoencoder import ConvAutoencoder
from .autoregressive import Autoregressive
from .base import Autoencoder, GenerativeModel, Latent, Model
from .classifier import Classifier
from .code_wavenet import CodeWaveNet
from .codes import AudioCodes, PictureCodes
from .ddsp import DDSP
from .decoder import Decoder
from .gan import GAN
from .gated_pixelcnn import GatedPixelCNN
from .pixelcnn import PixelCNN
from .pixelcnnpp import PixelCNNpp
from .pixelrnn import PixelRNN
from .progressive_gan import ProgressiveGAN
from .recurrent import SampleRNN
from .vae import VAE
from .vqvae import VQVAE
from .waveform_decoder import WaveformDecoder
from .wavenet import WaveNet

MODELS: dict[str, type[Model]] = {
    "autoencoder": ConvAutoencoder,
    "classifier": Classifier,
    "code_wavenet": CodeWaveNet,
    "ddsp": DDSP,
    "decoder": Decoder,
    "gan": GAN,
    "gated_pixelcnn": GatedPixelCNN,
    "pixelrnn": PixelRNN,
    "pixelcnn": PixelCNN,
    "pixelcnnpp": PixelCNNpp,
    "progressive_gan": ProgressiveGAN,
    "recurrent": SampleRNN,
    "vae": VAE,
    "vqvae": VQVAE,
    "waveform_decoder": WaveformDecoder,
    "wavenet": WaveNet,
}
