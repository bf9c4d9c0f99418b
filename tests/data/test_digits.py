import pytest
import torch

from synthgen.checks import UserError
from synthgen.data.digits import Digits
from synthgen.representations import Pixels


def test_all_digits_are_there_in_seventeen_shades():
    representation = Pixels(height=8, width=8, levels=17)
    dataset = Digits(Digits.Config(), representation)
    parts = [dataset.train, dataset.valid, dataset.test]
    assert [len(part) for part in parts] == [1437, 180, 180]
    x = torch.cat([representation.encode(part.batch(torch.arange(len(part))).x) for part in parts])
    from sklearn.datasets import load_digits

    stored = load_digits().images.astype(int).reshape(-1, 64).tolist()
    assert sorted(x.flatten(1).tolist()) == sorted(stored)
    labels = torch.cat([part.pictures.labels["digit"] for part in parts])
    assert labels.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert dataset.spec.field("digit").names[7] == "7"


def test_another_size_is_refused():
    with pytest.raises(UserError, match=r"digits, train: pictures of 8 x 8 pixels .* takes 28 x 28 and 1"):
        Digits(Digits.Config(), Pixels())
