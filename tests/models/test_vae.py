from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from synthgen import checkpoint
from synthgen.checks import UserError
from synthgen.losses.kl import standard_normal_kl
from synthgen.models import MODELS, VAE, ConvAutoencoder, GenerativeModel
from synthgen.models.base import Latent
from synthgen.models.likelihood import make_likelihood
from synthgen.records import Batch, DataSpec, Field
from synthgen.representations import Pixels, Spectrogram

DIGIT = Field(name="digit", kind="category", size=3, names=("0", "1", "2"))
SMALL = VAE.Config(latents=3, channels=(8, 8), seed_channels=4, dim=16)
CASES = {
    "waveform": ((1, 203), None, ((4,), (4,)), "bernoulli"),
    "spectrogram": ((2, 33, 21), None, ((4, 2), (2, 2)), "bernoulli"),
    "black and white": ((1, 9, 7), 2, ((2, 2), (2, 2)), "bernoulli"),
    "levels in colour": ((3, 8, 8), 16, ((2, 2), (2, 2)), "logistic_mixture"),
    "softmax": ((2, 8, 8), 5, ((2, 2), (2, 1)), "categorical"),
}


def made(case, **changes):
    shape, levels, strides, head = CASES[case]
    spec = DataSpec(shape=shape, levels=levels, fields=(DIGIT,))
    return VAE(spec, replace(SMALL, strides=strides, head=head, **changes)).eval()


def examples(spec, n=4):
    return torch.rand(n, *spec.shape) * 2 - 1 if spec.levels is None else torch.randint(spec.levels, (n, *spec.shape))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_what_each_is():
    assert MODELS["vae"] is VAE and issubclass(VAE, Latent) and issubclass(VAE, GenerativeModel)
    assert MODELS["autoencoder"] is ConvAutoencoder and not issubclass(ConvAutoencoder, GenerativeModel)


@pytest.mark.parametrize("case", CASES)
def test_any_number_of_axes_is_coded_and_drawn(case):
    model = made(case, labels=("digit",))
    batch = Batch(examples(model.spec), {"digit": torch.tensor([0, 1, 2, -1])})
    bound = model.bound(batch)
    assert bound.elbo.shape == (4,)
    assert torch.isfinite(bound.elbo).all() and (bound.divergence >= 0).all()
    assert model.encode(batch.x, batch.labels).shape == (4, 3)
    labels = {"digit": torch.tensor([2, 0])}
    drawn = model.sample(2, labels, rng=generator())
    assert drawn.shape == (2, *model.spec.shape)
    assert torch.equal(model.sample(2, labels, rng=generator()), drawn)
    alone = model.sample(1, {"digit": torch.tensor([2])}, rng=generator())
    torch.testing.assert_close(alone, drawn[:1], atol=1e-5, rtol=1e-4)
    if model.spec.levels is not None:
        assert drawn.min() >= 0 and drawn.max() <= model.spec.levels - 1


@pytest.mark.parametrize("case", ["spectrogram", "black and white", "levels in colour"])
def test_draws_scatter_about_the_mean(case):
    model = made(case, output="draw")
    z = torch.randn(1, 3)
    mean = model.decode(z)
    parameters = model._outputs(z, None).expand(600, *[-1] * (model.spec.ndim + 1))
    drawn = model.likelihood.sample(parameters, rng=generator()).float()
    spread = drawn.std(0).clamp(min=0.1) / math.sqrt(600)
    assert ((drawn.mean(0) - mean[0]).abs() / spread).mean() < 1.2
    if model.spec.levels is not None:
        assert model.sample(2, {}, rng=generator()).dtype == torch.int64


def test_the_divergence_is_that_of_torch():
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    q = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(standard_normal_kl(mean, log_variance), expected)


def test_a_gaussian_likelihood_is_that_of_torch():
    likelihood = make_likelihood(DataSpec(shape=(2, 3)), "bernoulli", components=1)
    x, mean = torch.randn(4, 2, 3), torch.randn(4, 2, 3)
    expected = torch.distributions.Normal(mean, likelihood.log_deviation.exp()).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(likelihood.log_prob(mean, x), expected)


