"""Recordings in the codes of a model, back, in between, and as beginnings of notes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synthgen import checks
from synthgen.checks import UserError
from synthgen.data.conform import UnusableError, as_sound, read_sound
from synthgen.models.codes import AudioCodes
from synthgen.rendering import sound_codes
from synthgen.rendering.note import Note
from synthgen.rendering.request import parse_seed
from synthgen.rendering.sound_codes import SoundCodes
from synthgen.representations.base import Representation
from synthgen.threads import one_thread

Sound = str | Path | np.ndarray | SoundCodes
"""A recording: a file of audio or of codes, samples (T,) at the model's rate in [-1, 1], or its codes."""
SHORTEST, LONGEST = 0.1, 600.0
"""Seconds of a recording."""
PIECE, MARGIN = 512, 32
"""Steps of codes that are computed at a time, and what is heard beside them: more than a network's reach."""
EDGE = 2
"""Steps of codes before the end of a recording that say more of its breaking off than of what was played."""
MOST = 1000
"""Sounds of an interpolation."""


class Coder:
    """Turns recordings of any length into codes and back; on one thread, so that results are always the same.

    A step of codes is all that stand for the same time.

    Args:
        name: What the model is called.
        representation: What its notes are made of.

    Attributes:
        axis: Of codes (..., *grid) that which is time, counted from the last.
        seconds: Length of a step.
        factor: Entries of an example, along its last axis, that a step stands for.

    Raises:
        UserError: that is no codes.
    """

    def __init__(self, name: str, representation: Representation) -> None:
        if not isinstance(representation, AudioCodes):
            raise UserError(
                f"model {name!r} has no codes; choose one that does, such as vqvae or a run of recipes/notes_vqvae.py"
            )
        self.name, self.representation, self.autoencoder = name, representation, representation.autoencoder
        self.device = next((p.device for p in self.autoencoder.parameters()), torch.device("cpu"))
        axes = self.autoencoder.code_spec.axes
        place = next(i for i, axis in enumerate(axes) if axis.unit == "seconds")
        self.axis = place - len(axes)
        self.seconds = axes[place].step
        self.factor = round(self.seconds / self.autoencoder.spec.axes[-1].step)

    def encode(self, sound: Sound) -> SoundCodes:
        """Codes of a recording, or those that are given if they are of this model.

        Raises:
            UserError: no recording, one that is of no use, or codes of another autoencoder.
        """
        if isinstance(sound, SoundCodes):
            return self._own(sound, sound.name)
        if isinstance(sound, str | Path) and Path(sound).suffix == sound_codes.SUFFIX:
            return self._own(sound_codes.read(sound), str(sound))
        audio, remarks = self._audio(sound)
        where = "recording" if isinstance(sound, np.ndarray) else str(sound)
        try:
            codes = self._encoded(audio)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
        return SoundCodes(
            recording="" if isinstance(sound, np.ndarray) else _printable(Path(sound).name),
            sample_rate=self.representation.sample_rate,
            samples=len(audio),
            levels=self.representation.levels,
            model=self.name,
            coded_by=self.representation.fingerprint,
            codes=codes[0].cpu().numpy(),
            remarks=tuple(remarks),
        )

    def decode(self, codes: Sound, *, seed: int) -> Note:
        """A sound as long as the recording was; where codes leave phases open, `seed` chooses them."""
        found, seed = self.encode(codes), parse_seed(seed)
        with one_thread(), torch.inference_mode():
            z = self._embedded(found.codes)
            return self._decoded(z, found.samples, {"recording": found.name, "model": self.name, "seed": seed})

    def between(self, first: SoundCodes, second: SoundCodes, shares: Sequence[float], *, seed: int) -> list[Note]:
        """Sounds on the straight line between the code vectors of two, 0 being the first and 1 the second.

        The shorter one is followed by silence.
        """
        for share in shares:
            checks.between("share", share, 0, 1)
        samples, seed = max(first.samples, second.samples), parse_seed(seed)
        names = {"recording": first.name, "towards": second.name}
        told = {"model": self.name, "seed": seed}
        with one_thread(), torch.inference_mode():
            a, b = (self._embedded(self._lengthened(sound.codes, samples)) for sound in (first, second))
            return [
                self._decoded(torch.lerp(a, b, share), samples, {**names, "share": share, **told}) for share in shares
            ]

    def beginning(self, sound: SoundCodes) -> tuple[Tensor, Tensor]:
        """A note's codes (1, C, *grid) that begin as a sound does, and which of them (*grid) are known so.

        The last `EDGE` steps of the sound are not: they have heard that it breaks off.

        Raises:
            UserError: the sound is no shorter than a note, or too short for anything to be known.
        """
        shape, whole = self.representation.spec().shape, int(sound.seconds / self.seconds + 1e-6) - EDGE
        if sound.samples >= self.representation.samples:
            note = self.representation.samples / self.representation.sample_rate
            raise UserError(f"a beginning of {sound.seconds:g} s must be shorter than the model's notes of {note:g} s")
        if whole < 1:
            least = (EDGE + 1) * self.seconds
            raise UserError(
                f"a beginning of {sound.seconds:g} s must last {least:.2f} s at least, to be heard in codes"
            )
        x, known = torch.zeros(1, *shape, dtype=torch.int64), torch.zeros(shape[1:], dtype=torch.bool)
        x.narrow(self.axis, 0, whole).copy_(torch.from_numpy(sound.codes)[None].narrow(self.axis, 0, whole))
        known.narrow(self.axis, 0, whole).fill_(True)
        return x.to(self.device), known.to(self.device)

    def _audio(self, sound: str | Path | np.ndarray) -> tuple[np.ndarray, list[str]]:
        limits = {"sample_rate": self.representation.sample_rate, "shortest": SHORTEST, "longest": LONGEST}
        where = "recording"
        try:
            if isinstance(sound, np.ndarray):
                return as_sound(waveform(sound, where)[:, None], limits["sample_rate"], **limits)
            where = str(sound)
            return read_sound(Path(sound), **limits)
        except UnusableError as error:
            raise UserError(f"{where}: {error.outcome}: {error}") from error

    def _own(self, sound: SoundCodes, where: str) -> SoundCodes:
        """Raise UserError unless these can be codes of this model."""
        if sound.coded_by != self.representation.fingerprint:
            theirs, own = sound.coded_by[:8], self.representation.fingerprint[:8]
            raise UserError(
                f"{where}: these are codes of model {sound.model!r} (autoencoder {theirs}) and mean nothing to "
                f"{self.name!r} ({own}); use the former, or encode the recording anew"
            )
        checks.equal(f"{where}: sample_rate", sound.sample_rate, "that of the model", self.representation.sample_rate)
        try:
            checks.shape("codes", torch.from_numpy(sound.codes), self._shape(sound.samples))
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
        low, high, last = sound.codes.min(), sound.codes.max(), self.representation.levels - 1
        if low < 0 or high > last:
            raise UserError(f"{where}: codes from {low} to {high} must lie between 0 and {last}; encode it anew")
        return sound

    def _shape(self, samples: int) -> tuple[int, ...]:
        """Shape of the codes of a recording."""
        size = replace(self.representation.inner, samples=samples).spec().shape[1:]
        return (self.autoencoder.code_spec.shape[0], *self.autoencoder.grid(size))

    def _encoded(self, audio: np.ndarray) -> Tensor:
        """Samples (T,) -> codes (1, C, *grid)."""
        media = torch.from_numpy(np.ascontiguousarray(audio, np.float32))[None, None].to(self.device)
        inner = replace(self.representation.inner, samples=len(audio))
        with one_thread(), torch.inference_mode():
            x, f = inner.encode(media), self.factor
            steps = self.autoencoder.grid(tuple(x.shape[2:]))[self.axis]
            return _in_pieces(
                steps, lambda a, b: self.autoencoder.encode(x[..., a * f : b * f]), axis=self.axis, entries=1
            )

    def _embedded(self, codes: np.ndarray) -> Tensor:
        """Codes (C, *grid) -> vectors (1, D, *grid)."""
        return self.autoencoder.embed(torch.from_numpy(codes)[None].to(self.device))

    def _decoded(self, z: Tensor, samples: int, labels: dict[str, Any]) -> Note:
        """Vectors (1, D, *grid) -> a sound of so many samples, drawn from the seed among its labels."""
        inner, f = replace(self.representation.inner, samples=samples), self.factor
        *size, last = inner.spec().shape[1:]

        def make(a: int, b: int) -> Tensor:
            part = z.narrow(self.axis, a, b - a)
            return self.autoencoder.decode_embedded(part, size=(*size, min(b * f, last) - a * f))

        x = _in_pieces(z.shape[self.axis], make, axis=-1, entries=f)
        rng = torch.Generator(self.device).manual_seed(labels["seed"])
        audio = inner.decode(x, rng=rng)[0, 0].float().cpu().numpy()
        return Note(audio=audio, sample_rate=inner.sample_rate, labels=labels)

    def _lengthened(self, codes: np.ndarray, samples: int) -> np.ndarray:
        """The same followed by the codes of silence."""
        steps = codes.shape[self.axis]
        if steps == self._shape(samples)[self.axis]:
            return codes
        silence = self._encoded(np.zeros(samples, np.float32))[0].cpu().numpy()
        rest = np.moveaxis(np.moveaxis(silence, self.axis, 0)[steps:], 0, self.axis)
        return np.concatenate([codes, rest], axis=self.axis)


