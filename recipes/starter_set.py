"""How the starter set in `synthgen/data/starter` was made: 6 instruments x 8 pitches x 3 velocities, as FLAC.

    python recipes/starter_set.py --soundfont MuseScore_General_Lite.sf3 --out runs/starter

The SoundFont is the one of Debian's package musescore-general-soundfont-small 0.2.1. The instruments are of six
families and two sources; the grid is what 5 MB hold.
"""

from __future__ import annotations

from pathlib import Path

import tyro

from synthgen.data import soundfont
from synthgen.script import run

STARTER = soundfont.Config(
    soundfont=tyro.MISSING,
    out=Path("runs/starter"),
    programs="acoustic grand piano,marimba,church organ,acoustic guitar (nylon),electric bass (finger),flute",
    pitches="48:69:3",
    velocities="25,75,127",
    format="flac",
)


def main(config: soundfont.Config) -> None:
    """Render the notes and print their size."""
    report = soundfont.build(config)
    size = sum(path.stat().st_size for path in (config.out / "audio").iterdir())
    print(f"{report}\n{size / 1e6:.2f} MB of audio")


if __name__ == "__main__":
    run(main, STARTER, description=__doc__)
