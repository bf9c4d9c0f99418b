from __future__ import annotations

import math

import pytest
import torch

from synthgen.checks import UserError
from synthgen.nn.condition import FieldEncoder, LabelEncoder, Modulate
from synthgen.records import Field

CATEGORY = Field(name="instrument", kind="category", size=3, names=("a", "b", "c"))
ORDINAL = Field(name="velocity", kind="ordinal", size=3, values=(25.0, 50.0, 127.0))
ANGLE = Field(name="rotation", kind="angle", size=4)
MULTIHOT = Field(name="qualities", kind="multihot", size=2)
ENCODINGS = [None, 5]


@pytest.mark.parametrize("dim", ENCODINGS)
def test_an_index_equals_its_one_hot_weights_and_blends_are_linear(dim):
    encoder = FieldEncoder(CATEGORY, dim)
    each = encoder(torch.arange(3), 3)
    torch.testing.assert_close(encoder(torch.eye(3), 3), each)
    blend = encoder(torch.tensor([[0.25, 0.0, 0.75]]), 1)
    torch.testing.assert_close(blend[0], 0.25 * each[0] + 0.75 * each[2])


@pytest.mark.parametrize("dim", ENCODINGS)
def test_ordinals_interpolate_between_points_and_are_clamped(dim):
    encoder = FieldEncoder(ORDINAL, dim)
    a, b, c = encoder(torch.tensor(ORDINAL.values), 3)
    between = encoder(torch.tensor([37.5, 10.0, 200.0, 127.0]), 4)
    torch.testing.assert_close(between, torch.stack([(a + b) / 2, a, c, c]))


def test_an_ordinals_vectors_are_alike_where_its_points_are_close():
    pitch = Field(name="pitch", kind="ordinal", size=61, values=tuple(range(36, 97)))
    table = FieldEncoder(pitch, 64).table.detach()
    torch.testing.assert_close(table.square().sum(1).mean(), torch.tensor(1.0), rtol=0.1, atol=0)
    beside, far = (table[1:] - table[:-1]).norm(dim=1).max(), (table[30:] - table[:-30]).norm(dim=1).min()
    assert beside < 0.2 and far > 0.8


def test_an_ordinal_of_one_point_is_constant():
    encoder = FieldEncoder(Field(name="velocity", kind="ordinal", size=1, values=(127.0,)), 4)
    low, high = encoder(torch.tensor([1.0, 127.0]), 2)
    torch.testing.assert_close(low, high)


@pytest.mark.parametrize("dim", ENCODINGS)
def test_angles_wrap_around(dim):
    encoder = FieldEncoder(ANGLE, dim)
    zero, full, negative, last, between = encoder(torch.tensor([0.0, 360.0, -90.0, 270.0, 315.0]), 5)
    torch.testing.assert_close(zero, full)
    torch.testing.assert_close(negative, last)
    torch.testing.assert_close(between, (last + zero) / 2)


@pytest.mark.parametrize("dim", ENCODINGS)
@pytest.mark.parametrize(
    ("field", "unknown"),
    [
        (CATEGORY, torch.tensor([-1, 0])),
        (ORDINAL, torch.tensor([math.nan, 25.0])),
        (ANGLE, torch.tensor([math.nan, 0.0])),
        (MULTIHOT, torch.tensor([[math.nan, 0.0], [1.0, 0.0]])),
    ],
)
def test_an_unknown_label_equals_an_absent_one(field, unknown, dim):
    encoder = FieldEncoder(field, dim)
    torch.nn.init.normal_(encoder.unknown)
    vectors = encoder(unknown, 2)
    torch.testing.assert_close(vectors[0], encoder(None, 1)[0])
    assert not torch.allclose(vectors[1], vectors[0])
    vectors.sum().backward()
    assert all(p.grad.isfinite().all() for p in encoder.parameters())


def test_labels_of_the_wrong_shape_or_range_are_named():
    with pytest.raises(UserError, match=r"label instrument has shape \(2, 4\), expected \(2, 3\)"):
        FieldEncoder(CATEGORY, 5)(torch.zeros(2, 4), 2)
    with pytest.raises(UserError, match="label instrument=3 must be below its size=3"):
        FieldEncoder(CATEGORY, 5)(torch.tensor([3]), 1)
    with pytest.raises(UserError, match=r"label velocity has shape \(1,\), expected \(2\)"):
        FieldEncoder(ORDINAL, 5)(torch.zeros(1), 2)


def test_dropout_withholds_labels_in_training_only():
    encoder = LabelEncoder((CATEGORY,), 8, dropout=0.5)
    torch.nn.init.normal_(encoder.encoders["instrument"].unknown)
    labels = {"instrument": torch.zeros(400, dtype=torch.long)}
    known, absent = encoder.eval()(labels, 400)[0], encoder({}, 1)[0]
    vectors = encoder.train()(labels, 400)
    dropped = torch.isclose(vectors, absent).all(1)
    kept = torch.isclose(vectors, known).all(1)
    assert (dropped | kept).all()
    assert 0.4 < dropped.float().mean() < 0.6


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_modulation_scales_and_shifts_channels(ndim):
    layer = Modulate(ndim, 4, 3)
    x, vector = torch.randn(2, 3, *[2] * ndim), torch.randn(2, 4)
    scale, shift = layer.project(vector).chunk(2, dim=1)
    expected = x[:, 1] * (1 + scale[:, 1].view(-1, *[1] * ndim)) + shift[:, 1].view(-1, *[1] * ndim)
    torch.testing.assert_close(layer(x, vector)[:, 1], expected)
