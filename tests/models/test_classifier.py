"""A classifier learns categories and flags, from pictures of any size."""

from __future__ import annotations

import pytest
import torch

from synthgen import checkpoint
from synthgen.checks import UserError
from synthgen.models import MODELS, Classifier
from synthgen.records import Batch, DataSpec, Field
from synthgen.representations import Pixels

PIXELS = Pixels(height=8, width=8, channels=3, levels=None)
FIELDS = (
    Field(name="class", kind="category", size=2, names=("dark", "light")),
    Field(name="flags", kind="multihot", size=2, names=("light", "red")),
    Field(name="pitch", kind="ordinal", size=2, values=(1.0, 2.0)),
)


def batch(n: int = 32) -> Batch:
    """Pictures that are dark or light, and red or not."""
    light, red = (torch.randint(2, (n,), dtype=torch.float32) for _ in range(2))
    x = 0.1 * torch.randn(n, 3, 8, 8) + light[:, None, None, None] - 0.5
    x[:, 0] += 0.5 * red[:, None, None]
    return Batch(x, {"class": light.long(), "flags": torch.stack([light, red], dim=1)})


@pytest.mark.parametrize("label", ["class", "flags"])
def test_it_learns_what_it_is_told_to_tell(label):
    model = Classifier(PIXELS.spec(FIELDS), Classifier.Config(label=label, widths=(8, 16)))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    before = model.loss(batch()).total.item()
    for _ in range(30):
        optimizer.zero_grad()
        loss = model.loss(batch())
        loss.total.backward()
        optimizer.step()
    after = model.eval().loss(batch(64))
    assert after.total < 0.3 * before and after.parts["right"] > 0.95


def test_features_are_of_all_levels_and_of_any_size():
    model = Classifier(PIXELS.spec(FIELDS), Classifier.Config(widths=(8, 16)))
    small, large = torch.rand(2, 3, 8, 8), torch.rand(1, 3, 21, 14)
    assert model.features(small).shape == (2, 27) and model.features(large).shape == (1, 27)
    torch.testing.assert_close(model.features(small)[:1], model.features(small[:1]))
    last = model.body(small).mean((2, 3))
    torch.testing.assert_close(model.features(small)[:, -16:], last)


def test_a_checkpoint_keeps_it(tmp_path):
    model = Classifier(PIXELS.spec(FIELDS), Classifier.Config(label="flags", widths=(8,))).eval()
    checkpoint.save(tmp_path / "c.safetensors", model, PIXELS, {})
    loaded = checkpoint.load(tmp_path / "c.safetensors").model
    assert type(loaded) is MODELS["classifier"] and loaded.field.names == ("light", "red")
    x = batch(3).x
    torch.testing.assert_close(loaded(x), model(x))


@pytest.mark.parametrize(
    ("label", "levels", "widths", "message"),
    [
        ("pitch", None, (8,), "label='pitch' is of kind ordinal; a classifier needs a category or flags"),
        ("clas", None, (8,), "did you mean 'class'"),
        ("class", 4, (8,), "levels=4 must be None for a classifier"),
        ("class", None, (), "number of widths=0 must be between 1 and 16"),
        ("class", None, (6,), "widths=6 must be divisible by groups=4"),
    ],
)
def test_what_cannot_be_told(label, levels, widths, message):
    spec = DataSpec(shape=(3, 8, 8), levels=levels, fields=FIELDS)
    with pytest.raises(UserError, match=message):
        Classifier(spec, Classifier.Config(label=label, widths=widths))
