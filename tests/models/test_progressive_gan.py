from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from synthgen import checkpoint
from synthgen.checks import UserError
from synthgen.models import MODELS, ProgressiveGAN
from synthgen.models.progressive_gan import doubled, halved, place
from synthgen.records import Batch, DataSpec, Field
from synthgen.representations import Pixels

KIND = Field(name="kind", kind="category", size=3)
TINY = ProgressiveGAN.Config(
    latents=5, dim=8, channels=(8, 6, 4), blocks=1, first=0, shares=(0.2, 0.3, 0.5), fade=0.5, labels=("kind",)
)


def build(shape: tuple[int, ...] = (3, 16, 8), **change) -> ProgressiveGAN:
    torch.manual_seed(0)
    return ProgressiveGAN(DataSpec(shape=shape, fields=(KIND,)), replace(TINY, **change)).eval()


def at(model: ProgressiveGAN, fraction: float) -> ProgressiveGAN:
    model.advance(fraction)
    return model


def test_checkpoints_know_it():
    assert MODELS["progressive_gan"] is ProgressiveGAN


def test_stages_take_their_shares_and_fade_in():
    shares = (0.2, 0.3, 0.5)
    assert place(0.0, shares, 0.5) == (0, 1.0)
    assert place(0.2, shares, 0.5) == (1, 0.0)
    assert place(0.275, shares, 0.5) == (1, pytest.approx(0.5))
    assert place(0.4, shares, 0.5) == (1, 1.0)
    assert place(0.5, shares, 0.5) == (2, 0.0)
    assert place(1.0, shares, 0.5) == (2, 1.0)
    assert place(0.2, shares, 0.0) == (1, 1.0)


@pytest.mark.parametrize("shape", [(1, 16), (3, 16, 8), (1, 8, 8, 8)])
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.6, 0.9])
def test_all_stages_learn_in_any_dimension(shape, fraction):
    model = at(build(shape).train(), fraction)
    batch = Batch(torch.randn(4, *shape), {"kind": torch.tensor([0, 1, 2, -1])})
    assert (
        model.real(batch).shape
        == model.fake(batch).shape
        == (4, shape[0], *(s >> (2 - model.level) for s in shape[1:]))
    )
    for phase in model.phases():
        model.zero_grad(set_to_none=True)
        phase.loss(batch).total.backward()
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in phase.module.parameters())
    assert model.sample(2, {}, rng=torch.Generator().manual_seed(0)).shape == (2, *shape)


def test_a_new_level_begins_as_the_old_one_enlarged():
    model, z = build(), torch.randn(3, 5)
    labels = {"kind": torch.tensor([0, 1, 2])}
    old = model.generator(z, labels, level=0, blend=1.0)
    torch.testing.assert_close(model.generator(z, labels, level=1, blend=0.0), doubled(old))
    before = model.decode(z, labels)
    after = at(model, 0.2).decode(z, labels)
    assert model.level == 1
    torch.testing.assert_close(before, after)


def test_a_critic_begins_with_what_it_thought_of_the_small_example():
    model, x = build(), torch.randn(4, 3, 8, 4)
    small = model.critic(halved(x), {}, level=0, blend=1.0)
    torch.testing.assert_close(model.critic(x, {}, level=1, blend=0.0), small)
    assert not torch.allclose(model.critic(x, {}, level=1, blend=0.5), small)


def test_real_examples_are_as_blurred_as_the_stage_is_young():
    model, batch = build(), Batch(torch.randn(2, 3, 16, 8))
    torch.testing.assert_close(at(model, 0.1).real(batch), halved(halved(batch.x)))
    torch.testing.assert_close(at(model, 0.5).real(batch), doubled(halved(batch.x)))
    assert torch.equal(at(model, 1.0).real(batch), batch.x)


def test_a_checkpoint_knows_its_stage(tmp_path):
    representation = Pixels(height=16, width=8, channels=3, levels=None)
    model = at(ProgressiveGAN(representation.spec((KIND,)), TINY).eval(), 0.3)
    checkpoint.save(tmp_path / "m.safetensors", model, representation, {})
    loaded = checkpoint.load(tmp_path / "m.safetensors").model
    assert (loaded.level, float(loaded.blend)) == (model.level, float(model.blend)) == (1, pytest.approx(2 / 3))
    one, other = (m.sample(2, {}, rng=torch.Generator().manual_seed(0)) for m in (model, loaded))
    torch.testing.assert_close(one, other)


def test_without_growing_all_is_learned_at_once():
    model = at(build(first=2, shares=(1.0,)), 0.0)
    assert model.level == 2 and float(model.blend) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shares": (0.5, 0.5)}, "number of shares=2 must equal number of levels from the first on=3"),
        ({"shares": (0.5, 0.5, 0.5)}, r"sum of shares=1\.5 must be between 1 and 1"),
        ({"first": 3}, "first=3 must be between 0 and 2"),
        (
            {"channels": (8,) * 5, "shares": (0.2,) * 5},
            r"size of the data=16 must be divisible by 2 \*\* number of channels=32",
        ),
        ({"fade": 2.0}, r"fade=2\.0 must be between"),
        ({"labels": ("colour",)}, "'colour' is not known"),
    ],
)
def test_networks_that_cannot_be_are_refused(change, message):
    with pytest.raises(UserError, match=message):
        build(**change)
