"""The bundled starter set is whole, small and in tune."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import synthgen.data
from synthgen.data.layout import FAMILIES, read_audio, read_examples
from synthgen.data.tuning import measure

STARTER = Path(synthgen.data.__file__).parent / "starter"


@pytest.fixture(scope="module")
def notes():
    """Every note's labels and samples."""
    return [
        (entry, read_audio(STARTER / "audio" / f"{entry.note_str}.flac", sample_rate=16000, samples=64000))
        for entry in read_examples(STARTER / "examples.json")
    ]


def test_it_is_small_and_comes_with_its_licence():
    paths = [path for path in STARTER.rglob("*") if path.is_file() and ".synthgen-cache" not in path.parts]
    assert sum(path.stat().st_size for path in paths) <= 5_000_000
    assert "Permission is hereby granted" in (STARTER / "LICENSE").read_text(encoding="utf-8")


def test_it_is_a_full_grid_of_labels_over_several_families(notes):
    labels = [(e.instrument_str, e.pitch, e.velocity) for e, _ in notes]
    instruments, pitches, velocities = (sorted(set(values)) for values in zip(*labels, strict=True))
    assert sorted(labels) == [(i, p, v) for i in instruments for p in pitches for v in velocities]
    assert (len(instruments), len(pitches), len(velocities)) == (6, 8, 3)
    assert {"flute", "church organ"} < set(instruments)
    assert len({FAMILIES[e.instrument_family] for e, _ in notes}) == 6
    assert len(list((STARTER / "audio").iterdir())) == len(notes)


def test_every_note_is_in_tune_and_does_not_clip(notes):
    for entry, audio in notes:
        tuning = measure(audio, sample_rate=16000, hz=440 * 2 ** ((entry.pitch - 69) / 12))
        assert tuning.verdict == "tuned", entry.note_str
        assert 0.001 < np.abs(audio).max() < 0.95, entry.note_str


def test_loudness_rises_with_velocity(notes):
    loudness = {(e.instrument_str, e.pitch, e.velocity): np.sqrt(np.mean(audio**2)) for e, audio in notes}
    for instrument, pitch, _ in loudness:
        assert loudness[instrument, pitch, 25] < loudness[instrument, pitch, 75] < loudness[instrument, pitch, 127]


def test_a4_of_the_flute_has_its_peak_at_440_hz(notes):
    (audio,) = (a for e, a in notes if (e.instrument_str, e.pitch, e.velocity) == ("flute", 69, 127))
    magnitudes = np.abs(np.fft.rfft(audio[16000:32000] * np.hanning(16000)))
    assert magnitudes.argmax() == pytest.approx(440, abs=3)