def test_probabilities_of_all_small_pictures_sum_to_one():
    likelihood = make_likelihood(DataSpec(shape=(2, 1, 2), levels=2), "bernoulli", components=1)
    every = torch.cartesian_prod(*[torch.arange(2)] * 4).view(16, 2, 1, 2)
    parameters = torch.randn(1, 2, 1, 2).expand(16, -1, -1, -1)
    torch.testing.assert_close(likelihood.log_prob(parameters, every).exp().sum(), torch.tensor(1.0))


def test_the_bound_lies_below_the_likelihood():
    """On one latent the likelihood is an integral that can be computed."""
    model = made("black and white", latents=1)
    with torch.no_grad():
        for parameter in model.up.parameters():
            parameter.mul_(2)
    x = examples(model.spec, 1)
    grid = torch.linspace(-6, 6, 2001)[:, None]
    with torch.no_grad():
        log_px = model.likelihood.log_prob(model._outputs(grid, None), x.expand(2001, -1, -1, -1))
        prior = torch.distributions.Normal(0.0, 1.0).log_prob(grid[:, 0])
        exact = torch.logsumexp(log_px + prior, 0) + math.log(12 / 2000)
        many = Batch(x.expand(4000, -1, -1, -1))
        assert model.bound(many).elbo.mean() < exact + 0.05


def test_every_weight_learns_and_labels_matter():
    model = made("black and white", labels=("digit",)).train()
    for labels in ({"digit": torch.tensor([0, 1, 2, 0])}, {"digit": torch.tensor([-1, 1, -1, -1])}):
        model.loss(Batch(examples(model.spec), labels)).total.backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    z = torch.zeros(2, 3)
    a, b = model.decode(z, {"digit": torch.tensor([0, 1])})
    assert not torch.allclose(a, b)


