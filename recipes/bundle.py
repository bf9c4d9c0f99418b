"""Put a trained model among those that come with the package, in half precision.

python recipes/bundle.py --checkpoint runs/notes/best.safetensors --name spectrogram
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from synthgen import checkpoint, pretrained
from synthgen.checks import UserError
from synthgen.script import run

MAX_BYTES = 20_000_000


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """What goes where."""

    checkpoint: Path = Path("runs/notes_spectrogram/best.safetensors")
    """Trained model."""
    name: str = "spectrogram"
    """Name to load it by."""
    temperature: float | None = None
    """What notes are drawn at unless another is asked for, if another than in training."""
    iterations: int | None = None
    """Griffin-Lim steps when it plays, if others than in training, where they do not matter."""


def main(bundle: Bundle) -> None:
    """Write the model and print its size; its model card is written by hand."""
    loaded = checkpoint.load(bundle.checkpoint)
    target = Path(pretrained.__file__).with_name(f"{bundle.name}.safetensors")
    representation = loaded.representation
    if bundle.iterations is not None:
        representation = _changed(representation, "iterations", bundle.iterations)
    if bundle.temperature is not None:
        loaded.model.config = _changed(loaded.model.config, "temperature", bundle.temperature)
    checkpoint.save(target, loaded.model, representation, loaded.provenance, dtype=torch.float16)
    size = target.stat().st_size
    if size > MAX_BYTES:
        target.unlink()
        raise UserError(f"{bundle.checkpoint}: {size / 1e6:.1f} MB must be at most {MAX_BYTES / 1e6:.0f} MB")
    print(f"{target}: {size / 1e6:.1f} MB")


def _changed(settings: Any, name: str, value: float) -> Any:
    if not hasattr(settings, name):
        raise UserError(
            f"{name}={value}: the checkpoint's {type(settings).__qualname__} has no such setting; leave it out"
        )
    return replace(settings, **{name: value})


if __name__ == "__main__":
    run(main, Bundle(), description=__doc__)
