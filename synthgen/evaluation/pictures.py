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
    figure, panels = _figure(math.ceil(len(pairs) / 2), 4, heading)
    for (left, right), pair in zip(panels.reshape(-1, 2), pairs, strict=False):
        _fill([left, right], [pair.real, pair.generated], entry=pair.entry, sample_rate=sample_rate)
        right.set_title("generated", loc="right", pad=2, **FONT)
    for axis in panels.reshape(-1)[2 * len(pairs) :]:
        axis.set_visible(False)
    files.write_bytes(path, _png(figure, panels))


def spectrogram_comparison(
    path: Path, notes: Sequence[tuple[Entry, Sequence[np.ndarray]]], *, names: Sequence[str], sample_rate: int
) -> None:
    """Write a PNG with a note a row: the real one, and what several models make of its labels; otherwise as above.

    Args:
        path: File to write.
        notes: Labels, and samples (T,) of the real note and of each model's.
        names: Of the models.
        sample_rate: Samples per second.
    """
    figure, panels = _figure(len(notes), 1 + len(names), "")
    for row, (entry, sounds) in zip(panels, notes, strict=True):
        _fill(row, sounds, entry=entry, sample_rate=sample_rate)
        for axis, name in zip(row[1:], names, strict=True):
            axis.set_title(name, loc="right", pad=2, **FONT)
    files.write_bytes(path, _png(figure, panels))


def _figure(rows: int, columns: int, heading: str) -> tuple[Figure, np.ndarray]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.5 * columns, 0.9 + 1.5 * rows), dpi=100, layout="constrained")
    figure.suptitle(heading, fontsize=9)
    return figure, figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)


def _fill(axes: Sequence[Axes], sounds: Sequence[np.ndarray], *, entry: Entry, sample_rate: int) -> None:
    """Draw the real note and others beside it, in decibels below its peak."""
    decibels = [_decibels(audio, sample_rate) for audio in sounds]
    for axis, audio, level in zip(axes, sounds, decibels, strict=True):
        _draw(axis, level - decibels[0].max(), seconds=len(audio) / sample_rate, top=sample_rate / 2)
    axes[0].set_title(_title(entry), loc="left", pad=2, **FONT)
    axes[0].set_ylabel("kHz", labelpad=1, **FONT)


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


def _draw(axis: Axes, decibels: np.ndarray, *, seconds: float, top: float) -> None:
    """Decibels (ROWS, L) up to `top` Hz."""
    ticks = [hz for hz in TICKS_HZ if hz < top]
    axis.set_yticks([math.log10(hz) for hz in ticks], [f"{hz / 1000:g}" for hz in ticks])
    axis.tick_params(labelsize=6, length=2, pad=1)
    extent = (0, seconds, math.log10(LOWEST_HZ), math.log10(top))
    axis.imshow(decibels, extent=extent, origin="lower", aspect="auto", cmap="magma", vmin=-RANGE_DB, vmax=0)


def _png(figure: Figure, panels: np.ndarray) -> bytes:
    """A PNG with a colour bar, of few colours: a third of the size of matplotlib's own."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.supxlabel("seconds", **FONT)
    bar = figure.colorbar(panels[0, 0].images[0], ax=panels, shrink=0.5, aspect=30, pad=0.01)
    bar.set_label("dB re the real note's peak", **FONT)
    bar.ax.tick_params(labelsize=6)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    png = io.BytesIO()
    image.quantize(COLOURS).save(png, "PNG", optimize=True)
    return png.getvalue()
