"""Generative adversarial network (Goodfellow et al., 2014, arXiv:1406.2661) for examples of any dimension."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from synthgen import checks
from synthgen.nn.condition import LabelEncoder
from synthgen.records import Batch, DataSpec, Labels
from synthgen.signal.normal_noise import normal_noise

from .adversarial import AdversarialModel, Rules
from .base import Latent
from .critic import Critic
from .decoder import Decoder, Upsampler, check_config


class GAN(AdversarialModel, Latent):
    """Noise, and labels where there are any, to an example.

    The network is that of `Decoder`, so that noise and labels shape every level of it and not the first alone
    (self-modulation; Chen et al., 2019, arXiv:1810.01365).

    Attributes:
        latents: Length of the noise vector.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Size and shape of both networks, and how they learn."""

        latents: int = 64
        """Length of the noise vector."""
        generator: Decoder.Config = field(
            default_factory=lambda: Decoder.Config(
                labels=(),
                dim=128,
                channels=(128, 128, 64, 64, 32, 32),
                strides=((1, 1), (2, 2), (1, 1), (2, 2), (1, 1)),
                patch=(2, 2),
            )
        )
        """The generator; its labels are the critic's too."""
        critic: Critic.Config = field(default_factory=Critic.Config)
        """The critic."""
        rules: Rules = field(default_factory=Rules)
        """How both learn."""

    config: Config

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config, config.rules)
        checks.between("latents", config.latents, 1, 8192)
        self.latents = config.latents
        self.generator = Generator(spec, config.generator, latents=config.latents)
        self.critic = Critic(spec, config.critic, config.generator.labels)

    def fake(self, batch: Batch) -> Tensor:
        z = torch.randn(len(batch), self.latents, device=batch.x.device)
        return self.generator(z, batch.labels)

    def score(self, x: Tensor, labels: Labels) -> Tensor:
        return self.critic(x, labels)

    @torch.no_grad()
    def decode(self, z: Tensor, labels: Labels) -> Tensor:
        """Noise (n, latents) and labels -> examples (n, *spec.shape)."""
        checks.shape("noise", z, (None, self.latents))
        return self.generator(z, labels).float()

    @torch.no_grad()
    def sample(self, n: int, labels: Labels, *, rng: torch.Generator) -> Tensor:
        return self.decode(normal_noise(n, (self.latents,), rng=rng), labels)


class Generator(nn.Module):
    """Noise through two dense layers, plus labels, as the vector of an `Upsampler`."""

    def __init__(self, spec: DataSpec, config: Decoder.Config, *, latents: int) -> None:
        super().__init__()
        if config.body != "cnn":
            raise checks.UserError(f"body={config.body!r} of a generator must be 'cnn'")
        check_config(spec, config)
        self.mapping = mapping(latents, config.dim)
        fields = tuple(spec.field(name) for name in config.labels)
        table = 64 if config.encoding == "embedding" else None
        self.encoder = LabelEncoder(fields, config.dim, table=table, dropout=config.label_dropout) if fields else None
        self.body = Upsampler(spec, config)

    def forward(self, z: Tensor, labels: Labels) -> Tensor:
        """Noise (n, latents) and labels -> examples (n, *spec.shape)."""
        vector = self.mapping(z)
        if self.encoder:
            vector = vector + self.encoder(labels, len(z))
        return self.body(vector, labels)


def mapping(latents: int, dim: int) -> nn.Sequential:
    """Noise (n, latents) -> vectors (n, dim)."""
    return nn.Sequential(nn.Linear(latents, dim), nn.SiLU(), nn.Linear(dim, dim))