def test_it_learns_which_of_two_pictures():
    model = made("black and white").train()
    x = torch.zeros(2, 1, 9, 7, dtype=torch.int64)
    x[1, :, 2:7] = 1
    batch = Batch(x.repeat(4, 1, 1, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.006)
    for _ in range(60):
        optimizer.zero_grad()
        loss = model.loss(batch)
        loss.total.backward()
        optimizer.step()
    assert loss.parts["nats"] < 15  # the floor is log 2 = 0.7, before training it is 63 log 2 = 44
    rebuilt = model.eval().decode(model.encode(x)).round().long()
    assert torch.equal(rebuilt, x)


@pytest.mark.parametrize("changes", [{}, {"labels": ("digit",), "output": "draw"}])
def test_a_checkpoint_gives_the_same_samples(tmp_path, changes):
    pixels = Pixels(height=9, width=7, levels=2)
    model = VAE(pixels.spec((DIGIT,)), replace(SMALL, **changes)).eval()
    checkpoint.save(tmp_path / "m.safetensors", model, pixels, {})
    loaded = checkpoint.load(tmp_path / "m.safetensors").model
    labels = {"digit": torch.tensor([0, 2])}
    assert torch.equal(loaded.sample(2, labels, rng=generator()), model.sample(2, labels, rng=generator()))


def test_spectrograms_of_notes_are_coded_and_heard():
    spectrogram = Spectrogram(samples=4000, n_fft=256, hop_length=64, iterations=1)
    model = VAE(spectrogram.spec(), replace(SMALL, strides=((4, 2), (4, 2))))
    note = torch.sin(torch.arange(4000) * 0.2)[None, None]
    loss = model.loss(Batch(spectrogram.encode(note)))
    loss.total.backward()
    heard = spectrogram.decode(model.eval().sample(2, {}, rng=generator()), rng=generator())
    assert heard.shape == (2, 1, 4000)
    assert torch.isfinite(heard).all()


@pytest.fixture
def faces():
    return DataSpec(shape=(3, 9, 10))


def test_an_autoencoder_learns_a_few_pictures(faces):
    config = ConvAutoencoder.Config(latents=2, channels=(8, 8), strides=((2, 2), (2, 2)), dim=16)
    model, x = ConvAutoencoder(faces, config).train(), torch.rand(4, 3, 9, 10) * 2 - 1
    optimizer, batch = torch.optim.Adam(model.parameters(), lr=0.01), Batch(x)
    first = model.loss(batch).total.item()
    for _ in range(60):
        optimizer.zero_grad()
        loss = model.loss(batch).total
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.5 * first
    assert model.decode(model.encode(x)).shape == x.shape


def test_what_is_learned_beside_pca_begins_near_it(faces, tmp_path):
    config = ConvAutoencoder.Config(latents=2, channels=(8, 8), strides=((2, 2), (2, 2)), dim=16, linear=True)
    model = ConvAutoencoder(faces, config).eval()
    x = torch.randn(6, *faces.shape)
    directions = torch.linalg.qr(torch.randn(270, 2))[0].T
    middle, deviations = torch.randn(270), torch.tensor([3.0, 0.5])
    model.start_at(middle, directions, deviations)
    expected = ((x.flatten(1) - middle) @ directions.T) @ directions + middle
    distance = (model.decode(model.encode(x)).flatten(1) - expected).square().mean()
    assert distance < 0.05 * expected.var()
    assert model.loss(Batch(x)).total.requires_grad
    pixels = Pixels(height=9, width=10, channels=3, levels=None)
    model = ConvAutoencoder(pixels.spec(), config).eval()
    model.start_at(middle, directions, deviations)
    checkpoint.save(tmp_path / "m.safetensors", model, pixels, {})
    assert torch.equal(checkpoint.load(tmp_path / "m.safetensors").model.encode(x), model.encode(x))
    with pytest.raises(UserError, match=r"directions has shape \(3, 270\), expected \(2, 270\)"):
        model.start_at(middle, torch.zeros(3, 270), deviations)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latents": 0}, "latents=0 must be"),
        ({"channels": ()}, "number of channels=0 must be"),
        ({"channels": (8,)}, "number of strides=2 must equal number of channels=1"),
        ({"strides": ((2, 2), (2,))}, "length of a stride=1 must equal number of axes=2"),
        ({"strides": ((2, 2), (2, 99))}, "stride=99 must be"),
        ({"labels": ("digti",)}, "label of the model='digti' is not known; did you mean 'digit'"),
        ({"head": "categorical", "dropout": 2}, "dropout=2 must be"),
        ({"head": "gauss"}, "head='gauss' is not known"),
        ({"beta": -1}, "beta=-1 must be"),
        ({"output": "mode"}, "output='mode' is not known"),
        ({"dim": 10**6}, "channels, seed_channels or dim=1000000 must be"),
    ],
)
def test_bad_settings_are_named(changes, message):
    with pytest.raises(UserError, match=message):
        VAE(DataSpec(shape=(1, 9, 7), levels=2, fields=(DIGIT,)), replace(SMALL, **changes))


def test_an_autoencoder_takes_no_levels_and_only_its_size(faces):
    config = ConvAutoencoder.Config(latents=2, channels=(8,), strides=((2, 2),), dim=8)
    with pytest.raises(UserError, match="levels=2 of the examples must be none"):
        ConvAutoencoder(DataSpec(shape=(1, 8, 8), levels=2), config)
    model = ConvAutoencoder(faces, config)
    with pytest.raises(UserError, match=r"example has shape \(1, 3, 9, 9\)"):
        model.encode(torch.zeros(1, 3, 9, 9))
    with pytest.raises(UserError, match=r"point has shape \(1, 3\)"):
        model.decode(torch.zeros(1, 3))
    with pytest.raises(UserError, match="linear=False has no linear part"):
        model.start_at(torch.zeros(270), torch.zeros(2, 270), torch.ones(2))
