"""The same calls for pictures and for notes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from synthgen import checkpoint
from synthgen.checks import UserError
from synthgen.data.images import ImageSet, Pictures, divided
from synthgen.latent import LatentSpace
from synthgen.latent.attributes import directions, write_attributes
from synthgen.latent.drawing import FromExamples, FromLabels, FromLatents, label_space, label_vectors, morph
from synthgen.latent.points import example_points, fit_examples, latent_points, multihot_direction
from synthgen.latent.sheets import write_vae
from synthgen.models import VAE, ConvAutoencoder, Decoder
from synthgen.records import Field
from synthgen.representations import Pixels, Spectrogram

PIXELS = Pixels(height=8, width=8, channels=3, levels=None)
CHAIR = Field(name="chair", kind="category", size=4, names=("a", "b", "c", "d"))
FLAGS = Field(name="attributes", kind="multihot", size=3, names=("Bald", "Smiling", "Young"))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def faces():
    """Noise, lighter above where the first flag is set and below where the second is; the two often go together."""
    rng = np.random.default_rng(0)
    flags = rng.integers(0, 2, (240, 3))
    flags[:, 1] = np.where(rng.random(240) < 0.7, flags[:, 0], flags[:, 1])
    x = rng.normal(100, 6, (240, 3, 8, 8))
    x[:, :, :4] += 60 * flags[:, 0, None, None, None]
    x[:, :, 4:] += 60 * flags[:, 1, None, None, None]
    pictures = Pictures(
        x=x.clip(0, 255).astype(np.uint8), labels={"attributes": torch.tensor(flags, dtype=torch.float32)}
    )
    return ImageSet("faces", divided(pictures, seed=0), PIXELS, fields=(FLAGS,))


@pytest.fixture(scope="module")
def chairs():
    config = Decoder.Config(labels=("chair",), dim=16, channels=(8, 8), strides=((2, 2),), patch=(2, 2))
    return Decoder(PIXELS.spec((CHAIR,)), config).eval()


def test_two_chairs_and_two_instruments_morph_by_the_same_call(chairs, tiny_checkpoint):
    notes = checkpoint.load(tiny_checkpoint)
    pitch = {"pitch": torch.tensor([60.0]), "velocity": torch.tensor([100.0])}
    cases = [
        (chairs, PIXELS, "chair", ["a", "c"], {}),
        (notes.model, notes.representation, "instrument", ["flute", "violin"], pitch),
    ]
    for model, representation, name, ends, labels in cases:
        points = label_vectors(model, name, ends)
        space = label_space(model, name, rng=generator())
        drawer = FromLabels(model=model, representation=representation, name=name, labels=labels)
        media = morph(drawer, space, points, steps=3)
        assert len(media) == 4
        names = model.spec.field(name).names
        for place, end in ((0, ends[0]), (-1, ends[1])):
            told = {**labels, name: torch.tensor([names.index(end)])}
            x = model.sample(1, told, rng=generator())
            torch.testing.assert_close(media[place], representation.decode(x, rng=generator())[0], atol=1e-4, rtol=1e-3)
        assert (media[1] - media[0]).abs().max() > 0
        assert torch.isfinite(drawer(space.sample(2, rng=generator()))).all()


def test_labels_that_have_no_vectors_are_named(chairs, tiny_checkpoint):
    with pytest.raises(UserError, match="label chair='e' is not known"):
        label_vectors(chairs, "chair", ["e"])
    with pytest.raises(UserError, match=r"label pitch is a number \(ordinal\)"):
        label_vectors(checkpoint.load(tiny_checkpoint).model, "pitch", ["60"])
    with pytest.raises(UserError, match="the model is not given the label chair"):
        label_vectors(VAE(PIXELS.spec((CHAIR,)), VAE.Config(channels=(4,), strides=((2, 2),), dim=4)), "chair", ["a"])


def test_one_hot_labels_have_vectors_too(chairs):
    config = Decoder.Config(labels=("chair",), encoding="onehot", dim=8, channels=(8,), strides=(), patch=(2, 2))
    model = Decoder(PIXELS.spec((CHAIR,)), config).eval()
    assert torch.equal(label_vectors(model, "chair", ["c"]), torch.eye(4)[2:3])


def test_pca_of_pictures_and_of_log_spectrograms(faces):
    space = fit_examples(faces.train, PIXELS, axes=2, rng=generator())
    points = example_points(faces.test, PIXELS)
    assert (space.reconstruct(points) - points).square().mean() < 0.1 * points.var()
    media = FromExamples(representation=PIXELS)(space.sweep(0, steps=3))
    assert media.shape == (3, 3, 8, 8)
    assert media.min() >= 0 and media.max() <= 1
    parts = fit_examples(faces.train, PIXELS, axes=2, at_once=50, rng=generator())
    torch.testing.assert_close(parts.reconstruct(points), space.reconstruct(points), atol=0.05, rtol=0)
    with pytest.raises(UserError, match="axes=500 must be between 1 and 192"):
        fit_examples(faces.train, PIXELS, axes=500, rng=generator())
    with pytest.raises(UserError, match="at_once=5 must be between 10"):
        fit_examples(faces.train, PIXELS, axes=10, at_once=5, rng=generator())

    spectrogram = Spectrogram(samples=2000, n_fft=128, hop_length=32, phase="griffin_lim", iterations=1)
    notes = torch.stack([torch.sin(torch.arange(2000) * w)[None] for w in torch.linspace(0.1, 1, 12)])
    space = LatentSpace.fit(spectrogram.encode(notes), axes=3, rng=generator())
    heard = FromExamples(representation=spectrogram)(space.sweep(1, steps=2))
    assert heard.shape == (2, 1, 2000)
    assert torch.isfinite(heard).all()


def test_an_autoencoder_beside_pca_begins_as_good(faces):
    pca = fit_examples(faces.train, PIXELS, axes=3, rng=generator())
    config = ConvAutoencoder.Config(latents=3, channels=(8,), strides=((2, 2),), dim=8, linear=True)
    model = ConvAutoencoder(faces.spec, config).eval()
    model.start_at(pca.axes.middle, pca.axes.directions, pca.axes.deviations)
    points = latent_points(model, PIXELS, faces.train)
    space = LatentSpace.fit(points, density="mixture", members=2, rng=generator())
    drawn = FromLatents(model=model, representation=PIXELS)(space.sample(70, rng=generator()))
    real = torch.from_numpy(faces.train.pictures.x / 255).float()
    assert (drawn.mean(0) - real.mean(0)).abs().mean() < 0.05
    x = example_points(faces.test, PIXELS)
    errors = [(rebuilt - x).square().mean() for rebuilt in (model.decode(model.encode(x)), pca.reconstruct(x))]
    assert errors[0] < 1.2 * errors[1]


def test_a_flag_that_goes_with_another_is_told_apart(faces):
    points = example_points(faces.train, PIXELS)
    flags = faces.train.pictures.labels["attributes"]
    found = multihot_direction(points, flags, 1)
    lighter = 2 * 60 / 255
    assert found[:, 4:].mean() == pytest.approx(lighter, rel=0.1)
    assert found[:, :4].mean().abs() < 0.1 * lighter  # the difference of means would have more than half of it
    difference = points[flags[:, 1] == 1].mean(0) - points[flags[:, 1] == 0].mean(0)
    assert difference[:, :4].mean() > 0.4 * lighter
    unknown = torch.cat([flags, torch.full((1, 3), torch.nan)])
    torch.testing.assert_close(multihot_direction(torch.cat([points, points[:1] + 100]), unknown, 1), found)
    with pytest.raises(UserError, match="flag 0 is set in 192 of 192 points"):
        multihot_direction(points, torch.ones_like(flags), 0)


def test_attributes_are_added_to_those_that_lack_them(faces, tmp_path):
    model = VAE(faces.spec, VAE.Config(latents=4, channels=(8,), strides=((2, 2),), dim=8)).eval()
    assert directions(model, PIXELS, faces.train, ["Young"])["Young"].shape == (4,)
    write_attributes(tmp_path / "a.png", model, PIXELS, faces, names=["Smiling", "Young"])
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.size[0] > 10 * 8
    with pytest.raises(UserError, match="attribute='Smilling' is not known; did you mean 'Smiling'"):
        directions(model, PIXELS, faces.train, ["Smilling"])
    plain = ImageSet("plain", divided(Pictures(x=faces.train.pictures.x), seed=0), PIXELS)
    with pytest.raises(UserError, match="have no attributes"):
        directions(model, PIXELS, plain.train, ["Smiling"])


@pytest.mark.parametrize("labels", [(), ("chair",)])
def test_sheets_of_a_vae(tmp_path, labels):
    rng = np.random.default_rng(0)
    pictures = Pictures(x=rng.integers(0, 255, (40, 3, 8, 8), np.uint8), labels={"chair": torch.arange(40) % 4})
    data = ImageSet("chairs", divided(pictures, seed=0), PIXELS, fields=(CHAIR,))
    model = VAE(data.spec, VAE.Config(latents=3, channels=(8,), strides=((2, 2),), dim=8, labels=labels)).eval()
    first = write_vae(tmp_path / "samples", model, PIXELS, data.test)
    names = {path.name for path in (tmp_path / "samples").iterdir()}
    assert names == {"sheet.png", "sweep.png", "path.png", "path.gif", *(["classes.png"] if labels else [])}
    with Image.open(tmp_path / "samples" / "path.gif") as gif:
        assert gif.n_frames > 1  # frames that look alike are one
    before = first.read_bytes()
    write_vae(tmp_path / "samples", model, PIXELS, data.test)
    assert first.read_bytes() == before
