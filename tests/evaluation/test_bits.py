from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from synthgen.checks import UserError
from synthgen.evaluation.bits import MOST_PAIRED, Counts, held_out_bits
from synthgen.heads import Categorical
from synthgen.models.autoregressive import Autoregressive
from synthgen.records import Batch, DataSpec, Labels
from synthgen.representations import MuLaw

SECOND = 20


class Fixed(Autoregressive):
    """The same probabilities everywhere."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec, None)
        self.head = Categorical(levels=spec.levels)
        self.logits = nn.Parameter(torch.zeros(spec.levels))

    def forward(self, x: Tensor, labels: Labels) -> Tensor:
        return self.logits[None, :, None].expand(len(x), -1, x.shape[1])

    def init_cache(self, labels: Labels, n: int) -> int:
        return n

    def step(self, cache: int, previous: Tensor | None) -> Tensor:
        return self.logits.expand(cache, -1)


class Waves:
    """Notes as the trainer sees them: the same wave, with noise after three seconds."""

    def __init__(self, count: int, representation: MuLaw, *, seed: int) -> None:
        self.spec = representation.spec()
        levels = (torch.arange(representation.samples) % 4).expand(count, 1, -1).clone()
        end = 3 * representation.sample_rate
        noise = torch.Generator().manual_seed(seed)
        levels[..., end:] = torch.randint(representation.levels, levels[..., end:].shape, generator=noise)
        self.media = representation.decode(levels)

    def __len__(self) -> int:
        return len(self.media)

    def batch(self, indices: Tensor) -> Batch:
        return Batch(self.media[indices])

    def provenance(self) -> dict[str, str]:
        return {}


@pytest.fixture
def representation() -> MuLaw:
    return MuLaw(sample_rate=SECOND, samples=4 * SECOND, levels=16)


def test_bits_are_told_apart_by_predictor_and_by_part(representation):
    model = Fixed(representation.spec()).eval()
    parts = {"train": Waves(200, representation, seed=0), "held_out": Waves(20, representation, seed=1)}
    bits = held_out_bits(model, representation, **parts)
    assert bits.notes == 20
    assert bits.whole["model"] == pytest.approx(4, abs=1e-5)
    # Each of the wave's four levels has 3/16 + 1/64 of the samples; each is followed by the next but for the noise.
    share = 3 / 16 + 1 / 64
    assert bits.first["unigram"] == pytest.approx(-torch.tensor(share).log2().item(), abs=0.02)
    assert bits.first["previous sample"] < 0.25 * bits.first["unigram"]
    assert bits.first["previous sample"] < bits.whole["previous sample"] < bits.whole["unigram"]
    assert "| previous sample" in bits.table()
    assert len({len(line) for line in bits.table().splitlines()}) == 1


def test_as_many_notes_are_judged_as_asked_for(representation):
    parts = {"train": Waves(5, representation, seed=0), "held_out": Waves(20, representation, seed=1)}
    assert held_out_bits(Fixed(representation.spec()), representation, **parts, limit=3).notes == 3
    with pytest.raises(UserError, match="limit=0 must be between 1"):
        held_out_bits(Fixed(representation.spec()), representation, **parts, limit=0)


@pytest.mark.parametrize("levels", [6, 2 * MOST_PAIRED])
def test_counted_probabilities_sum_to_one(levels):
    counts = Counts([torch.randint(levels, (500,))], levels=levels)
    every = torch.arange(levels)
    torch.testing.assert_close((2 ** -counts.unigram(every)).sum(), torch.tensor(1.0, dtype=torch.float64))
    after = [counts.previous_sample(torch.tensor([levels // 2, int(x)]))[1] for x in every]
    assert (2 ** -torch.stack(after)).sum() <= 1 + 1e-9


@pytest.mark.parametrize("levels", [64, 2 * MOST_PAIRED])
def test_a_steady_climb_is_predicted_from_the_previous_sample(levels):
    climb = torch.arange(levels)
    counts = Counts([climb] * 50, levels=levels)
    assert counts.previous_sample(climb)[1:].mean() < 1
    torch.testing.assert_close(counts.unigram(climb).mean().item(), float(torch.tensor(levels).log2()))
