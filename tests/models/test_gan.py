from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from synthgen import checkpoint
from synthgen.checks import UserError
from synthgen.models import GAN, MODELS, Decoder, GenerativeModel
from synthgen.models.adversarial import Rules
from synthgen.models.base import Latent
from synthgen.models.critic import Critic, Spread
from synthgen.models.gan import KINDS, as_decoder, mapping
from synthgen.records import Batch, DataSpec, Field
from synthgen.representations import Pixels

KIND = Field(name="kind", kind="category", size=3, names=("a", "b", "c"))
HEIGHT = Field(name="height", kind="ordinal", size=2, values=(0.0, 10.0))


def tiny(ndim: int, *, labels: tuple[str, ...] = (), **change) -> GAN.Config:
    generator = Decoder.Config(labels=labels, dim=8, channels=(8, 6), strides=((2,) * ndim,), patch=(2,) * ndim)
    critic = Critic.Config(channels=(6, 8), strides=((2,) * ndim,) * 2)
    return replace(GAN.Config(latents=5, generator=generator, critic=critic), **change)


def build(shape: tuple[int, ...], *, labels: tuple[str, ...] = (), **change) -> GAN:
    torch.manual_seed(0)
    spec = DataSpec(shape=shape, fields=(KIND, HEIGHT))
    return GAN(spec, tiny(len(shape) - 1, labels=labels, **change)).eval()


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_noise_matters_from_the_first_step_on():
    torch.manual_seed(0)
    with torch.no_grad():
        vectors = mapping(64, 128)(torch.randn(500, 64))
    assert vectors.var(0).mean() > 0.5, "most of a vector's variance, which is 1, must come from the noise"


def test_it_is_a_generative_model_that_checkpoints_know():
    assert MODELS["gan"] is GAN and issubclass(GAN, GenerativeModel) and issubclass(GAN, Latent)


@pytest.mark.parametrize("shape", [(1, 16), (2, 13), (3, 8, 12), (1, 9, 7), (1, 4, 8, 4)])
@pytest.mark.parametrize("scores", ["whole", "places"])
def test_examples_of_any_size_and_dimension(shape, scores):
    model = build(shape)
    critic = replace(model.config.critic, scores=scores)
    model = build(shape, critic=critic)
    x = model.sample(3, {}, rng=rng())
    assert x.shape == (3, *shape) and x.dtype == torch.float32
    found = model.score(x, {})
    assert found.shape[0] == 3 and found.ndim == (1 if scores == "whole" else 2)
    for phase in model.phases():
        assert phase.loss(Batch(torch.randn(4, *shape))).total.isfinite()


