"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from synthgen import checkpoint
from synthgen.models import VQVAE, CodeWaveNet, Decoder, GatedPixelCNN
from synthgen.models.codes import AudioCodes
from synthgen.records import Batch, Field
from synthgen.representations import Spectrogram


@pytest.fixture(autouse=True)
def _seeded():
    """Every test draws from the same seed and leaves the global state as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture(autouse=True)
def _doctest_names(doctest_namespace):
    doctest_namespace["torch"] = torch


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real excerpts."""
    folder = Path(os.environ.get("SYNTHGEN_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set SYNTHGEN_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def note_fields() -> tuple[Field, ...]:
    """Labels of a small set of notes."""
    return (
        Field(name="instrument", kind="category", size=3, names=("church organ", "flute", "violin")),
        Field(name="pitch", kind="ordinal", size=25, values=tuple(float(p) for p in range(48, 73))),
        Field(name="velocity", kind="ordinal", size=5, values=(25.0, 50.0, 75.0, 100.0, 127.0)),
    )


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory, note_fields) -> Path:
    """A random decoder of notes of half a second."""
    representation = Spectrogram(samples=8000, n_fft=256, hop_length=64, iterations=2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = Decoder.Config(channels=(16, 16, 8), strides=((4, 4), (4, 4)), patch=(1, 2), dim=16, periodic="pitch")
        model = Decoder(representation.spec(note_fields), config)
    path = tmp_path_factory.mktemp("checkpoint") / "model.safetensors"
    checkpoint.save(path, model, representation, {"data": {"name": "none"}, "steps": 0})
    return path


@pytest.fixture(scope="session")
def make_coded_checkpoint(tmp_path_factory, note_fields):
    """Write a random prior on the codes of a random autoencoder, of notes of half a second; see `coded`."""
    return lambda kind: prior_on_codes(tmp_path_factory.mktemp(f"coded-{kind}"), note_fields, kind)


@pytest.fixture(scope="session")
def coded_checkpoint(make_coded_checkpoint) -> Path:
    """Such a prior, of codes of frames."""
    return make_coded_checkpoint("frames")


def prior_on_codes(folder: Path, fields: tuple[Field, ...], kind: str) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        codes = coded(fields, kind)
        kind_of_prior = GatedPixelCNN if kind == "grid" else CodeWaveNet
        size = {"channels": 4, "skip_channels": 4, "layers": 2, "dim": 4, "labels": ("instrument", "pitch")}
        model = kind_of_prior(codes.spec(fields), kind_of_prior.Config(**size))
        with torch.no_grad():
            for layer in (model.gates, *(model.readout.outs if kind == "grid" else model.readout.out)):
                layer.weight.mul_(100)  # so that labels make a difference
    path = folder / "model.safetensors"
    checkpoint.save(path, model, codes, {"data": {"name": "none"}, "steps": 0})
    return path


def coded(fields: tuple[Field, ...], kind: str) -> AudioCodes:
    """Codes of an autoencoder whose weights are random and whose codebook is spread over what comes of noise.

    ``grid`` has codes of places in frequency and time, ``frames`` several of each time.
    """
    sound = Spectrogram(samples=8000, n_fft=256, hop_length=64, phase="griffin_lim", iterations=1)
    size = {"strides": ((8, 2), (4, 2))} if kind == "grid" else {"strides": ((2,), (2,)), "groups": 4}
    config = VQVAE.Config(channels=(8, 8), blocks=1, codes=16, dim=4, **size)
    autoencoder = VQVAE(sound.spec(fields), config)
    autoencoder.train().loss(Batch(2 * torch.rand(8, *sound.spec().shape) - 1))
    return AudioCodes(autoencoder, sound)
