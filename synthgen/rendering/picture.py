"""Spectrogram pictures, small enough to send with every note."""

from __future__ import annotations

import io

import numpy as np

WINDOW = 1024
FLOOR_DB = -80.0
MAGMA = ((0, 0, 4), (28, 16, 68), (79, 18, 123), (129, 37, 129), (181, 54, 122), (229, 80, 100), (251, 135, 97))
MAGMA += ((254, 194, 135), (252, 253, 191))


def decibels(audio: np.ndarray) -> np.ndarray:
    """Magnitude of a Hann-windowed STFT in dB below its own maximum, at least -80, float32 (bins, frames).

    Args:
        audio: Samples, (T,).

    >>> decibels(np.zeros(2048)).shape
    (513, 9)
    """
    padded = np.pad(audio.astype(np.float32), WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[:: WINDOW // 4]
    magnitude = np.abs(np.fft.rfft(frames * np.hanning(WINDOW + 1)[:-1].astype(np.float32), axis=-1)).T
    peak = max(float(magnitude.max()), 1e-9)
    return np.maximum(20 * np.log10(np.maximum(magnitude / peak, 1e-9)), FLOOR_DB).astype(np.float32)


def spectrogram_png(audio: np.ndarray, *, width: int = 480, height: int = 192) -> bytes:
    """A PNG of the spectrogram: time to the right, 0 Hz at the bottom, half the sample rate at the top.

    Args:
        audio: Samples, (T,).
        width: Pixels along time.
        height: Pixels along frequency.
    """
    from PIL import Image

    shade = (decibels(audio)[::-1] / -FLOOR_DB + 1) * (len(MAGMA) - 1)
    anchors = np.arange(len(MAGMA))
    colours = np.stack([np.interp(shade, anchors, channel) for channel in zip(*MAGMA, strict=True)], axis=-1)
    image = Image.fromarray(colours.round().astype(np.uint8))
    png = io.BytesIO()
    image.resize((width, height), Image.Resampling.BILINEAR).save(png, "PNG")
    return png.getvalue()
