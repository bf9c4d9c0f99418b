"""Generative adversarial network (Goodfellow et al., 2014, arXiv:1406.2661) for examples of any dimension."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from synthgen import checks
from synthgen.nn.condition import LabelEncoder
from synthgen.nn.conv import normalize
from synthgen.records import Batch, DataSpec, Labels, Loss
from synthgen.signal.normal_noise import normal_noise

from .adversarial import AdversarialModel, Rules
from .base import Latent
from .critic import Critic
from .decoder import Criterion, Decoder, Upsampler, check_config, mean_absolute_error


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
        """Length of the noise vector; 0 for a generator that makes one example of given labels."""
        reconstruction: float = 0.0
        """Weight of the error beside the game, for a generator that is to make the very example of the labels."""
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
        bounded: bool = True
        """Bend what is generated into [-1, 1] by a hyperbolic tangent: it cannot run away from the critic."""
        normalized: bool = False
        """Batch normalisation in both networks, as DCGAN has it; penalties have no meaning with it."""

        @property
        def labels(self) -> tuple[str, ...]:
            """Labels that both networks are given."""
            return self.generator.labels

    config: Config

    def __init__(self, spec: DataSpec, config: Config, criterion: Criterion = mean_absolute_error) -> None:
        """`criterion` is the error that `Config.reconstruction` weighs."""
        super().__init__(spec, config, config.rules)
        checks.between("latents", config.latents, 0 if config.labels else 1, 8192)
        checks.between("reconstruction", config.reconstruction, 0, 1e6)
        self.latents, self.criterion = config.latents, criterion
        self.generator = Generator(spec, config.generator, latents=config.latents, bounded=config.bounded)
        self.critic = Critic(spec, config.critic, config.generator.labels)
        if config.normalized:
            if config.rules.r1 or config.rules.gradient_penalty:
                raise checks.UserError(
                    "normalized=True: a slope of one example means nothing; set r1 and the penalty 0"
                )
            normalize(self.generator, spec.ndim)
            normalize(self.critic, spec.ndim)
        self.lay_out()

    def loss(self, batch: Batch) -> Loss:
        made = self.fake(batch)
        game = self.game_loss(made, batch.labels)
        if not self.config.reconstruction:
            return game
        error = self.criterion(made.float(), batch)
        return Loss(game.total + self.config.reconstruction * error.total, {**game.parts, **error.parts})

    def adopt(self, decoder: Decoder) -> None:
        """Give the generator the weights of a decoder of its shape, to go on training from."""
        own = self.generator.state_dict()
        self.generator.load_state_dict(own | decoder.state_dict())

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


def hinge_r1(config: GAN.Config) -> GAN.Config:
    """Hinge and R1 (Mescheder et al., 2018) of the weight that is set."""
    return replace(config, rules=replace(config.rules, game="hinge", gradient_penalty=0.0), normalized=False)


def wgan_gp(config: GAN.Config) -> GAN.Config:
    """Wasserstein distance with a gradient penalty (Gulrajani et al., 2017, arXiv:1704.00028).

    The critic takes one step for each of the generator's, as Karras et al. (2018), and the penalty comes every other.
    """
    rules = replace(config.rules, game="wasserstein", r1=0.0, gradient_penalty=10.0, every=2)
    return replace(config, rules=rules, normalized=False)


def dcgan(config: GAN.Config) -> GAN.Config:
    """Logistic game and batch normalisation (Radford et al., 2016, arXiv:1511.06434), in this module's networks.

    Theirs have no residual blocks, and noise enters at the first level alone.
    """
    rules = replace(config.rules, game="nonsaturating", r1=0.0, gradient_penalty=0.0)
    return replace(config, rules=rules, normalized=True)


KINDS: dict[str, Callable[[GAN.Config], GAN.Config]] = {"hinge_r1": hinge_r1, "wgan_gp": wgan_gp, "dcgan": dcgan}
"""Known GANs as changes of any configuration."""


class Generator(nn.Module):
    """Noise through two dense layers, plus labels, as the vector of an `Upsampler`."""

    def __init__(self, spec: DataSpec, config: Decoder.Config, *, latents: int, bounded: bool) -> None:
        super().__init__()
        self.bounded = bounded
        if config.body != "cnn":
            raise checks.UserError(f"body={config.body!r} of a generator must be 'cnn'")
        check_config(spec, config)
        self.mapping = mapping(latents, config.dim) if latents else None
        fields = tuple(spec.field(name) for name in config.labels)
        table = 64 if config.encoding == "embedding" else None
        self.encoder = LabelEncoder(fields, config.dim, table=table, dropout=config.label_dropout) if fields else None
        self.body = Upsampler(spec, config)

    def forward(self, z: Tensor, labels: Labels) -> Tensor:
        """Noise (n, latents) and labels -> examples (n, *spec.shape)."""
        parts = [self.mapping(z)] if self.mapping else []
        parts += [self.encoder(labels, len(z))] if self.encoder else []
        x = self.body(sum(parts), labels)
        return x.tanh() if self.bounded else x


def mapping(latents: int, dim: int) -> nn.Sequential:
    """Noise (n, latents) -> vectors (n, dim) of unit variance, so that noise matters from the first step on."""
    return nn.Sequential(
        nn.Linear(latents, dim), nn.SiLU(), nn.Linear(dim, dim), nn.LayerNorm(dim, elementwise_affine=False)
    )


def as_decoder(model: GAN) -> Decoder:
    """The generator alone, where it takes no noise: a `Decoder` like any that was trained without a critic.

    Raises:
        UserError: it takes noise, or is bounded.
    """
    checks.equal("latents", model.latents, "those of a decoder", 0)
    checks.equal("bounded", model.config.bounded, "that of a decoder", False)
    decoder = Decoder(model.spec, model.config.generator)
    decoder.load_state_dict(model.generator.state_dict())
    return decoder.eval().requires_grad_(False)
