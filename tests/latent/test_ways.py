"""Ways draw what their models would, keep what they can, and say what cannot be used."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from synthgen import checkpoint
from synthgen.checks import UserError
from synthgen.data.images import Images, Pictures, category
from synthgen.latent.ways import PCA, by_run
from synthgen.models import VAE, Classifier, ConvAutoencoder
from synthgen.representations import Pixels

PIXELS = Pixels(height=8, width=8, channels=1, levels=None)
FIELDS = (category("class", ("a", "b")),)
SHAPE = {"channels": (4,), "strides": ((2, 2),), "seed_channels": 2, "dim": 4}


@pytest.fixture(scope="module")
def part() -> Images:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (30, 1, 8, 8), dtype=np.uint8)
    return Images(PIXELS.spec(FIELDS), Pictures(x=x, labels={"class": torch.arange(30) % 2}), provenance={})


def saved(folder, model, representation=PIXELS):
    checkpoint.save(folder / "model.safetensors", model, representation, {"minutes": 3.0})
    return folder


def same(way, seed=0):
    return way.draw(5, torch.Generator().manual_seed(seed))


def test_pca_keeps_more_by_more_axes_and_all_by_all(part):
    pca = PCA.fit(part, PIXELS, 29)
    x = PIXELS.encode(part.batch(torch.arange(30)).x)
    errors = [(pca.way(k).rebuild(x) - x).square().mean().item() for k in (1, 10, 29)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 1e-6 < errors[1]
    way = pca.way(10)
    assert way.name == "PCA, 10 axes" and way.numbers == 10 and way.minutes > 0
    made = same(way)
    assert made.shape == (5, 1, 8, 8) and made.min() >= 0 and made.max() <= 1
    with pytest.raises(UserError, match="axes=31 must be between 1 and 30"):
        PCA.fit(part, PIXELS, 31)


def test_an_autoencoder_has_two_ways(part, tmp_path):
    model = ConvAutoencoder(PIXELS.spec(FIELDS), ConvAutoencoder.Config(latents=3, **SHAPE)).eval()
    gaussian, mixture = by_run(saved(tmp_path / "net", model), lambda r: part, members=2)
    assert (gaussian.name, mixture.name) == ("net, Gaussian", "net, mixture of 2")
    assert gaussian.numbers == mixture.numbers == 3 and gaussian.minutes == 3 and mixture.rebuild is None
    x = PIXELS.encode(part.batch(torch.arange(4)).x)
    torch.testing.assert_close(gaussian.rebuild(x), model.decode(model.encode(x)))
    torch.testing.assert_close(same(gaussian), same(gaussian))
    assert not torch.allclose(same(gaussian), same(gaussian, seed=1)) and not torch.allclose(
        same(gaussian), same(mixture)
    )


@pytest.mark.parametrize("labels", [(), ("class",)])
def test_a_vae_draws_from_its_prior_with_labels_of_the_training_pictures(part, tmp_path, labels):
    model = VAE(PIXELS.spec(FIELDS), VAE.Config(latents=3, labels=labels, **SHAPE)).eval()
    (way,) = by_run(saved(tmp_path / "vae", model), lambda r: part)
    assert (way.rebuild is None) == bool(labels) and same(way).shape == (5, 1, 8, 8)
    rng = torch.Generator().manual_seed(0)
    told = {"class": part.pictures.labels["class"][torch.randint(30, (5,), generator=rng)]}
    torch.testing.assert_close(same(way), PIXELS.decode(model.sample(5, told, rng=rng)))


def test_what_makes_no_pictures(part, tmp_path, tiny_checkpoint):
    with pytest.raises(UserError, match="no such run"):
        by_run(tmp_path / "none", lambda r: part)
    with pytest.raises(UserError, match="makes no pictures; give a run of an image recipe"):
        by_run(tiny_checkpoint, lambda r: part)
    classifier = Classifier(PIXELS.spec(FIELDS), Classifier.Config(widths=(4,)))
    with pytest.raises(UserError, match="holds a Classifier, which makes no pictures"):
        by_run(saved(tmp_path / "eye", classifier), lambda r: part)
