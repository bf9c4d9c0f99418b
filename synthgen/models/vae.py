"""Variational autoencoder, with or without labels.

Kingma and Welling (2014, arXiv:1312.6114); with labels it is the conditional one of Sohn et al. (2015, "Learning
structured output representation using deep conditional generative models", section 4), whose prior does not depend on
the label.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from synthgen import checks
from synthgen.heads import HeadName
from synthgen.losses.kl import standard_normal_kl
from synthgen.nn.condition import LabelEncoder
from synthgen.records import Batch, DataSpec, Labels, Loss
from synthgen.signal.normal_noise import normal_noise

from .autoencoder import StridedConfig, StridedDown, StridedUp, check_strided
from .base import GenerativeModel, Latent
from .likelihood import LevelLikelihood, make_likelihood

MOST_LOG_VARIANCE = 10.0
"""Either way; keeps the first steps from overflowing."""


@dataclass(frozen=True)
class Posterior:
    """Independent normals over the latents.

    Attributes:
        mean: (B, latents).
        log_variance: (B, latents).
    """

    mean: Tensor
    log_variance: Tensor

    def at(self, noise: Tensor) -> Tensor:
        """The point (B, latents) that standard normal numbers become."""
        return self.mean + (0.5 * self.log_variance).exp() * noise


@dataclass(frozen=True)
class Bound:
    """The evidence lower bound and its parts, in nats per example, (B,) each.

    Attributes:
        log_likelihood: Of the example given a point of its posterior; a density where examples are continuous.
        divergence: Of the posterior from the prior.
    """

    log_likelihood: Tensor
    divergence: Tensor

    @property
    def elbo(self) -> Tensor:
        """A lower bound of the example's log probability."""
        return self.log_likelihood - self.divergence


class VAE(Latent, GenerativeModel):
    """Examples of any number of axes from a few normal numbers and, where `labels` are named, from labels."""

    @dataclass(frozen=True, kw_only=True)
    class Config(StridedConfig):
        """Size and shape of the network, and what it is given."""

        latents: int = 10
        """Numbers that an example becomes."""
        channels: tuple[int, ...] = (32, 64)
        """Width at each depth, fine to coarse."""
        strides: tuple[tuple[int, ...], ...] = ((2, 2), (2, 2))
        """Downsampling to each depth along each axis."""
        labels: tuple[str, ...] = ()
        """Labels that encoder and decoder are given: a conditional VAE; none if empty."""
        label_dropout: float = 0.0
        """Probability that a label is withheld in training."""
        head: HeadName = "bernoulli"
        """Likelihood of data with levels; continuous data have a Gaussian."""
        components: int = 5
        """Logistics of a mixture."""
        beta: float = 1.0
        """Weight of the divergence in training; 1 is the bound itself."""
        output: Literal["mean", "draw"] = "mean"
        """A sample is the likelihood's mean, as is customary for pictures, or is drawn from it, noise and all."""

    config: Config

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        check_config(spec, config)
        self.latents = config.latents
        self.likelihood = make_likelihood(spec, config.head, components=config.components)
        fields = tuple(spec.field(name) for name in config.labels)
        self.encoder = LabelEncoder(fields, config.dim, dropout=config.label_dropout) if fields else None
        extra = config.dim if fields else 0
        self.down = StridedDown(spec, config, outputs=2 * config.latents, extra=extra)
        parameters = replace(spec, shape=(self.likelihood.channels, *spec.shape[1:]), levels=None)
        self.up = StridedUp(parameters, config, inputs=config.latents + extra)
        if isinstance(self.likelihood, LevelLikelihood):
            self._start_at(self.likelihood.initial)

    def posterior(self, x: Tensor, labels: Labels) -> Posterior:
        """What an example (B, *spec.shape) says of its latents."""
        return self._posterior(x, self._vector(labels, len(x)))

    def encode(self, x: Tensor, labels: Labels | None = None) -> Tensor:
        """The means of the posteriors, (B, latents)."""
        return self.posterior(x, labels or {}).mean

    def decode(self, z: Tensor, labels: Labels | None = None) -> Tensor:
        """Points (B, latents) -> the likelihood's mean (B, *spec.shape), float32; levels may lie between whole ones."""
        return self.likelihood.mean(self._outputs(z, self._vector(labels or {}, len(z))))

    @torch.no_grad()
    def sample(self, n: int, labels: Labels, *, rng: torch.Generator) -> Tensor:
        z = normal_noise(n, (self.latents,), rng=rng)
        if self.config.output == "mean":
            return self.decode(z, labels)
        return self.likelihood.sample(self._outputs(z, self._vector(labels, n)), rng=rng)

    def bound(self, batch: Batch, *, rng: torch.Generator | None = None) -> Bound:
        """The bound of each example by one point of its posterior; `rng` None draws from torch's global generator."""
        vector = self._vector(batch.labels, len(batch))
        found = self._posterior(batch.x, vector)
        noise = torch.randn(found.mean.shape, generator=rng, device=found.mean.device)
        parameters = self._outputs(found.at(noise), vector)
        return Bound(self.likelihood.log_prob(parameters, batch.x), standard_normal_kl(found.mean, found.log_variance))

    def loss(self, batch: Batch) -> Loss:
        """The negative bound per entry, so that its gradient is of the same size whatever the example's."""
        bound = self.bound(batch)
        entries = batch.x[0].numel()
        total = (self.config.beta * bound.divergence - bound.log_likelihood).mean() / entries
        return Loss(total, {"nats": -bound.elbo.mean(), "divergence": bound.divergence.mean()})

    def _vector(self, labels: Labels, n: int) -> Tensor | None:
        return None if self.encoder is None else self.encoder(labels, n)

    def _posterior(self, x: Tensor, vector: Tensor | None) -> Posterior:
        checks.shape("example", x, (None, *self.spec.shape))
        if self.spec.levels is not None:
            x = x.float() * (2 / (self.spec.levels - 1)) - 1
        mean, log_variance = self.down(x, vector).float().chunk(2, dim=1)
        return Posterior(mean, log_variance.clamp(-MOST_LOG_VARIANCE, MOST_LOG_VARIANCE))

    def _outputs(self, z: Tensor, vector: Tensor | None) -> Tensor:
        checks.shape("point", z, (None, self.latents))
        return self.up(z if vector is None else torch.cat([z, vector.to(z.dtype)], dim=1)).float()

    @torch.no_grad()
    def _start_at(self, initial: Tensor) -> None:
        """Set the bias of the last convolution, which makes a patch of parameters at each position."""
        last = self.up.body.head[1]
        last.bias.copy_(initial.repeat_interleave(len(last.bias) // len(initial)))


def check_config(spec: DataSpec, config: VAE.Config) -> None:
    """Raise UserError unless such a network can be built for the data."""
    check_strided(spec, config)
    for name in config.labels:
        checks.one_of("label of the model", name, [field.name for field in spec.fields])
    checks.between("label_dropout", config.label_dropout, 0, 1)
    checks.between("beta", config.beta, 0, 1e6)
    checks.one_of("output", config.output, get_args(Literal["mean", "draw"]))
