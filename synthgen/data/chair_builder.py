"""Build a data set of chairs that are designed and rendered here, in the layout of the published renders.

Each chair is drawn in a folder of its own, which is put in its place when it is whole.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from synthgen import checks, files
from synthgen.checks import UserError
from synthgen.data import building
from synthgen.data.chair_design import Chair
from synthgen.data.chair_layout import FOLDER, RENDERS, VIEWS, view_name
from synthgen.data.chair_rendering import Camera, render
from synthgen.data.processes import in_processes

_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which chairs, and how large."""

    out: Path
    """Folder of the data set; an interrupted build goes on where it was."""
    count: int = 100
    """Number of chairs; each is rendered from 31 sides at 2 elevations."""
    seed: int = 0
    """Another seed, other chairs; chair 7 is the same however many there are."""
    size: int = 128
    """Rows and columns of a picture."""
    workers: int = 0
    """Processes; 0 for one a core. The result does not depend on it."""


def build(config: Config) -> str:
    """Render the chairs, in parallel; a line that says what there is now.

    Raises:
        UserError: `out` cannot be used.
    """
    from tqdm import tqdm

    checks.between("count", config.count, 1, 100_000)
    checks.between("size", config.size, 8, 1024)
    checks.between("workers", config.workers, 0, 1024)
    checks.between("seed", config.seed, 0, 2**63)
    settings = {"version": _VERSION, "count": config.count, "seed": config.seed, "size": config.size}
    state = building.begin(config.out, settings)
    left = [number for number in range(config.count) if not _place(config, number).is_dir()]
    done = (config.count - len(left)) * len(VIEWS)
    with tqdm(total=config.count * len(VIEWS), initial=done, unit="view", desc=str(config.out), disable=None) as bar:
        for _ in in_processes(partial(_draw, config, state), left, workers=config.workers):
            bar.update(len(VIEWS))
    shutil.rmtree(state)
    side = f"{config.size} x {config.size} pixels"
    return f"{config.out / FOLDER}: {config.count} chairs, {len(VIEWS)} views of {side} each"


def _place(config: Config, number: int) -> Path:
    return config.out / FOLDER / f"drawn-{config.seed}-{number:05d}"


def _draw(config: Config, state: Path, number: int) -> None:
    """Write all views of a chair, and only then put them in their place."""
    mesh, place = Chair(config.seed, number).mesh(), _place(config, number)
    try:
        shutil.rmtree(state / place.name, ignore_errors=True)
        renders = state / place.name / RENDERS
        renders.mkdir(parents=True)
        for rotation, elevation in VIEWS:
            picture = render(mesh, Camera(rotation=rotation, elevation=elevation), config.size)
            Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0))).save(
                renders / view_name(rotation, elevation)
            )
        os.sync()  # once a chair: several times faster than each file by itself
        place.parent.mkdir(exist_ok=True)
        renders.parent.replace(place)
    except OSError as error:
        raise UserError(files.describe(place, error)) from error
