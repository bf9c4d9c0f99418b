"""The models that come with the package play."""

from __future__ import annotations

import numpy as np
import pytest

from synthgen import Synthesizer
from synthgen.evaluation.pitch import TOLERANCE_CENTS, deviation
from synthgen.rendering.library import bundled, find

ASKED = [("flute", 72), ("clarinet", 64), ("trumpet", 60), ("church organ", 67)]


@pytest.mark.parametrize("name", bundled())
def test_a_bundled_model_is_small_and_has_a_card(name):
    path = find(name)
    assert path.stat().st_size <= 20_000_000
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    for part in (f"# Model card: `{name}`", "## Data", "## Training", "## Figures on held-out notes", "## Limits"):
        assert part in card


@pytest.mark.slow
@pytest.mark.parametrize("name", bundled())
def test_a_bundled_model_plays_in_tune(name):
    synthesizer = Synthesizer.load(name)
    notes = synthesizer.notes(ASKED)
    for note in notes:
        assert note.audio.shape == (64_000,)
        assert np.isfinite(note.audio).all()
        assert 0.005 < note.audio[:48_000].std() < 0.5
    off = [deviation(n.audio, sample_rate=n.sample_rate, midi=p) for n, (_, p) in zip(notes, ASKED, strict=True)]
    in_tune = sum(cents is not None and abs(cents) <= TOLERANCE_CENTS for cents in off)
    assert in_tune >= (3 if synthesizer.draws_samples else 4), off
