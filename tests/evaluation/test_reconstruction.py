from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from synthgen.checks import UserError
from synthgen.data.images import ImageSet, Pictures, divided
from synthgen.evaluation.reconstruction import held_out_nats, mean_psnr, psnr_by_axes, psnr_of_each, psnr_table
from synthgen.latent import LatentSpace
from synthgen.latent.points import example_points
from synthgen.models import VAE
from synthgen.records import Field
from synthgen.representations import Pixels

DIGIT = Field(name="digit", kind="category", size=2, names=("0", "1"))


def dataset(pixels, fields=()):
    x = np.random.default_rng(0).integers(0, 256, (60, 1, 4, 5), dtype=np.uint8)
    labels = {"digit": torch.arange(60) % 2} if fields else {}
    return ImageSet("noise", divided(Pictures(x=x, labels=labels), seed=0), pixels, fields=fields)


@pytest.fixture
def grey():
    return Pixels(height=4, width=5, levels=None)


def test_psnr_is_that_of_a_known_error(grey):
    data = dataset(grey)
    assert mean_psnr(lambda x: x, grey, data.test) == 60
    found = mean_psnr(lambda x: torch.where(x > 0, x - 0.2, x + 0.2), grey, data.test)
    assert found == pytest.approx(20, abs=1e-3)
    table = psnr_table(psnr_of_each({"same": lambda x: x}, grey, data.test, limit=3), pictures=3)
    assert table.splitlines()[0] == "| 3 held-out pictures | PSNR, dB |"
    assert table.splitlines()[2] == "| same | 60.00 |"
    with pytest.raises(UserError, match="limit=0 must be"):
        mean_psnr(lambda x: x, grey, data.test, limit=0)


def test_more_axes_rebuild_better(grey):
    data = dataset(grey)
    space = LatentSpace.fit(example_points(data.train, grey), axes=20, rng=torch.Generator())
    figures = psnr_by_axes(space, grey, data.test)
    assert list(figures) == ["1 axes", "2 axes", "4 axes", "8 axes", "16 axes", "20 axes"]
    values = list(figures.values())
    assert values == sorted(values)
    assert values[-1] == 60


@pytest.mark.parametrize("labels", [(), ("digit",)])
def test_the_bound_of_a_vae_that_ignores_its_latents_is_its_likelihood(labels):
    pixels = Pixels(height=4, width=5, levels=2)
    data = dataset(pixels, (DIGIT,))
    model = VAE(data.spec, VAE.Config(latents=2, channels=(4,), strides=((2, 2),), dim=4, labels=labels)).eval()
    for last in (model.down.dense[-1], model.up.body.head[1]):
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.zeros_(last.bias)
    nats = held_out_nats(model, pixels, data.test)
    assert nats.bound == pytest.approx(20 * math.log(2), rel=1e-5)
    assert nats.divergence == pytest.approx(0, abs=1e-6)
    assert nats.error == pytest.approx(0, abs=1e-4)
    assert nats.examples == 6 and not nats.density
    assert nats.table().splitlines()[0] == "| 6 held-out examples | nats per example |"
    torch.nn.init.ones_(model.down.dense[-1].bias)
    worse = held_out_nats(model, pixels, data.test)
    assert worse.divergence == pytest.approx(2 * 0.5 * (1 + math.e - 1 - 1), rel=1e-5)
    assert worse.bound == pytest.approx(nats.bound + worse.divergence, rel=1e-5)


def test_a_density_is_called_one(grey):
    data = dataset(grey)
    model = VAE(data.spec, VAE.Config(latents=2, channels=(4,), strides=((2, 2),), dim=4)).eval()
    nats = held_out_nats(model, grey, data.test, limit=4)
    assert nats.density and nats.examples == 4
    assert "of a density of values in [-1, 1]" in nats.table()
    assert held_out_nats(model, grey, data.test, limit=4) == nats
    assert held_out_nats(model, grey, data.test, limit=4, seed=1) != nats
