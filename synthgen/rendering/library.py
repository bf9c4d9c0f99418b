"""The models at hand, and what each can play, read from its file without loading it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from synthgen import checkpoint, checks
from synthgen.checks import UserError
from synthgen.rendering.adapted import Owner
from synthgen.rendering.request import Repertoire

PRETRAINED = Path(__file__).parents[1] / "pretrained"
SUFFIX = ".safetensors"


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """A model of notes in a file.

    Attributes:
        name: What it is called.
        path: Its checkpoint.
        repertoire: What it can play.
        sample_rate: Samples per second.
        samples: Length of a note in samples.
    """

    name: str
    path: Path
    repertoire: Repertoire
    sample_rate: int
    samples: int

    @cached_property
    def with_files(self) -> Repertoire:
        """The repertoire, and with it instruments from recordings that are named by their files."""
        return replace(self.repertoire, owner=Owner(self.name, self.path))

    def __str__(self) -> str:
        """One line for a list of models."""
        known, (low, high) = self.repertoire, self.repertoire.pitches
        seconds = self.samples / self.sample_rate
        return (
            f"{self.name}: {len(known.instruments)} instruments, pitches {low:g} to {high:g}, "
            f"{seconds:g} s at {self.sample_rate} Hz"
        )


def bundled() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(path.stem for path in PRETRAINED.glob(f"*{SUFFIX}"))


def find(name_or_path: str | Path) -> Path:
    """The checkpoint of a bundled model, at a path, or in the folder of a training run.

    A bundled name goes before a folder of the same name, which ``./name`` means.

    Raises:
        UserError: there is none; the message names the closest bundled models, or the path.
    """
    name, path = str(name_or_path), Path(name_or_path)
    if name in bundled():
        return PRETRAINED / f"{name}{SUFFIX}"
    if path.is_dir():
        inside = path / f"model{SUFFIX}"
        if not inside.is_file():
            raise UserError(f"{path}: holds no model{SUFFIX}; name the folder of a training run, or a checkpoint")
        return inside
    if not path.is_file():
        if path.suffix == SUFFIX or len(path.parts) > 1:
            raise UserError(f"{path}: no such checkpoint; give a file, the folder of a run, or a bundled model's name")
        checks.one_of("model", name, bundled())
    return path


def inspect(name_or_path: str | Path) -> ModelInfo:
    """What a model can play, without its weights and without importing torch.

    Raises:
        UserError: there is no such model, its file is damaged, or it does not make notes.
    """
    path = find(name_or_path)
    described = checkpoint.describe(path)
    try:
        media = described["representation"]["config"]
        return ModelInfo(
            name=_name(path),
            path=path,
            repertoire=_repertoire({field["name"]: field for field in described["model"]["spec"]["fields"]}),
            sample_rate=_positive(media["sample_rate"]),
            samples=_positive(media["samples"]),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise UserError(f"{path}: makes no notes (it lacks {error}); name a model of notes") from error


def _name(path: Path) -> str:
    """A run's checkpoint is called after its folder."""
    return path.resolve().parent.name if path.name == f"model{SUFFIX}" else path.stem


def _repertoire(fields: dict[str, Any]) -> Repertoire:
    pitches = [float(value) for value in fields["pitch"]["values"]]
    return Repertoire(
        instruments=tuple(str(name) for name in fields["instrument"]["names"]),
        pitches=(pitches[0], pitches[-1]),
        velocities=tuple(float(value) for value in fields.get("velocity", {"values": ()})["values"]),
    )


def _positive(value: object) -> int:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"a sample rate or length: {value!r}")
    return value
