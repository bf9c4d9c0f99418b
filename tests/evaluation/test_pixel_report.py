"""Bits per dimension are what they should be of known distributions; sheets show what they say."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from synthgen.checks import UserError
from synthgen.data.images import ImageSet, Pictures
from synthgen.evaluation import classifier, pixel_report
from synthgen.evaluation.pixel_report import (
    class_examples,
    generate,
    held_out_bits_per_dim,
    write_class_sheet,
    write_surprise,
)
from synthgen.heads import Categorical
from synthgen.models.autoregressive import Autoregressive
from synthgen.records import DataSpec, Field, Labels
from synthgen.representations import Pixels

SIDE, LEVELS = 8, 4
NAMES = ("left", "right", "top")
FIELD = Field(name="class", kind="category", size=3, names=NAMES)


@dataclass(frozen=True, kw_only=True)
class Told:
    labels: tuple[str, ...] = ("class",)


class Level(Autoregressive):
    """Each element by itself; the class, if told, makes its own level as likely as `strength` says."""

    def __init__(self, spec: DataSpec, config: Told = Told(), strength: float = 0.0) -> None:
        super().__init__(spec, config)
        self.head, self.strength = Categorical(levels=LEVELS), strength
        self.nothing = nn.Parameter(torch.zeros(1))

    def _logits(self, labels: Labels, n: int) -> Tensor:
        known = labels.get("class", torch.full((n,), -1)) if self.config.labels else torch.full((n,), -1)
        return self.strength * nn.functional.one_hot(known + 1, LEVELS).float() * (known >= 0)[:, None]

    def forward(self, x: Tensor, labels: Labels) -> Tensor:
        logits = self._logits(labels, len(x))
        return logits.view(len(x), LEVELS, *[1] * (x.ndim - 1)).expand(-1, -1, *x.shape[1:])

    def init_cache(self, labels: Labels, n: int) -> Tensor:
        return self._logits(labels, n)

    def step(self, cache: Tensor, previous: Tensor | None) -> Tensor:
        return cache


def pictures(n: int, seed: int, channels: int = 1) -> Pictures:
    """Pictures of which one half is light: the left, the right or the upper one."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    x = rng.integers(0, 100, size=(n, channels, SIDE, SIDE), dtype=np.uint8)
    x[labels == 0, :, :, : SIDE // 2] += 150
    x[labels == 1, :, :, SIDE // 2 :] += 150
    x[labels == 2, :, : SIDE // 2] += 150
    return Pictures(x=x, labels={"class": torch.from_numpy(labels)})


@pytest.fixture(params=[1, 3])
def representation(request) -> Pixels:
    return Pixels(height=SIDE, width=SIDE, channels=request.param, levels=LEVELS)


@pytest.fixture
def data(representation) -> ImageSet:
    sizes = {"train": 150, "valid": 10, "test": 40}
    parts = {part: pictures(n, seed, representation.channels) for seed, (part, n) in enumerate(sizes.items())}
    return ImageSet("halves", parts, representation, fields=(FIELD,))


def test_bits_are_those_of_the_distribution(data, representation):
    bits = held_out_bits_per_dim(Level(data.spec), representation, data.test, train=data.train)
    assert bits.pictures == 40
    assert bits.model == pytest.approx(2)
    assert bits.error == pytest.approx(0, abs=1e-6)
    train = representation.encode(data.train.batch(torch.arange(150)).x)
    counts = torch.bincount(train.flatten(), minlength=LEVELS) + 1
    shares = counts.double() / counts.sum()
    test = representation.encode(data.test.batch(torch.arange(40)).x)
    assert bits.unigram == pytest.approx(-shares[test].log2().mean().item())
    assert bits.unigram < 2


def test_the_error_is_that_of_the_mean_and_batches_do_not_matter(data, representation):
    model = Level(data.spec, strength=1.0)
    whole = held_out_bits_per_dim(model, representation, data.test, batch_size=40)
    parts = held_out_bits_per_dim(model, representation, data.test, batch_size=7)
    assert (parts.model, parts.error) == pytest.approx((whole.model, whole.error))
    few = held_out_bits_per_dim(model, representation, data.test, limit=10)
    assert few.pictures == 10
    assert few.unigram is None
    assert abs(few.model - whole.model) < 4 * few.error
    assert few.error == pytest.approx(2 * whole.error, rel=0.5)


def test_one_picture_has_no_error(data, representation):
    assert math.isnan(held_out_bits_per_dim(Level(data.spec), representation, data.test, limit=1).error)
    with pytest.raises(UserError, match="limit=0 must be between 1"):
        held_out_bits_per_dim(Level(data.spec), representation, data.test, limit=0)


def test_labels_are_numbered_as_the_model_numbers_them(data, representation):
    renamed = DataSpec(
        shape=data.spec.shape, levels=LEVELS, fields=(Field(name="class", kind="category", size=3, names=NAMES[::-1]),)
    )
    model, labels = Level(renamed, strength=20.0), {"class": torch.tensor([0, 1, 2])}
    made = representation.encode(generate(model, representation, data.test, labels, 3))
    assert [int(x.unique()) for x in made] == [3, 2, 1]


def test_tables_line_up(data, representation):
    table = held_out_bits_per_dim(Level(data.spec), representation, data.test, train=data.train).table()
    assert len({len(line) for line in table.splitlines()}) == 1
    assert "2.0000" in table


def test_examples_of_each_class_are_as_many_as_asked_for(data):
    batch = class_examples(Level(data.spec), data.test, per_class=5)
    assert torch.equal(torch.bincount(batch.labels["class"]), torch.tensor([5, 5, 5]))
    again = class_examples(Level(data.spec), data.test, per_class=5)
    assert torch.equal(batch.x, again.x)
    most = class_examples(Level(data.spec), data.test, per_class=100)
    assert len(most) == 40
    assert len(class_examples(Level(data.spec, Told(labels=())), data.test, per_class=5)) == 5


def test_generated_pictures_are_those_of_the_seed_whatever_their_number(data, representation):
    model, labels = Level(data.spec), {"class": torch.arange(70) % 3}
    whole = generate(model, representation, data.test, labels, 70, seed=3)
    first = generate(model, representation, data.test, {"class": labels["class"][:5]}, 5, seed=3)
    assert torch.equal(whole[:5], first)
    assert not torch.equal(generate(model, representation, data.test, labels, 70, seed=4), whole)


@pytest.mark.parametrize(("told", "rows"), [(("class",), 6), ((), 2)])
def test_a_sheet_has_a_real_and_a_generated_row_for_each_class(data, representation, tmp_path, told, rows):
    path = tmp_path / "sheet.png"
    write_class_sheet(path, Level(data.spec, Told(labels=told)), representation, data.test, per_class=4)
    with Image.open(path) as image:
        width, height = image.size
    side = 7 * SIDE + 2
    assert width >= 4 * side
    assert rows * side < height < rows * (side + 30)


def test_long_rows_are_broken(data, representation, tmp_path):
    path = tmp_path / "sheet.png"
    write_class_sheet(path, Level(data.spec, Told(labels=())), representation, data.test, per_class=20)
    with Image.open(path) as image:
        assert image.size[0] < 17 * (7 * SIDE + 2)


def test_surprise_is_bright_where_it_is_great(data, representation, tmp_path, monkeypatch):
    written = {}
    monkeypatch.setattr(pixel_report, "write_sheet", lambda path, rows, columns: written.update(rows))
    write_surprise(tmp_path / "surprise.png", Level(data.spec, strength=4.0), representation, data.test, 6)
    (shown, heat), batch = written.values(), data.test.batch(torch.linspace(0, 39, 6).round().long())
    x = representation.encode(batch.x)
    assert np.array_equal(shown, (x.numpy() * 85))
    least, most = math.log2(1 + 3 / math.exp(4)), math.log2(3 + math.exp(4))
    expected = (batch.labels["class"][:, None, None, None] + 1 == x).float().mul(least - most).add(most).mean(1)
    brightness = torch.from_numpy(heat.sum(1) / 765.0)
    torch.testing.assert_close(brightness, (expected / expected.max()).double(), atol=0.01, rtol=0)


def test_no_more_surprises_than_pictures(data, representation, tmp_path):
    sizes = {}
    for count in (40, 41):
        write_surprise(tmp_path / f"{count}.png", Level(data.spec), representation, data.test, count)
        with Image.open(tmp_path / f"{count}.png") as image:
            sizes[count] = image.size
    assert sizes[40] == sizes[41]
    with pytest.raises(UserError, match="count=0 must be between"):
        write_surprise(tmp_path / "surprise.png", Level(data.spec), representation, data.test, 0)


def test_a_classifier_learns_the_classes_and_knows_strangers(data, representation):
    first = classifier.train_classifier(data.train, representation, steps=60)
    assert classifier.accuracy(first, data.test, representation) > 0.95
    batch = data.test.batch(torch.arange(40))
    assert classifier.agreement(first, batch.x, batch.labels["class"]) > 0.9
    assert classifier.agreement(first, batch.x, (batch.labels["class"] + 1) % 3) < 0.1
    again = classifier.train_classifier(data.train, representation, steps=60)
    assert torch.equal(first(batch.x), again(batch.x))


def test_a_classifier_needs_a_category(data, representation):
    with pytest.raises(ValueError, match="label='clas' is not known; did you mean 'class'"):
        classifier.train_classifier(data.train, representation, label="clas")


def test_the_verdict_names_model_truth_and_chance(data, representation):
    verdict = classifier.judge_classes(Level(data.spec), representation, data, per_class=6, steps=60)
    assert verdict.pictures == 18
    assert verdict.real > 0.9
    assert verdict.generated < 0.8
    assert verdict.chance == pytest.approx(1 / 3)
    assert "of 18 generated pictures" in verdict.line()
    bare = classifier.judge_classes(Level(data.spec, Told(labels=())), representation, data)
    assert bare.line() == "the model is told no class that a classifier could look for"
