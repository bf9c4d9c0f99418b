"""A recording as the codes of an autoencoder, also as a small file: numbers that mean something to one model alone."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from synthgen import checks, config, files
from synthgen.checks import UserError

SUFFIX = ".codes"
FORMAT = "synthgen-codes-1"
MAX_BYTES = 1 << 26
MAX_LEVELS = 1 << 15
"""16 bits hold a code."""
MAX_NAME = 255
TENSOR = "codes"


@dataclass(frozen=True, kw_only=True)
class Coded:
    """What codes are of.

    Attributes:
        recording: Name of its file, without folders; empty for samples that came from none.
        sample_rate: Samples per second.
        samples: Length of the sound that they decode to, in samples.
        levels: Size of the codebook.
        model: Name of the model whose codes they are.
        coded_by: SHA-256 of its autoencoder, in hexadecimal.
    """

    recording: str
    sample_rate: int
    samples: int
    levels: int
    model: str
    coded_by: str

    @property
    def name(self) -> str:
        """What the recording is called."""
        return self.recording or "samples"

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.samples / self.sample_rate

    def check(self) -> None:
        """Raise UserError unless the numbers are possible."""
        checks.between("sample_rate", self.sample_rate, 1, 10_000_000)
        checks.between("samples", self.samples, 1, 2**31)
        checks.between("levels", self.levels, 2, MAX_LEVELS)
        for name in ("recording", "model", "coded_by"):
            text = getattr(self, name)
            if len(text) > MAX_NAME or not text.isprintable():
                raise UserError(f"{name} of {len(text)} characters must be at most {MAX_NAME} that can be printed")


@dataclass(frozen=True, kw_only=True, eq=False)
class SoundCodes(Coded):
    """A recording in codes.

    Attributes:
        codes: int64 (C, *grid).
        remarks: What is wrong with the recording or was done to it; not kept in files.
    """

    codes: np.ndarray
    remarks: tuple[str, ...] = ()

    @property
    def bits_per_second(self) -> float:
        """What the codes of a second take if all are equally likely."""
        return self.codes.size * math.log2(self.levels) / self.seconds

    def __str__(self) -> str:
        """A line for the terminal."""
        shape = " x ".join(map(str, self.codes.shape))
        return (
            f"{self.name}: {shape} codes of {self.levels}, {self.seconds:g} s at {self.sample_rate} Hz, "
            f"{self.bits_per_second:.0f} bits per second, model {self.model!r} ({self.coded_by[:8]})"
        )

    def save(self, path: str | Path) -> Path:
        """Write a file of 16 bits a code, whole or not at all; return its path.

        Raises:
            UserError: another suffix, or the file cannot be written.
        """
        from safetensors.numpy import save

        path = Path(path)
        check_suffix(path)
        told = json.dumps({field.name: getattr(self, field.name) for field in fields(Coded)})
        codes = np.ascontiguousarray(self.codes, dtype=np.int16)
        files.write_bytes(path, save({TENSOR: codes}, metadata={"format": FORMAT, "of": told}))
        return path


def read(path: str | Path) -> SoundCodes:
    """The codes in a file.

    Raises:
        UserError: there is none, or it is damaged.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    remedy = "make it with 'synthgen encode'"
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        with safe_open(path, framework="np") as file:
            metadata, names = file.metadata() or {}, list(file.keys())
            if metadata.get("format") != FORMAT or names != [TENSOR]:
                raise ValueError(f"its format is {metadata.get('format')!r}, this version reads {FORMAT!r}")
            codes = file.get_tensor(TENSOR)
        told = config.from_dict(Coded, json.loads(metadata["of"]), where="codes")
        told.check()
    except OSError as error:
        raise UserError(f"{path}: cannot read ({error.strerror or error}); {remedy}") from error
    except (SafetensorError, ValueError, KeyError, RecursionError) as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path}: not a file of codes, or damaged ({line}); {remedy}") from error
    if codes.dtype != np.int16 or not codes.size:
        raise UserError(f"{path}: not a file of codes, or damaged (they are {codes.dtype} {codes.shape}); {remedy}")
    return SoundCodes(
        **{field.name: getattr(told, field.name) for field in fields(Coded)}, codes=codes.astype(np.int64)
    )


def check_suffix(path: Path) -> None:
    """Raise UserError unless `path` is named as codes are."""
    if path.suffix != SUFFIX:
        raise UserError(f"{path}: suffix={path.suffix!r} must be {SUFFIX}")
