from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
import torch

from synthgen.checks import UserError
from synthgen.config import from_dict, to_dict
from synthgen.representations import REPRESENTATIONS, MuLaw, Pcm, Spectrogram, Waveform
from synthgen.representations.base import AudioRepresentation
from synthgen.signal.stft import stft

SMALL = {
    "waveform": Waveform(samples=4000),
    "mulaw": MuLaw(samples=4000),
    "pcm": Pcm(samples=4000),
    "spectrogram": Spectrogram(samples=4000, n_fft=256, hop_length=64, iterations=0),
    "magnitudes": Spectrogram(samples=4000, n_fft=256, hop_length=64, phase="griffin_lim", iterations=4),
}


def notes(count: int, samples: int) -> torch.Tensor:
    t = torch.arange(samples) / 16_000
    waves = [torch.sin(2 * np.pi * hz * t) * torch.exp(-3 * t) * 0.5 for hz in (220.0, 330.0, 1000.0)[:count]]
    return torch.stack(waves)[:, None]


def distance_db(a: torch.Tensor, b: torch.Tensor, n_fft: int = 1024) -> float:
    """Log-spectral distance at the scale and floor of the benchmark."""
    levels = [20 * (stft(x, n_fft=n_fft).abs() * n_fft / 4).clamp(min=1e-4).log10() for x in (a, b)]
    return float((levels[0] - levels[1]).square().mean(-2).sqrt().mean())


@pytest.fixture(scope="module")
def real_notes(test_data) -> torch.Tensor:
    paths = sorted((test_data / "nsynth" / "nsynth-test" / "audio").glob("*.wav"))[::5]
    return torch.tensor(np.stack([soundfile.read(p, dtype="float32")[0] for p in paths]))[:, None]


def test_all_are_tried():
    audio = {kind for kind in REPRESENTATIONS.values() if issubclass(kind, AudioRepresentation)}
    assert {type(r) for r in SMALL.values()} == audio


@pytest.mark.parametrize("representation", SMALL.values(), ids=SMALL)
def test_examples_have_the_shape_and_levels_of_the_spec(representation):
    spec, x = representation.spec(), representation.encode(notes(2, 4000))
    assert x.shape == (2, *spec.shape)
    assert len(spec.axes) == spec.ndim
    if spec.levels is None:
        assert x.dtype == torch.float32
        assert x.abs().max() <= 1.0001
    else:
        assert x.dtype == torch.int64
        assert 0 <= x.min() <= x.max() < spec.levels
    assert representation.decode(x).shape == (2, 1, 4000)


@pytest.mark.parametrize("representation", SMALL.values(), ids=SMALL)
def test_settings_survive_json(representation):
    again = from_dict(type(representation), json.loads(json.dumps(to_dict(representation))))
    assert again == representation


@pytest.mark.parametrize("representation", SMALL.values(), ids=SMALL)
def test_a_note_does_not_depend_on_its_batch(representation):
    media = notes(3, 4000)
    together = representation.decode(representation.encode(media))
    alone = representation.decode(representation.encode(media[1:2]))
    torch.testing.assert_close(together[1:2], alone, atol=1e-4, rtol=1e-3)


# Bounds in dB at 1024/256, just above the worst of the notes.
@pytest.mark.parametrize(
    ("representation", "worst", "mean"),
    [
        (Waveform(), 1e-3, 1e-3),
        (MuLaw(), 32.0, 20.0),
        (Pcm(), 1e-3, 1e-3),
        (Spectrogram(iterations=0), 0.6, 0.4),
        (Spectrogram(phase="griffin_lim"), 3.0, 2.2),
    ],
    ids=["waveform", "mulaw", "pcm", "spectrogram", "magnitudes"],
)
def test_round_trip_of_real_notes(real_notes, representation, worst, mean):
    again = representation.decode(representation.encode(real_notes))
    errors = [distance_db(a, b) for a, b in zip(real_notes, again, strict=True)]
    assert max(errors) <= worst
    assert np.mean(errors) <= mean


def test_the_generator_draws_the_phases_that_magnitudes_leave_open():
    representation = SMALL["magnitudes"]
    x = representation.encode(notes(1, 4000))

    def draw(seed: int) -> torch.Tensor:
        return representation.decode(x, rng=torch.Generator().manual_seed(seed))

    assert torch.equal(draw(1), draw(1))
    assert not torch.allclose(draw(1), draw(2), atol=1e-2)


def test_the_floor_is_silence():
    representation = SMALL["spectrogram"]
    assert not representation.decode(representation.encode(torch.zeros(1, 1, 4000))).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_fft": 1}, "n_fft=1 must be between 16 and 65536"),
        ({"hop_length": 1024}, "hop_length=1024 must be between 1 and 512"),
        ({"samples": 10**9}, "samples=1000000000 must be between"),
    ],
)
def test_impossible_settings_are_named(settings, message):
    with pytest.raises(UserError, match=message):
        Spectrogram(**settings)
