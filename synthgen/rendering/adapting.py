"""From recordings of a few notes to an instrument that plays the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from synthgen import checks
from synthgen.data.layout import check_name
from synthgen.models.autoregressive import Progress
from synthgen.rendering.adapted import Adapted, Fitted
from synthgen.rendering.fitting import fit
from synthgen.rendering.listening import Listener, check_adaptable
from synthgen.rendering.recordings import read_recordings
from synthgen.rendering.request import parse_velocity
from synthgen.threads import one_thread

if TYPE_CHECKING:
    from synthgen.rendering.synthesizer import Synthesizer

MOST = 100
"""Recordings; more would be a data set to train on."""


def adapt(
    synthesizer: Synthesizer,
    recordings: Sequence[str | Path],
    *,
    name: str,
    pitches: Sequence[float | str | None] | None = None,
    velocities: Sequence[float | str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Adapted:
    """See `Synthesizer.adapt`."""
    info, model = synthesizer.info, synthesizer.model
    check_adaptable(info.name, model)
    check_name(name, "name of the instrument")
    checks.between("number of recordings", len(recordings), 1, MOST)
    if velocities is not None:
        checks.equal("number of velocities", len(velocities), "number of recordings", len(recordings))
        velocities = [parse_velocity(velocity) for velocity in velocities]
    notes = read_recordings([Path(path) for path in recordings], pitches, info)
    with one_thread():
        listener = Listener(model, synthesizer.representation, notes, seed=seed)
        found = fit(listener, velocities=velocities, seed=seed, progress=progress)
    learned = info.repertoire.velocities
    played = found.velocities.clamp(learned[0], learned[-1]) if learned else found.velocities
    figures = zip(notes, played.tolist(), found.distances, found.nearest_distances, strict=True)
    return Adapted(
        name=name,
        model=info.with_files.owner.home,
        vector=tuple(found.vector.tolist()),
        nearest=info.repertoire.instruments[found.nearest],
        gain_db=found.gain_db,
        recordings=tuple(
            Fitted(
                file=note.path.name,
                pitch=note.pitch,
                velocity=velocity,
                distance=distance,
                nearest_distance=nearest,
                remarks=note.remarks,
            )
            for note, velocity, distance, nearest in figures
        ),
    )
