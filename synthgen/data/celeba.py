"""CelebA: 202,599 faces with 40 attributes (Liu et al., 2015, arXiv:1411.7766)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import torch

from synthgen import checks
from synthgen.checks import UserError
from synthgen.data.images import ImageSet, Pictures, random_parts, remedy
from synthgen.data.picture_source import ARCHIVES, PictureSource, fit_members
from synthgen.data.splits import PARTS
from synthgen.records import Field
from synthgen.representations.base import ImageRepresentation

PUBLISHED = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (img_align_celeba.zip and list_attr_celeba.txt)"
NAME, ATTRIBUTES, PARTITION = "img_align_celeba", "list_attr_celeba", "list_eval_partition"
FIELD = "attributes"


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows of an attribute file.

    Attributes:
        names: Of the attributes.
        flags: Which of them a picture has, by the picture's name without its ending, (attributes,) uint8 each.
        remark: What is odd about the file and what was made of it; empty if nothing.
    """

    names: tuple[str, ...]
    flags: Mapping[str, np.ndarray]
    remark: str = ""


class CelebA(ImageSet):
    """Aligned faces with the label `attributes`: which of 40 flags each has.

    Attributes:
        skipped: What was wrong with each picture that was left out.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Which pictures, what part of each, and how they are split."""

        root: Path = Path("data/celeba")
        """Folder of `img_align_celeba` (a folder, .zip or .tar) and `list_attr_celeba.txt`, or the former itself."""
        labels: Literal["attributes", "none"] = "attributes"
        """Read the attributes, or pictures alone."""
        zoom: float = 1.25
        """The middle of a picture is shown so much larger than if all of its width were: the crop is 178 / zoom wide;
        1.25 keeps the hair, 1.65 the face alone."""
        limit: int | None = None
        """Take the first so many pictures by name; None takes all."""
        split: Literal["random", "official"] = "random"
        """Split 80/10/10 at random, or by persons as in `list_eval_partition.txt`."""
        seed: int = 0
        """Seed of the random split."""

    def __init__(self, config: CelebA.Config, representation: ImageRepresentation) -> None:
        """Read all pictures, and leave out those that are broken or have no attributes, counting both on stderr.

        Raises:
            UserError: no pictures or attributes where they should be, or a file with a bad row.
        """
        checks.one_of("data.labels", config.labels, ("attributes", "none"))
        checks.one_of("data.split", config.split, ("random", "official"))
        checks.between("data.zoom", config.zoom, 1, 16)
        checks.between("data.limit", 1 if config.limit is None else config.limit, 1, 2**31)
        self.config = config
        source = PictureSource(find_pictures(config.root))
        table = read_attributes(_beside(source.path, ATTRIBUTES)) if config.labels == "attributes" else None
        names = source.names[: config.limit]
        known = names if table is None else [name for name in names if _stem(name) in table.flags]
        if not known:
            raise UserError(
                f"{source.path}: none of its {len(names)} pictures is in {ATTRIBUTES}; take both of one set"
            )
        x, read, bad = fit_members(source.members(known), len(known), representation, zoom=config.zoom)
        self.skipped = tuple(bad)
        _tell(source.path, table, missing=len(names) - len(known), bad=bad)
        labels, fields = {}, ()
        if table is not None:
            flags = np.stack([table.flags[_stem(name)] for name in read]) if read else np.zeros((0, len(table.names)))
            labels = {FIELD: torch.from_numpy(flags.astype(np.float32))}
            fields = (Field(name=FIELD, kind="multihot", size=len(table.names), names=table.names),)
        pictures = Pictures(x=x, labels=labels)
        rows = random_parts(len(read), seed=config.seed)
        if config.split == "official":
            rows = official_parts(read, _beside(source.path, PARTITION))
        parts = {part: pictures[rows[part]] for part in PARTS}
        super().__init__("CelebA", parts, representation, fields=fields, config=config)


def find_pictures(root: Path) -> Path:
    """The folder or archive that the pictures lie in.

    Raises:
        UserError: there is none, or there are several archives.
    """
    path = root.expanduser()
    if path.is_file() and path.name.lower().endswith(ARCHIVES):
        return path
    if not path.is_dir():
        raise UserError(f"{root}: no such folder or archive; {remedy(PUBLISHED)}")
    if (path / NAME).is_dir():
        return path / NAME
    archives = sorted(p for p in path.glob(f"{NAME}*") if p.name.lower().endswith(ARCHIVES))
    if len(archives) > 1:
        raise UserError(f"{root}: holds {', '.join(p.name for p in archives)}; give one of them as --data.root")
    if archives:
        return archives[0]
    if any(path.glob("*.jpg")) or any(path.glob("*.png")):
        return path
    raise UserError(f"{root}: there is no {NAME} in it, neither folder, .zip nor .tar; {remedy(PUBLISHED)}")


