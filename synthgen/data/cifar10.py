"""CIFAR-10: photographs of 32 x 32 pixels in ten classes (Krizhevsky 2009)."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch

from synthgen import checks
from synthgen.checks import UserError
from synthgen.data.image_folder import list_pictures
from synthgen.data.images import ImageSet, Pictures, category, remedy, with_valid
from synthgen.data.picture_file import read_picture
from synthgen.data.plain_pickle import load_table
from synthgen.representations.base import ImageRepresentation

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE = (3, 32, 32)
BATCHES = {"train": tuple(f"data_batch_{number}" for number in range(1, 6)), "test": ("test_batch",)}
FOLDER = "cifar-10-batches-py"
PUBLISHED = "https://www.cs.toronto.edu/~kriz/cifar.html"
MAX_BATCH_BYTES = 2**28


class CIFAR10(ImageSet):
    """60,000 photographs with the label `class`.

    The published test pictures are `test`; `valid` is held out of the training pictures.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Which pictures, and how they are split."""

        root: Path = Path("data/cifar10")
        """`cifar-10-batches-py`, or its `.tar.gz`, or the folder of either, or one with pictures in `train/<class>/`
        and `test/<class>/`."""
        seed: int = 0
        """Seed of which training pictures are held out."""

    def __init__(self, config: CIFAR10.Config, representation: ImageRepresentation) -> None:
        """Read all pictures.

        Raises:
            UserError: a missing or bad file, or another size than the representation's.
        """
        self.config = config
        found = _read(config.root)
        parts = with_valid(found["train"], found["test"], seed=config.seed)
        super().__init__("CIFAR-10", parts, representation, fields=(category("class", CLASSES),), config=config)


def _read(root: Path) -> dict[str, Pictures]:
    path = root.expanduser()
    for place in (path, path / FOLDER):
        if (place / BATCHES["test"][0]).is_file() or (place / BATCHES["train"][0]).is_file():
            return _join(_batches_of_folder(place), str(place))
    if (path / "train").is_dir():
        return {part: _read_classes(path / part) for part in BATCHES}
    archives = [path] if path.is_file() else sorted(path.glob("cifar-10-python*.tar.gz"))
    if len(archives) != 1:
        raise UserError(
            f"{root}: must hold {FOLDER}, one cifar-10-python.tar.gz, or train/<class>/ and test/<class>/; "
            f"{remedy(PUBLISHED)}"
        )
    return _join(_batches_of_archive(archives[0]), str(archives[0]))


def _batches_of_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    for name in (*BATCHES["train"], *BATCHES["test"]):
        path = folder / name
        try:
            if path.stat().st_size > MAX_BATCH_BYTES:
                raise UserError(f"{path}: {path.stat().st_size} bytes is too large for a batch; download it again")
            yield name, path.read_bytes()
        except OSError as error:
            raise UserError(f"{path}: cannot read ({error.strerror}); {remedy(PUBLISHED)}") from error


def _batches_of_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    wanted = {*BATCHES["train"], *BATCHES["test"]}
    try:
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                if not member.isfile() or name not in wanted:
                    continue
                if member.size > MAX_BATCH_BYTES:
                    raise UserError(f"{path}:{name}: {member.size} bytes is too large for a batch; download it again")
                content = archive.extractfile(member).read()
                if len(content) != member.size:
                    raise EOFError(f"{name} ends early")
                yield name, content
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise UserError(f"{path}: cut off or damaged ({error}); download it again") from error


def _join(batches: Iterator[tuple[str, bytes]], where: str) -> dict[str, Pictures]:
    found = {name: _parse(content, f"{where}/{name}") for name, content in batches}
    parts = {}
    for part, names in BATCHES.items():
        for name in names:
            if name not in found:
                raise UserError(f"{where}: there is no {name} in it; download it again from {PUBLISHED}")
        x, labels = zip(*(found[name] for name in names), strict=True)
        parts[part] = Pictures(x=np.concatenate(x), labels={"class": torch.cat(labels)})
    return parts


def _parse(content: bytes, where: str) -> tuple[np.ndarray, torch.Tensor]:
    """Pictures (N, 3, 32, 32) and labels (N,) of a batch."""
    batch = load_table(content, where)
    x, labels = batch.get("data"), batch.get("labels")
    if not (isinstance(x, np.ndarray) and x.ndim == 2 and x.shape[1] == np.prod(SHAPE)):
        raise UserError(f"{where}: data must be an array of (N, {np.prod(SHAPE)}); download it again")
    if not (isinstance(labels, list) and len(labels) == len(x)):
        raise UserError(f"{where}: labels must be a list of {len(x)}, one a picture; download it again")
    for row, label in enumerate(labels):
        if not (isinstance(label, int) and 0 <= label < len(CLASSES)):
            raise UserError(f"{where}: label {row} is {label!r}, must be between 0 and {len(CLASSES) - 1}")
    return x.reshape(-1, *SHAPE), torch.tensor(labels, dtype=torch.int64)


def _read_classes(folder: Path) -> Pictures:
    """Pictures in a folder for each class."""
    paths = list_pictures(folder)
    x, labels = np.empty((len(paths), *SHAPE), np.uint8), torch.empty(len(paths), dtype=torch.int64)
    for row, path in enumerate(paths):
        name = path.relative_to(folder).parts[0]
        checks.one_of(f"{path}: class", name, CLASSES)
        pixels = read_picture(path, channels=3)
        if pixels.shape != SHAPE:
            found, wanted = (" x ".join(map(str, shape[1:])) for shape in (pixels.shape, SHAPE))
            raise UserError(f"{path}: {found} pixels must be {wanted}; take the set's own pictures")
        x[row], labels[row] = pixels, CLASSES.index(name)
    return Pictures(x=x, labels={"class": labels})