def test_the_same_noise_gives_the_same_example_whatever_the_batch():
    model = build((3, 8, 8))
    five, two = model.sample(5, {}, rng=rng(1)), model.sample(2, {}, rng=rng(1))
    torch.testing.assert_close(five[:2], two, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(five[0], five[1], atol=1e-4)
    assert not torch.allclose(two, model.sample(2, {}, rng=rng(2)), atol=1e-4)


def test_labels_shape_examples_and_scores():
    model = build((1, 16), labels=("kind", "height"))
    z = torch.randn(1, 5).expand(3, -1)
    by_kind = model.decode(z, {"kind": torch.tensor([0, 1, -1])})
    assert (by_kind[0] - by_kind[1]).abs().max() > 1e-5 and (by_kind[0] - by_kind[2]).abs().max() > 1e-5
    scores = model.score(by_kind[:1].expand(3, -1, -1), {"kind": torch.tensor([0, 1, -1])})
    assert len(set(scores.tolist())) == 3
    blend = torch.tensor([[0.5, 0.5, 0.0]])
    assert model.sample(1, {"kind": blend, "height": torch.tensor([3.0])}, rng=rng()).shape == (1, 1, 16)


def test_only_the_turn_of_each_phase_moves_its_network():
    model = build((3, 8, 8)).train()
    critic, generator = model.phases()
    assert critic.module is model.critic and generator.module is model.generator is model.averaged()
    critic.loss(Batch(torch.randn(4, 3, 8, 8))).total.backward()
    assert all(p.grad is None for p in model.generator.parameters())
    assert all(p.grad is not None for p in model.critic.parameters())
    model.zero_grad(set_to_none=True)
    generator.loss(Batch(torch.randn(4, 3, 8, 8))).total.backward()
    assert all(p.grad is not None for p in model.generator.parameters())


@pytest.mark.parametrize("rules", [Rules(r1=1e4, every=3), Rules(r1=0.0, gradient_penalty=10.0, every=3)])
def test_penalties_come_every_so_many_steps_and_weigh_as_much_more(rules):
    model, batch, found = build((3, 8, 8), rules=rules).train(), Batch(torch.randn(4, 3, 8, 8)), []
    for _ in range(7):
        model.advance(0.0)
        found.append("penalty" in model.critic_loss(batch).parts)
    assert found == [False, False, True, False, False, True, False]
    model.steps.fill_(3)
    torch.manual_seed(0)
    loss = model.critic_loss(batch)
    model.eval()
    torch.manual_seed(0)
    plain = model.critic_loss(batch)
    assert (loss.total - plain.total).item() == pytest.approx(3 * loss.parts["penalty"].item(), rel=1e-3)
    assert loss.parts["penalty"] > 0


def test_a_generator_that_repeats_itself_is_seen():
    one = torch.randn(1, 4, 6)
    same, apart = Spread()(one.repeat(8, 1, 1))[:, 4], Spread()(torch.randn(8, 4, 6))[:, 4]
    assert same.max() < 1e-3 and apart.min() > 0.2
    assert Spread()(torch.randn(5, 2, 3)).shape == (5, 3, 3)
    assert Spread()(torch.randn(1, 2, 3))[0, 2].max() < 1e-3


def test_a_checkpoint_samples_the_same(tmp_path):
    representation = Pixels(height=8, width=8, channels=3, levels=None)
    model = GAN(representation.spec((KIND,)), tiny(2, labels=("kind",))).eval()
    checkpoint.save(tmp_path / "m.safetensors", model, representation, {})
    loaded = checkpoint.load(tmp_path / "m.safetensors").model
    labels = {"kind": torch.tensor([2, 0])}
    assert loaded.config == model.config
    torch.testing.assert_close(loaded.sample(2, labels, rng=rng()), model.sample(2, labels, rng=rng()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latents": 0}, "latents=0 must be between 1"),
        (
            {"critic": Critic.Config(channels=(8,), strides=((2, 2),) * 2)},
            "number of the critic's strides=2 must equal",
        ),
        ({"critic": Critic.Config(channels=(8,), strides=((2,),))}, "length of a critic's stride=1 must equal"),
        ({"generator": Decoder.Config(labels=(), body="mlp")}, "body='mlp' of a generator must be 'cnn'"),
        ({"generator": Decoder.Config(labels=("colour",))}, "label of the model='colour' is not known"),
    ],
)
def test_networks_that_cannot_be_are_refused(change, message):
    with pytest.raises(UserError, match=message):
        build((3, 8, 8), **change)


def test_known_gans_are_changes_of_any_configuration():
    base = tiny(2, rules=Rules(r1=0.3, every=5))
    found = {name: change(base) for name, change in KINDS.items()}
    assert found["hinge_r1"] == base
    assert found["wgan_gp"].rules.gradient_penalty == 10 and found["wgan_gp"].rules.r1 == 0
    assert found["dcgan"].normalized and found["dcgan"].rules.game == "nonsaturating"
    for config in found.values():
        model = GAN(DataSpec(shape=(3, 8, 8)), config).train()
        for phase in model.phases():
            phase.loss(Batch(torch.randn(4, 3, 8, 8))).total.backward()
        assert model.eval().sample(2, {}, rng=rng()).shape == (2, 3, 8, 8)


def test_batch_normalisation_and_slopes_do_not_go_together():
    with pytest.raises(UserError, match=r"normalized=True: .* set r1 and the penalty 0"):
        build((3, 8, 8), normalized=True)


def test_a_generator_without_noise_is_a_decoder_that_a_critic_heard():
    config = tiny(1, labels=("kind",), latents=0, bounded=False, reconstruction=2.0)
    spec = DataSpec(shape=(1, 16), fields=(KIND,))
    decoder = Decoder(spec, config.generator).eval()
    model, labels = GAN(spec, config).eval(), {"kind": torch.tensor([0, 2])}
    model.adopt(decoder)
    wanted = decoder(labels, 2)
    torch.testing.assert_close(model.sample(2, labels, rng=rng()), wanted)
    torch.testing.assert_close(as_decoder(model)(labels, 2), wanted)
    batch = Batch(wanted + 0.25, labels)
    loss = model.loss(batch)
    game = model.game_loss(wanted, labels)
    assert (loss.total - game.total).item() == pytest.approx(2 * 0.25, rel=1e-4)
    with pytest.raises(UserError, match="latents=5 must equal those of a decoder=0"):
        as_decoder(GAN(spec, tiny(1, labels=("kind",))))
    with pytest.raises(UserError, match="bounded=True must equal that of a decoder=False"):
        as_decoder(GAN(spec, replace(config, bounded=True)))
    with pytest.raises(UserError, match="latents=0 must be between 1"):
        GAN(spec, tiny(1, latents=0))


def test_discrete_data_are_refused():
    with pytest.raises(UserError, match=r"levels=2 of the examples must be none.*Pixels\(levels=None\)"):
        GAN(DataSpec(shape=(1, 8, 8), levels=2), tiny(2))


@pytest.mark.parametrize("rules", [{"r1": -1.0}, {"every": 0}, {"critic_rate": 0.0}, {"gradient_penalty": -0.1}])
def test_rules_that_cannot_be_are_refused(rules):
    with pytest.raises(UserError, match=f"{next(iter(rules))}=.* must be between"):
        Rules(**rules)