def heard(coder: Coder, sound: Sound) -> SoundCodes:
    """The codes of a recording; what is wrong with it becomes a warning."""
    codes = coder.encode(sound)
    if not isinstance(sound, SoundCodes):
        for remark in codes.remarks:
            warnings.warn(f"{codes.name}: {remark}", stacklevel=3)
    return codes


def waveform(audio: np.ndarray, name: str) -> np.ndarray:
    """Samples (T,) as float32.

    Raises:
        UserError: another shape, none, or what is no number.
    """
    if audio.ndim != 1 or not audio.size or not np.isfinite(audio).all():
        raise UserError(f"{name} of shape {audio.shape} must be (samples,), at least one, all finite numbers")
    return audio.astype(np.float32)


def shares_of(steps: int, share: float | None) -> list[float]:
    """The places of an interpolation: `share` alone, or `steps` from 0 to 1.

    >>> shares_of(3, None), shares_of(3, 0.25)
    ([0.0, 0.5, 1.0], [0.25])
    """
    if share is not None:
        return [share]
    checks.between("steps", steps, 2, MOST)
    return [i / (steps - 1) for i in range(steps)]


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def _in_pieces(steps: int, make: Callable[[int, int], Tensor], *, axis: int, entries: int) -> Tensor:
    """What `make` gives of all steps, `entries` of each along `axis`, though it is asked for few at a time."""
    parts = []
    for start in range(0, steps, PIECE):
        stop = min(start + PIECE, steps)
        first = max(start - MARGIN, 0)
        part = make(first, min(stop + MARGIN, steps))
        begin, end = (start - first) * entries, min((stop - first) * entries, part.shape[axis])
        parts.append(part.narrow(axis, begin, end - begin))
    return torch.cat(parts, dim=axis)
