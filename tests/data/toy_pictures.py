"""Small pictures with labels, in the files that sets of pictures are published in."""

import gzip
import io
import struct
import tarfile

import numpy as np
from PIL import Image

from synthgen.data.cifar10 import BATCHES, CLASSES, FOLDER


def make_pictures(count, shape=(28, 28), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_idx(path, array):
    content = idx(np.asarray(array, np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def write_mnist(folder, suffix="", train="train", test="t10k", separator="-"):
    """30 pictures to train on and 10 to test on, labelled with their row modulo ten."""
    for number, (stem, count) in enumerate({train: 30, test: 10}.items()):
        write_idx(folder / f"{stem}-images{separator}idx3-ubyte{suffix}", make_pictures(count, seed=number))
        write_idx(folder / f"{stem}-labels{separator}idx1-ubyte{suffix}", np.arange(count) % 10)
    return folder


def write_png(path, pixels):
    """A picture (H, W) or (H, W, C) uint8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def python2_pickle(x, labels):
    """A CIFAR-10 batch as Python 2 and an old NumPy wrote it: text is bytes, and arrays come by `_reconstruct`."""

    def text(value):
        return b"U" + bytes([len(value)]) + value

    def integer(value):
        return b"J" + struct.pack("<i", value)

    dtype = (
        b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R(K\x03" + text(b"|") + b"NNN" + 2 * integer(-1) + b"K\x00tb"
    )
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
    shape = b"".join(map(integer, x.shape)) + b"\x86"
    array += b"(K\x01" + shape + dtype + b"\x89T" + struct.pack("<i", x.nbytes) + x.tobytes() + b"tb"
    numbers = b"](" + b"".join(map(integer, labels)) + b"e"
    return b"\x80\x02}(" + text(b"labels") + numbers + text(b"data") + array + b"u."


def cifar_batches(count=4):
    """Bytes of each of the six batches; labels go on from batch to batch."""
    batches = {}
    for number, name in enumerate((*BATCHES["train"], *BATCHES["test"])):
        x = make_pictures(count, (3072,), seed=number)
        batches[name] = python2_pickle(x, [(number * count + row) % len(CLASSES) for row in range(count)])
    return batches


def write_cifar(folder, batches):
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for name, content in batches.items():
        (folder / FOLDER / name).write_bytes(content)
    return folder / FOLDER


def pack_cifar(path, batches):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in {"readme.html": b"", **batches}.items():
            info = tarfile.TarInfo(f"{FOLDER}/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path
