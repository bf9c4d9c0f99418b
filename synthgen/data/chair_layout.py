"""How the published renders of chairs are laid out: 31 rotations at 2 elevations of each (Aubry et al., 2014).

They lie in ``rendered_chairs/<chair>/renders/image_<number>_p<elevation>_t<rotation>_r096.png``. The rotations are
multiples of 360 / 31 degrees, cut to whole degrees in the name; the number of the 32nd, a full turn, is left out.
"""

from __future__ import annotations

import re
from pathlib import Path

FOLDER, RENDERS = "rendered_chairs", "renders"
ROTATIONS = tuple(k * 360 / 31 for k in range(31))
"""Degrees."""
ELEVATIONS = (20, 30)
"""Degrees above the horizon."""
VIEWS = tuple((rotation, elevation) for elevation in ELEVATIONS for rotation in ROTATIONS)
_NAME = re.compile(r"image_\d+_p(\d+)_t(\d+)_r\d+\.png")
_EXACT = {int(rotation): rotation for rotation in ROTATIONS}


def view_name(rotation: float, elevation: int) -> str:
    """The file of one of `VIEWS`.

    >>> view_name(ROTATIONS[20], 30)
    'image_052_p030_t232_r096.png'
    """
    number = (len(ROTATIONS) + 1) * ELEVATIONS.index(elevation) + ROTATIONS.index(rotation)
    return f"image_{number:03d}_p{elevation:03d}_t{int(rotation):03d}_r096.png"


def parse_view(path: Path) -> tuple[float, int] | None:
    """Rotation and elevation in degrees of a file, None if it is no render.

    >>> parse_view(Path("image_001_p020_t011_r096.png"))
    (11.612903225806452, 20)
    """
    match = _NAME.fullmatch(path.name)
    return match and (_EXACT.get(int(match[2]), float(match[2])), int(match[1]))
