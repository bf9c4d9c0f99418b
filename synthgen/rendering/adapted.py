"""Instruments that were fitted to recordings, as small files: a vector that means something to one model alone."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean

from synthgen import config, files
from synthgen.checks import UserError
from synthgen.data.layout import check_name

SUFFIX = ".instrument"
FORMAT = "synthgen-instrument-1"
MAX_BYTES = 1 << 22


@dataclass(frozen=True)
class Home:
    """The model that an instrument belongs to.

    Attributes:
        name: What the model is called.
        sha256: Of its checkpoint, in hexadecimal.
    """

    name: str
    sha256: str

    def __str__(self) -> str:
        """Name and the beginning of the hash."""
        return f"{self.name!r} ({self.sha256[:8]})"


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A recording that an instrument was fitted to.

    Attributes:
        file: Its name, without folders.
        pitch: MIDI pitch that it sounds at.
        velocity: MIDI velocity that it was given, or was found to be most like.
        distance: Log-spectral distance in dB between it and the instrument's note.
        nearest_distance: The same for the model's own instrument that is nearest.
        remarks: What is worth knowing about it.
    """

    file: str
    pitch: float
    velocity: float
    distance: float
    nearest_distance: float
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        """A line for the terminal."""
        figures = f"pitch {self.pitch:.2f}, velocity {self.velocity:.0f}, {self.distance:.2f} dB"
        return "; ".join([f"{self.file}: {figures}, {self.nearest_distance:.2f} dB at first", *self.remarks])


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """An instrument that was fitted to recordings.

    Attributes:
        name: What it is called.
        model: The model that plays it.
        vector: Its place among the model's own instruments, in the space of their embedding.
        nearest: The model's own instrument that the search began at.
        gain_db: How much louder the recordings are than the model plays them; no note is made louder by it.
        recordings: What it was fitted to.
    """

    name: str
    model: Home
    vector: tuple[float, ...]
    nearest: str
    gain_db: float
    recordings: tuple[Fitted, ...]

    @property
    def label(self) -> str:
        """Its name among instruments, which none of a model's own can have."""
        return f"{self.name}{SUFFIX}"

    def __str__(self) -> str:
        """A line for the terminal."""
        now, before = (fmean(getattr(r, key) for r in self.recordings) for key in ("distance", "nearest_distance"))
        return (
            f"{self.name} for model {self.model}, {now:.2f} dB from its {len(self.recordings)} recordings; "
            f"the nearest of the model's own, {self.nearest}, lies {before:.2f} dB away"
        )

    def save(self, path: str | Path) -> Path:
        """Write a file, whole or not at all; return its path.

        Raises:
            UserError: another suffix, or the file cannot be written.
        """
        path = Path(path)
        check_suffix(path)
        files.write_bytes(path, json.dumps({"format": FORMAT, **config.to_dict(self)}, indent=1).encode())
        return path


def read(path: str | Path) -> Adapted:
    """The instrument in a file.

    Raises:
        UserError: there is none, or the file is damaged.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        content = json.loads(path.read_text(encoding="utf-8"))
        found = content.pop("format", None) if isinstance(content, dict) else None
        if found != FORMAT:
            raise ValueError(f"its format is {found!r}, this version reads {FORMAT!r}")
        adapted = config.from_dict(Adapted, content, where="instrument")
        check_name(adapted.name, "name")
        return adapted
    except OSError as error:
        raise UserError(f"{path}: cannot read ({error.strerror}); make it with 'synthgen adapt'") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not an adapted instrument ({error}); make it with 'synthgen adapt'") from error


def check_suffix(path: Path) -> None:
    """Raise UserError unless `path` is named as an instrument is."""
    if path.suffix != SUFFIX:
        raise UserError(f"{path}: suffix={path.suffix!r} must be {SUFFIX}")


@dataclass(frozen=True)
class Owner:
    """A model's file, and the instruments that belong to it.

    Attributes:
        name: What the model is called.
        path: Its checkpoint.
    """

    name: str
    path: Path

    @cached_property
    def home(self) -> Home:
        """The model by name and hash, which is computed once."""
        return Home(self.name, hashlib.sha256(self.path.read_bytes()).hexdigest())

    def check(self, adapted: Adapted, where: str) -> None:
        """Raise UserError unless the instrument was fitted to this very model."""
        if adapted.model.sha256 != self.home.sha256:
            raise UserError(
                f"{where}: was fitted to model {adapted.model} and means nothing to {self.home}; play it with the "
                "former, or adapt the latter to its recordings"
            )
