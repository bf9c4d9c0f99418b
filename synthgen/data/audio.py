"""Audio files of notes: mono WAV or FLAC of one rate and length, whole (libsndfile reads cut-off files silently)."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from synthgen import files
from synthgen.checks import UserError

SUFFIXES = (".wav", ".flac")
_UNKNOWN_LENGTH = 0xFFFFFFFF


def find_audio(folder: Path, note_str: str) -> Path:
    """The audio file of a note in `folder`: `.wav` or `.flac`, the `.wav` path if there is neither."""
    paths = [folder / f"{note_str}{suffix}" for suffix in SUFFIXES]
    return next((path for path in paths if path.is_file()), paths[0])


def read_audio(path: Path, *, sample_rate: int, samples: int | None = None) -> np.ndarray:
    """The samples of a recording in [-1, 1], float32 (samples,); any length but none if `samples` is None.

    Raises:
        UserError: the file is missing, cut off, empty, no WAV or FLAC, not mono, or of another rate or length.
    """
    try:
        with path.open("rb") as stream:
            return decode_audio(stream, str(path), sample_rate=sample_rate, samples=samples)
    except FileNotFoundError as error:
        remedy = "name one that exists" if samples is None else "add it, or remove the note from examples.json"
        raise UserError(f"{path}: no such file; {remedy}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot read ({error.strerror}); mend its permissions") from error


def decode_audio(stream: BinaryIO, where: str, *, sample_rate: int, samples: int | None = None) -> np.ndarray:
    """`read_audio` for an open, seekable file.

    Raises:
        UserError: see `read_audio`; messages begin with `where`.
    """
    import soundfile

    _check_whole(stream, where)
    try:
        with soundfile.SoundFile(stream) as sound:
            _check_format(sound, where, sample_rate=sample_rate, samples=samples)
            length, audio = sound.frames, sound.read(dtype="float32")
    except soundfile.LibsndfileError as error:
        raise UserError(f"{where}: not a readable WAV or FLAC file ({error.error_string}); make it again") from error
    if len(audio) != length:
        raise UserError(f"{where}: cut off after {len(audio)} of {length} samples; download or make it again")
    if not np.isfinite(audio).all():
        raise UserError(f"{where}: holds values that are no numbers; make it again")
    return audio


def write_audio(path: Path, audio: np.ndarray, *, sample_rate: int) -> None:
    """Write samples (T,) in [-1, 1] as 16-bit WAV or FLAC, by suffix, atomically; never normalised, clipped beyond.

    Raises:
        UserError: another suffix, samples that are not (T,) finite numbers, or a file that cannot be written.
    """
    import soundfile

    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise UserError(f"{path}: suffix={path.suffix!r} must be .wav or .flac")
    if audio.ndim != 1 or not np.isfinite(audio).all():
        raise UserError(f"{path}: audio of shape {audio.shape} must be (samples,) finite numbers in [-1, 1]")
    content = io.BytesIO()  # libsndfile does not say why a write to disk failed
    soundfile.write(content, to_int16(audio), sample_rate, subtype="PCM_16", format=kind[1:].upper())
    files.write_bytes(path, content.getvalue())


def to_int16(audio: np.ndarray) -> np.ndarray:
    """Samples in [-1, 1] as int16, the exact inverse of reading 16-bit files as x / 32768."""
    return np.clip(np.rint(audio * np.float32(32768)), -32768, 32767).astype(np.int16)


def _check_whole(stream: BinaryIO, where: str) -> None:
    """Compare the size that a RIFF file's data chunk declares with what is there."""
    size = stream.seek(0, 2)
    stream.seek(0)
    if stream.read(4) == b"RIFF":
        position = 12
        while True:
            stream.seek(position)
            head = stream.read(8)
            if len(head) < 8:
                raise UserError(f"{where}: cut off before its audio; download or make it again")
            kind, length = struct.unpack("<4sI", head)
            position += 8
            if kind == b"data":
                break
            position += length + length % 2
        if length != _UNKNOWN_LENGTH and position + length > size:
            there = size - position
            raise UserError(
                f"{where}: cut off, {there} of {length} bytes of audio are there; download or make it again"
            )
    stream.seek(0)


def _check_format(sound: object, where: str, *, sample_rate: int, samples: int | None) -> None:
    if sound.format not in ("WAV", "WAVEX", "FLAC"):
        raise UserError(f"{where}: format={sound.format} must be WAV or FLAC; convert it")
    if sound.samplerate != sample_rate:
        raise UserError(f"{where}: sample_rate={sound.samplerate} must be {sample_rate}; resample it")
    if sound.channels != 1:
        raise UserError(f"{where}: channels={sound.channels} must be 1; mix it down to mono")
    if not sound.frames:
        raise UserError(f"{where}: empty; it must hold at least one sample")
    if samples is not None and sound.frames != samples:
        raise UserError(f"{where}: length={sound.frames} samples must be {samples}; cut or pad it")
