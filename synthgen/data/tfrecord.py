"""NSynth's `nsynth-*.tfrecord` files, read without TensorFlow.

A TFRecord file is a row of records: length (uint64), masked CRC-32C of the length (uint32), data, masked CRC-32C of the
data (uint32), all little-endian (https://www.tensorflow.org/tutorials/load_data/tfrecord). Here the data of each is a
`tf.train.Example` in protocol-buffer wire format (https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from synthgen.checks import UserError
from synthgen.data.audio import to_int16
from synthgen.data.crc32c import crc32c, masked
from synthgen.data.layout import Entry
from synthgen.data.sources import Item

MAX_RECORD_BYTES = 2**28
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_LISTS = frozenset({"audio", "qualities", "qualities_str"})


class RecordSource:
    """The notes of one TFRecord file."""

    unit = "B"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: list[Entry] = []

    def total(self) -> int:
        return self.path.stat().st_size

    def fingerprint(self) -> str:
        stat = self.path.stat()
        return hashlib.sha256(f"tfrecord {self.path.name} {stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()

    def entries(self) -> list[Entry]:
        return self._entries

    def items(self, *, sample_rate: int, samples: int) -> Iterator[Item]:
        """Every record in the order of the file; each one's labels are kept for `entries` when it is decoded.

        Raises:
            UserError: the file cannot be read, is cut off, or is no TFRecord file.
        """
        self._entries = []
        try:
            stream = self.path.open("rb")
        except OSError as error:
            raise UserError(f"{self.path}: cannot read ({error.strerror}); mend its permissions") from error
        with stream:
            for number, (data, checksum) in enumerate(read_records(stream, str(self.path)), start=1):
                where = f"{self.path}: record {number}"
                decode = partial(self._decode, data, checksum, where, sample_rate=sample_rate, samples=samples)
                yield Item(where=where, decode=decode, done=stream.tell())

    def _decode(
        self, data: bytes, checksum: int, where: str, *, sample_rate: int, samples: int
    ) -> tuple[str, np.ndarray]:
        if masked(crc32c(data)) != checksum:
            raise UserError(f"{where}: damaged, its checksum is wrong; download the file again")
        features = parse_example(data, where)
        audio = features.pop("audio", None)
        name = features.get("note_str")
        if not isinstance(name, str) or not isinstance(audio, np.ndarray):
            raise UserError(f"{where}: lacks note_str or audio; give one of NSynth's tfrecord files")
        entry = Entry.from_json(name, features, where)
        if entry.sample_rate != sample_rate:
            raise UserError(f"{where}: sample_rate={entry.sample_rate} must be {sample_rate}; resample it")
        if len(audio) != samples:
            raise UserError(f"{where}: length={len(audio)} samples must be {samples}; cut or pad it")
        if not np.isfinite(audio).all():
            raise UserError(f"{where}: audio holds values that are no numbers; download the file again")
        self._entries.append(entry)
        return name, to_int16(audio)


def read_records(stream: BinaryIO, where: str) -> Iterator[tuple[bytes, int]]:
    """Data of each record and the masked checksum stored for it, which is left to the caller to compare.

    Raises:
        UserError: the file is cut off, or a length does not match its checksum.
    """
    number = 0
    while head := stream.read(12):
        number += 1
        length, checksum = struct.unpack("<QI", head) if len(head) == 12 else (0, None)
        if checksum is not None and (masked(crc32c(head[:8])) != checksum or length > MAX_RECORD_BYTES):
            raise UserError(f"{where}: record {number} is damaged or this is no TFRecord file; download it again")
        data, tail = stream.read(length), stream.read(4)
        if checksum is None or len(data) < length or len(tail) < 4:
            raise UserError(f"{where}: cut off in record {number}; download it again")
        yield data, struct.unpack("<I", tail)[0]


def parse_example(data: bytes, where: str) -> dict[str, Any]:
    """The features of a serialised `tf.train.Example`: strings, integers, arrays of float32, or lists of them.

    Raises:
        UserError: `data` is malformed.
    """
    features: dict[str, Any] = {}
    try:
        for example in _messages(memoryview(data), 1):
            for pair in _messages(example, 1):
                (key,) = _messages(pair, 1)
                name = str(key, "utf-8")
                values = [value for feature in _messages(pair, 2) for value in _feature(feature)]
                features[name] = _unpacked(name, values)
    except (ValueError, TypeError, IndexError) as error:
        raise UserError(f"{where}: no tf.train.Example ({error}); give one of NSynth's tfrecord files") from error
    return features


def _unpacked(name: str, values: list[Any]) -> Any:
    if name == "audio":
        return np.concatenate(values) if values else np.zeros(0, np.float32)
    values = [v for value in values for v in (value.tolist() if isinstance(value, np.ndarray) else [value])]
    if name in _LISTS or len(values) != 1:
        return values
    return values[0]


def _feature(feature: memoryview) -> Iterator[Any]:
    """Values of a `Feature`: field 1 holds strings, 2 floats (as arrays), 3 integers, the latter two perhaps packed."""
    for kind, _, content in _fields(feature):
        for _, wire, value in _fields(content):
            if kind == 1:
                yield str(value, "utf-8")
            elif kind == 2:
                yield np.frombuffer(value, "<f4")
            elif kind == 3:
                yield from (_signed(v) for v in (_varints(value) if wire == BYTES else [value]))


def _messages(buffer: memoryview, number: int) -> Iterator[memoryview]:
    return (value for n, wire, value in _fields(buffer) if n == number and wire == BYTES)


def _fields(buffer: memoryview) -> Iterator[tuple[int, int, Any]]:
    """Number, wire type and value of each field: an integer of a varint, otherwise the bytes."""
    position = 0
    while position < len(buffer):
        key, position = _varint(buffer, position)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, position = _varint(buffer, position)
            yield number, wire, value
            continue
        if wire == BYTES:
            length, position = _varint(buffer, position)
        elif wire in (FIXED32, FIXED64):
            length = 4 if wire == FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire} is not known")
        if position + length > len(buffer):
            raise ValueError("a field ends beyond its message")
        yield number, wire, buffer[position : position + length]
        position += length


def _varints(buffer: memoryview) -> Iterator[int]:
    position = 0
    while position < len(buffer):
        value, position = _varint(buffer, position)
        yield value


def _varint(buffer: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = buffer[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
    raise ValueError("an integer has more than 64 bits")


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value
