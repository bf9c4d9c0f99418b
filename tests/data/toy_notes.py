"""A small set of notes in NSynth's layout, as a folder, an archive and a record file."""

import io
import struct
import tarfile

import numpy as np

from synthgen.data.crc32c import crc32c, masked
from synthgen.data.layout import Entry, write_audio, write_examples

RATE, SAMPLES = 16000, 400


def make_entries(instruments=("flute", "organ"), pitches=(60, 62, 64, 66), velocities=(50, 127)):
    return [
        Entry(
            note_str=f"{instrument}-{pitch:03d}-{velocity:03d}",
            note=100 * pitch + velocity,
            instrument=number,
            instrument_str=instrument,
            pitch=pitch,
            velocity=velocity,
            instrument_family=(2, 6)[number % 2],
            instrument_source=number % 3,
            qualities=(1, 0, 0, 0, 0, 0, 0, 0, number % 2, 0),
        )
        for number, instrument in enumerate(instruments)
        for pitch in pitches
        for velocity in velocities
    ]


def make_audio(entry, samples=SAMPLES):
    """A tone that is different for every note, on the 16-bit grid."""
    wave = np.sin(np.arange(samples) * 2 * np.pi * 440 * 2 ** ((entry.pitch - 69) / 12) / RATE)
    return np.rint(wave * (200 * entry.velocity + entry.instrument)).astype(np.float32) / 32768


def write_set(folder, entries, suffix=".wav"):
    for entry in entries:
        write_audio(folder / "audio" / f"{entry.note_str}{suffix}", make_audio(entry), sample_rate=RATE)
    write_examples(folder / "examples.json", entries)
    return folder


def pack(folder, archive, order=None):
    """The folder as NSynth packs it."""
    with tarfile.open(archive, "w:gz") as tar:
        for path in order or sorted(folder.rglob("*.*")):
            tar.add(path, f"{folder.name}/{path.relative_to(folder)}")
    return archive


def add_bytes(tar, name, content):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def varint(value):
    value %= 2**64
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def message(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def feature(value, packed=True):
    """A tf.train.Feature of a string, of integers, or of an array of float32."""
    if isinstance(value, np.ndarray):
        floats = value.astype("<f4")
        return message(2, message(1, floats.tobytes()) if packed else b"".join(b"\x0d" + f.tobytes() for f in floats))
    values = value if isinstance(value, list | tuple) else [value]
    if values and isinstance(values[0], str):
        return message(1, b"".join(message(1, v.encode()) for v in values))
    integers = [varint(v) for v in values]
    return message(3, message(1, b"".join(integers)) if packed else b"".join(b"\x08" + i for i in integers))


def example(features, packed=True):
    """A serialised tf.train.Example."""
    pairs = (message(1, key.encode()) + message(2, feature(value, packed)) for key, value in features.items())
    return message(1, b"".join(message(1, pair) for pair in pairs))


def record(data):
    """One record of a TFRecord file."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked(crc32c(length))) + data + struct.pack("<I", masked(crc32c(data)))


def write_records(path, entries, audio=make_audio, packed=True):
    path.write_bytes(b"".join(record(example({**e.to_json(), "audio": audio(e)}, packed)) for e in entries))
    return path