def read_attributes(path: Path) -> Table:
    """A file of a count, a line of names, and a row of -1 or 1 for each picture; commas and no count are fine too.

    Rows count: where the count in the first line is another, the rows are taken as they are, and `Table.remark` says
    so, because excerpts of the set often keep the first line of the whole.

    Raises:
        UserError: the file cannot be read, or a row is not as it must be; the message names it.
    """
    lines = _lines(path)
    counted = lines[0].strip() if lines[0].strip().isdecimal() else ""
    first = 1 if counted else 0
    heading, rows = lines[first : first + 1], lines[first + 1 :]
    names = tuple(word for word in _words(heading[0]) if word != "image_id") if heading else ()
    if not names or len(set(names)) < len(names):
        raise UserError(f"{path}: line {first + 1} must name the attributes, each once; {remedy(PUBLISHED)}")
    flags: dict[str, np.ndarray] = {}
    for number, line in enumerate(rows, start=first + 2):
        picture, *values = _words(line) or [""]
        if not picture:
            continue
        if len(values) != len(names):
            raise UserError(f"{path}: line {number} has {len(values)} values, must have {len(names)}; mend the file")
        if not set(values) <= {"-1", "1", "0", "+1"}:
            bad = next(v for v in values if v not in ("-1", "1", "0", "+1"))
            raise UserError(f"{path}: line {number}: {bad!r} must be -1 or 1; mend the file")
        flags[PurePosixPath(picture).stem] = np.array([value in ("1", "+1") for value in values], np.uint8)
    if not flags:
        raise UserError(f"{path}: has no rows; {remedy(PUBLISHED)}")
    remark = ""
    if counted and int(counted) != len(flags):
        remark = f"{path}: its first line says {counted} pictures, it has rows of {len(flags)}; the rows were taken"
    return Table(names=names, flags=flags, remark=remark)


def official_parts(names: list[str], path: Path) -> dict[str, np.ndarray]:
    """Indices of train, valid and test by a file with a row `picture 0`, `1` or `2` for each picture.

    Raises:
        UserError: the file cannot be read, has a bad row, or lacks a picture.
    """
    part_of: dict[str, str] = {}
    for number, line in enumerate(_lines(path), start=1):
        words = _words(line)
        if len(words) == 2 and words[1] in ("0", "1", "2"):
            part_of[PurePosixPath(words[0]).stem] = PARTS[int(words[1])]
        elif words and words[0] != "image_id":
            raise UserError(f"{path}: line {number} must be a picture's name and 0, 1 or 2; mend the file")
    rows: dict[str, list[int]] = {part: [] for part in PARTS}
    for row, name in enumerate(names):
        if _stem(name) not in part_of:
            raise UserError(f"{path}: lacks {name}; take both of one set, or --data.split random")
        rows[part_of[_stem(name)]].append(row)
    return {part: np.array(found, np.int64) for part, found in rows.items()}


def _beside(pictures: Path, stem: str) -> Path:
    """The list `stem` (.txt, or .csv) in or beside the folder or archive of pictures."""
    folders = [pictures.parent, pictures.parent / "Anno", pictures.parent / "Eval", *([pictures] * pictures.is_dir())]
    for folder in folders:
        for ending in (".txt", ".csv"):
            if (folder / f"{stem}{ending}").is_file():
                return folder / f"{stem}{ending}"
    instead = "--data.labels none" if stem == ATTRIBUTES else "--data.split random"
    raise UserError(f"{pictures.parent / stem}.txt: no such file; put it there, or give {instead}; see {PUBLISHED}")


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise UserError(f"{path}: cannot read ({error.strerror}); {remedy(PUBLISHED)}") from error
    if not lines:
        raise UserError(f"{path}: is empty; {remedy(PUBLISHED)}")
    return lines


def _words(line: str) -> list[str]:
    return line.replace(",", " ").split()


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _tell(path: Path, table: Table | None, *, missing: int, bad: list[str]) -> None:
    """Say on stderr what was odd."""
    lines = [table.remark] if table is not None and table.remark else []
    if missing:
        lines.append(f"{path}: pictures without a row of attributes left out: {missing}")
    if bad:
        lines.append(f"{path}: bad pictures left out: {len(bad)}, first {bad[0]}")
    sys.stderr.write("".join(f"{line}\n" for line in lines))
