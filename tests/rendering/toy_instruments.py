"""Tones, and tiny networks that make notes of labels."""

import numpy as np

from synthgen.models import DDSP, Decoder, WaveformDecoder
from synthgen.rendering import fitting
from synthgen.rendering.adapted import Adapted
from synthgen.representations import Spectrogram, Waveform

BODY = {"channels": (16, 8), "strides": ((4, 4),), "patch": (1, 2), "dim": 16, "periodic": "pitch"}
RATE = 16000


def build(kind, fields):
    """A random network of notes of half a second, and its representation."""
    if kind == "decoder":
        media = Spectrogram(samples=8000, n_fft=256, hop_length=64, phase="griffin_lim", iterations=2)
        model = Decoder(media.spec(fields), Decoder.Config(**BODY))
    elif kind == "onehot":
        media = Spectrogram(samples=8000, n_fft=256, hop_length=64, iterations=2)
        model = Decoder(media.spec(fields), Decoder.Config(**BODY, encoding="onehot"))
    elif kind == "waveform":
        media = Waveform(samples=8000)
        config = WaveformDecoder.Config(body=Decoder.Config(**BODY), n_fft=256, hop_length=64)
        model = WaveformDecoder(media.spec(fields), config)
    else:
        media = Waveform(samples=8000)
        sizes = {"dim": 16, "channels": (16, 8), "strides": (4,), "seed_channels": 8, "partials": 8, "bands": 9}
        model = DDSP(media.spec(fields), DDSP.Config(**sizes))
    return model, media


def tone(hz, *, seconds=2.0, rate=RATE, level=0.2):
    """Partials that fall off, dying away a little."""
    t = np.arange(int(seconds * rate)) / rate
    wave = sum(np.sin(2 * np.pi * hz * k * t) / k**2 for k in range(1, 6))
    return (level * wave * np.exp(-t / 2)).astype(np.float32)


def vector_of(synthesizer, name):
    """The vector of one of the model's own instruments."""
    known = fitting.rows(synthesizer.model.encoder.encoders["instrument"])
    return tuple(known[synthesizer.instruments.index(name)].tolist())


def made_up(synthesizer, vector, name="new"):
    """An instrument with a given vector."""
    home = synthesizer.info.with_files.owner.home
    return Adapted(name=name, model=home, vector=vector, nearest="flute", gain_db=0.0, recordings=())


def in_time(synthesizer, codes):
    """Codes (C, *grid) with time first."""
    return np.moveaxis(np.asarray(codes), synthesizer._coder.axis, 0)
