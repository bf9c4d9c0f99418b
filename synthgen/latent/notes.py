"""What lies in a space of notes' log spectrograms, to look at and to listen to."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from synthgen.data.layout import write_audio
from synthgen.data.loading import Examples
from synthgen.representations.spectrogram import Spectrogram

from .drawing import FromExamples, morph
from .points import example_parts
from .sheets import write_rows
from .space import LatentSpace

SHOWN, SLIDERS, STEPS = 4, 4, 5
"""Notes shown, axes swept, and places on each."""
SIDE = 64
"""Rows and columns of a picture of a spectrogram."""


def decibels_by_axes(
    space: LatentSpace, representation: Spectrogram, examples: Examples, *, limit: int | None = None
) -> dict[str, float]:
    """Root of the mean squared error in dB of log magnitudes rebuilt from 0, 1, 2, 4, ... axes and from all of them."""
    most, count = len(space.axes), 0
    counts = [0, *(2**power for power in range(most.bit_length()) if 2**power < most), most]
    squares = dict.fromkeys(counts, 0.0)
    for part in example_parts(examples, representation, limit=limit, batch_size=32):
        flat, count = part.flatten(1), count + part.numel()
        coordinates = space.axes.coordinates(flat)
        for k in counts:
            kept = torch.where(torch.arange(most) < k, coordinates, 0)
            squares[k] += (space.axes.points(kept) - flat).double().square().sum().item()
    return {f"{k} axes": (squares[k] / count) ** 0.5 * representation.range_db / 2 for k in counts}


def write_notes(
    folder: Path, space: LatentSpace, representation: Spectrogram, examples: Examples, *, seed: int = 0
) -> Path:
    """Write WAV files and ``sheet.png`` of notes: real, rebuilt, drawn, moved by sliders, and one becoming another.

    Args:
        folder: Made where there is none.
        space: Fitted to log spectrograms.
        representation: Makes them; without instantaneous frequency, whose turns do not add up.
        examples: Held-out notes.
        seed: Of what is drawn, and of phases.

    Returns:
        The sheet.
    """
    rng, drawer = torch.Generator().manual_seed(seed), FromExamples(representation=representation, seed=seed)
    rows = torch.linspace(0, len(examples) - 1, min(SHOWN, len(examples)), dtype=torch.float64).round().long()
    real = representation.encode(examples.batch(rows).x)
    points = {"real": real, "rebuilt": space.reconstruct(real).float(), "drawn": space.sample(SHOWN, rng=rng).float()}
    for axis in range(min(SLIDERS, len(space.axes))):
        points[f"slider {axis + 1}, -2 to 2 deviations"] = space.sweep(axis, steps=STEPS).float()
    for name, those in points.items():
        _write_audio(folder, name.split(",")[0].replace(" ", "_"), drawer(those), representation)
    if len(real) > 1:
        points["from one to another"] = space.path(real[:2], steps=STEPS)
        way = morph(drawer, space, real[:2], steps=STEPS)
        _write_audio(folder, "path", way, representation)
    write_rows(folder / "sheet.png", {name: pictures(those) for name, those in points.items()}, STEPS + 1)
    return folder / "sheet.png"


def pictures(levels: Tensor) -> Tensor:
    """Log magnitudes in [-1, 1], (n, C, F, L), as grey pictures (n, 1, rows, columns), low frequencies below."""
    return F.interpolate((levels[:, :1].flip(2) + 1) / 2, size=(SIDE, SIDE), mode="area").clamp(0, 1)


def _write_audio(folder: Path, name: str, media: Tensor, representation: Spectrogram) -> None:
    for number, audio in enumerate(media[:, 0].numpy(), start=1):
        write_audio(folder / f"{name}_{number}.wav", audio, sample_rate=representation.sample_rate)
