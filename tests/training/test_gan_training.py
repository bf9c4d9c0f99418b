"""GANs in the one training loop: phases, averages, resuming, and a distribution that is recovered."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from synthgen.models import GAN, Decoder, ProgressiveGAN
from synthgen.models.adversarial import AdversarialModel, Rules
from synthgen.models.critic import Critic
from synthgen.nn.disturbance import Disturbance
from synthgen.records import Batch, Field
from synthgen.representations import Waveform
from synthgen.training import Trainer, state

REPRESENTATION = Waveform(samples=16)
SIDE = Field(name="side", kind="category", size=2)
RULES = Rules(every=2, disturbance=Disturbance(translation=0.1))
CONFIGS = {
    GAN: GAN.Config(
        latents=8,
        generator=Decoder.Config(labels=("side",), dim=16, channels=(16,), strides=(), patch=(8,)),
        critic=Critic.Config(channels=(16,), strides=((8,),)),
        rules=RULES,
    ),
    ProgressiveGAN: ProgressiveGAN.Config(
        latents=8, labels=("side",), dim=8, channels=(8, 8), blocks=1, first=0, shares=(0.5, 0.5), rules=RULES
    ),
}
MODES = (0.3, 0.7)


@dataclass
class TwoModes:
    """Constants of +-0.3 or +-0.7, whose sign is the label, and a little noise."""

    size: int = 400

    def __post_init__(self) -> None:
        self.spec, rng = REPRESENTATION.spec((SIDE,)), torch.Generator().manual_seed(0)
        self.sides = torch.arange(self.size) % 2
        height = torch.tensor(MODES)[(torch.arange(self.size) // 2) % 2] * (2 * self.sides - 1)
        self.x = height[:, None, None] + 0.03 * torch.randn(self.size, 1, 16, generator=rng)

    def __len__(self) -> int:
        return self.size

    def batch(self, indices: Tensor) -> Batch:
        return Batch(self.x[indices], {"side": self.sides[indices]})

    def provenance(self) -> dict[str, object]:
        return {"name": "two modes", "size": self.size}


def trainer(folder: Path, kind: type[AdversarialModel] = GAN, rules: Rules = RULES, **options) -> Trainer:
    torch.manual_seed(1)
    model = kind(REPRESENTATION.spec((SIDE,)), replace(CONFIGS[kind], rules=rules))
    defaults = {"steps": 8, "batch_size": 8, "warmup": 2, "log_every": 1, "device": "cpu", "weight_decay": 0.0}
    return Trainer(model, REPRESENTATION, Trainer.Config(**{**defaults, **options}), folder)


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_run_that_was_cut_goes_on_bit_for_bit_with_both_optimizers(tmp_path, kind):
    trainer(tmp_path / "whole", kind).fit(TwoModes())

    def stop(run: Trainer) -> None:
        if run.step == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit):
        trainer(tmp_path / "cut", kind, sample_every=1).fit(TwoModes(), on_sample=stop)
    cut = state.load(tmp_path / "cut" / "state.pt")
    assert 0 < cut.step < 8
    assert set(cut.optimizers) == {"critic", "generator"}
    trainer(tmp_path / "cut", kind).fit(TwoModes())
    one, other = (state.load(tmp_path / name / "state.pt") for name in ("whole", "cut"))
    assert one.step == other.step == one.weights["steps"] == 8
    for part in ("weights", "average", "optimizers"):
        torch.testing.assert_close(getattr(one, part), getattr(other, part), rtol=0, atol=0)


def test_the_generator_alone_is_averaged(tmp_path):
    run = trainer(tmp_path, ema=0.9, steps=6, lr=1e-2)
    run.fit(TwoModes())
    weights, average = run.model.state_dict(), run.average.model.state_dict()
    for name, value in weights.items():
        same = torch.equal(value, average[name])
        assert same == (not name.startswith("generator.") or value.std() == 0), name


def test_both_phases_see_the_same_batch_and_draw_noise_of_their_own(tmp_path):
    run, seen = trainer(tmp_path, steps=3, rules=replace(RULES, disturbance=Disturbance())), []
    fake = run.model.fake

    def watched(batch: Batch) -> Tensor:
        seen.append((batch.x, batch.labels["side"], fake(batch)))
        return seen[-1][2]

    run.model.fake = watched
    run.fit(TwoModes())
    assert len(seen) == 6
    for critic, generator in zip(seen[::2], seen[1::2], strict=True):
        assert torch.equal(critic[0], generator[0]) and torch.equal(critic[1], generator[1])
        assert not torch.allclose(critic[2], generator[2])
        assert not critic[2].requires_grad and generator[2].requires_grad
    assert not torch.equal(seen[0][0], seen[2][0])


def test_a_phase_has_a_rate_of_its_own(tmp_path):
    run = trainer(tmp_path, rules=replace(RULES, critic_rate=0.25), lr=1e-2)
    run.fit(TwoModes())
    rates = {o.phase.name: o.optimizers["adamw"].param_groups[0]["lr"] for o in run._optimizers}
    assert rates["critic"] == pytest.approx(0.25 * rates["generator"]) and rates["generator"] > 0


def test_growing_follows_the_budget(tmp_path):
    run, levels = trainer(tmp_path, ProgressiveGAN, steps=8, sample_every=1), []
    run.fit(TwoModes(), on_sample=lambda t: levels.append((t.average.model.level, float(t.average.model.blend))))
    assert [level for level, _ in levels] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert [blend for _, blend in levels[:5]] == [1.0, 1.0, 1.0, 1.0, 0.0] and 0 < levels[5][1] < 1
    assert levels[-1] == (1, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("game", ["nonsaturating", "hinge"])
def test_a_gan_recovers_mean_and_spread_by_label_and_loses_no_mode(tmp_path, game):
    rules = Rules(game=game, r1=0.05, every=4)
    options = {"steps": 300, "batch_size": 32, "lr": 5e-3, "betas": (0.0, 0.99), "log_every": 300, "ema": 0.98}
    run = trainer(tmp_path, rules=rules, save_every=0, **options)
    run.fit(TwoModes())
    for side, sign in ((0, -1), (1, 1)):
        labels = {"side": torch.full((400,), side)}
        made = run.average.model.sample(400, labels, rng=torch.Generator().manual_seed(0)).mean((1, 2)) * sign
        assert made.mean().item() == pytest.approx(0.5, abs=0.1)
        assert made.std().item() == pytest.approx(0.2, abs=0.08), "two modes are 0.2 about their mean, one is 0.01"
        assert 0.25 < (made < 0.5).float().mean() < 0.75
