"""Spectrograms of generated notes beside the real ones."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from synthgen import files
from synthgen.data.layout import Entry
from synthgen.signal.stft import stft

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

N_FFT, HOP = 2048, 256
LOWEST_HZ, ROWS = 50.0, 240
RANGE_DB = 70.0
TICKS_HZ = (100, 200, 500, 1000, 2000, 5000)
COLOURS = 192
FONT = {"fontsize": 7}


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A real note and what a model makes of its labels.

    Attributes:
        entry: The labels.
        real: Samples (T,).
        generated: Samples (T,).
    """

    entry: Entry
    real: np.ndarray
    generated: np.ndarray


def spectrogram_pairs(path: Path, pairs: Sequence[Pair], *, sample_rate: int, heading: str = "") -> None:
    """Write a PNG of two notes a row, each real (left) and generated (right), atomically.

    Frequency is logarithmic. Both of a pair are shown in decibels below the real note's peak, so that a generated note
    of another level looks darker or brighter.

    Args:
        path: File to write.
        pairs: At least one.
        sample_rate: Samples per second.
        heading: A line above all.
    """
    from matplotlib.figure import Figure

    rows = math.ceil(len(pairs) / 2)
    figure = Figure(figsize=(10, 0.9 + 1.5 * rows), dpi=100, layout="constrained")
    figure.suptitle(heading, fontsize=9)
    axes = figure.subplots(rows, 4, sharex=True, sharey=True, squeeze=False).reshape(-1, 2)
    for (left, right), pair in zip(axes, pairs, strict=False):
        real, generated = _decibels(pair.real, sample_rate), _decibels(pair.generated, sample_rate)
        image = _draw(left, real - real.max(), seconds=len(pair.real) / sample_rate, top=sample_rate / 2)
        _draw(right, generated - real.max(), seconds=len(pair.generated) / sample_rate, top=sample_rate / 2)
        left.set_title(_title(pair.entry), loc="left", pad=2, **FONT)
        right.set_title("generated", loc="right", pad=2, **FONT)
        left.set_ylabel("kHz", labelpad=1, **FONT)
    for axis in axes[len(pairs) :].flat:
        axis.set_visible(False)
    figure.supxlabel("seconds", **FONT)
    bar = figure.colorbar(image, ax=axes, shrink=0.5, aspect=30, pad=0.01)
    bar.set_label("dB re the real note's peak", **FONT)
    bar.ax.tick_params(labelsize=6)
    files.write_bytes(path, _png(figure))


def _title(entry: Entry) -> str:
    return f"{entry.instrument_str}, pitch {entry.pitch:g}, velocity {entry.velocity:g}: real"


def _decibels(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """Samples (T,) -> decibels (ROWS, L) at frequencies in equal ratios."""
    magnitude = stft(torch.as_tensor(audio, dtype=torch.float32)[None], n_fft=N_FFT, hop_length=HOP)[0].abs().numpy()
    decibels = 20 * np.log10(np.maximum(magnitude, 1e-6))
    bins = np.geomspace(LOWEST_HZ, sample_rate / 2, ROWS) * N_FFT / sample_rate
    low = np.minimum(bins.astype(int), len(decibels) - 2)
    share = (bins - low)[:, None]
    return (1 - share) * decibels[low] + share * decibels[low + 1]


def _draw(axis: Axes, decibels: np.ndarray, *, seconds: float, top: float) -> AxesImage:
    """Decibels (ROWS, L) up to `top` Hz."""
    ticks = [hz for hz in TICKS_HZ if hz < top]
    axis.set_yticks([math.log10(hz) for hz in ticks], [f"{hz / 1000:g}" for hz in ticks])
    axis.tick_params(labelsize=6, length=2, pad=1)
    extent = (0, seconds, math.log10(LOWEST_HZ), math.log10(top))
    return axis.imshow(decibels, extent=extent, origin="lower", aspect="auto", cmap="magma", vmin=-RANGE_DB, vmax=0)


def _png(figure: Figure) -> bytes:
    """A PNG of few colours, a third of the size of matplotlib's own."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    png = io.BytesIO()
    image.quantize(COLOURS).save(png, "PNG", optimize=True)
    return png.getvalue()
