import random

import numpy as np
import pytest
import torch
from toy_pictures import make_pictures

from synthgen.checks import UserError
from synthgen.data.quickdraw import QuickDraw
from synthgen.representations import Pixels


def load(root, **options):
    return QuickDraw(QuickDraw.Config(root=root, **options), Pixels())


@pytest.fixture
def folder(tmp_path):
    """Three classes, in the official shape and two others."""
    for number, (name, shape) in enumerate(
        {"full_numpy_bitmap_The Eiffel Tower": (784,), "cat": (1, 784), "apple": (28, 28)}.items()
    ):
        np.save(tmp_path / f"{name}.npy", make_pictures(30, shape, seed=number))
    return tmp_path


def members(dataset, name):
    """The doodles of a class in each part."""
    index = dataset.spec.field("class").names.index(name)
    return [
        {x.tobytes() for x in part.pictures.x[part.pictures.labels["class"].numpy() == index]}
        for part in (dataset.train, dataset.valid, dataset.test)
    ]


def test_every_class_is_split_and_named_after_its_file(folder):
    dataset = load(folder)
    assert dataset.spec.field("class").names == ("The Eiffel Tower", "apple", "cat")
    for number, name in enumerate(("The Eiffel Tower", "cat", "apple")):
        parts = members(dataset, name)
        assert [len(part) for part in parts] == [24, 3, 3]
        assert set.union(*parts) == {x.tobytes() for x in make_pictures(30, (784,), seed=number)}


def test_the_split_of_a_class_does_not_depend_on_the_others(folder):
    alone = load(folder, classes=("cat",))
    assert alone.spec.field("class").names == ("cat",)
    assert members(alone, "cat") == members(load(folder), "cat")
    assert load(folder, classes=("cat", "apple", "cat")).split_hash == load(folder, classes=("apple", "cat")).split_hash
    assert load(folder, seed=1).split_hash != load(folder).split_hash


def test_no_more_than_asked_for_are_taken_and_not_always_the_first(folder):
    dataset = load(folder, max_per_class=10)
    taken = [set.union(*members(load(folder, max_per_class=10, seed=seed), "cat")) for seed in (0, 1)]
    assert [len(p) for p in (dataset.train, dataset.valid, dataset.test)] == [24, 3, 3]
    assert len(taken[0]) == len(taken[1]) == 10
    assert taken[0] != taken[1]


def test_the_files_of_classes_that_are_not_asked_for_are_left_alone(folder):
    (folder / "fish.npy").write_bytes(b"no array")
    assert len(load(folder, classes=("cat",)).train) == 24
    with pytest.raises(UserError, match=r"fish\.npy: not a whole \.npy file"):
        load(folder)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((30, 783), np.uint8), r"uint8 of shape \(30, 783\), must be uint8 of \(N, 784\); download it again"),
        (np.zeros((30, 784), np.float32), r"float32 of shape \(30, 784\), must be uint8 of \(N, 784\)"),
        (np.uint8(3), r"uint8 of shape \(\), must be"),
        (np.zeros((0, 784), np.uint8), r"0 doodle\(s\) are too few for train, valid and test; leave the class out"),
        (np.zeros((2, 784), np.uint8), r"2 doodle\(s\) are too few"),
        (np.array([{}, {}]), r"not a whole \.npy file \(.*\); download it again"),
    ],
)
def test_bad_arrays_are_named(folder, array, message):
    np.save(folder / "fish.npy", array, allow_pickle=True)
    with pytest.raises(UserError, match=rf"fish\.npy: {message}") as error:
        load(folder, classes=("fish",))
    assert "\n" not in str(error.value)


def test_a_file_cut_anywhere_is_named(folder):
    content = (folder / "cat.npy").read_bytes()
    for end in (0, 5, 60, 128, 1000, len(content) - 1):
        (folder / "cat.npy").write_bytes(content[:end])
        with pytest.raises(UserError, match=r"cat\.npy: not a whole \.npy file"):
            load(folder)


def test_a_damaged_header_is_read_or_named(folder):
    path, draw = folder / "cat.npy", random.Random(0)
    whole = path.read_bytes()
    for _ in range(200):
        content = bytearray(whole)
        content[draw.randrange(128)] = draw.choice(b"({['\\\n 9x")
        path.write_bytes(content)
        try:
            assert len(load(folder, classes=("cat",)).train)
        except UserError as error:
            assert "cat.npy: " in str(error)
            assert "\n" not in str(error)


def test_classes_and_folders_that_are_not_there_are_named(folder, tmp_path):
    with pytest.raises(UserError, match=r"data.classes='aple' is not known; did you mean 'apple'?"):
        load(folder, classes=("cat", "aple"))
    with pytest.raises(UserError, match=r"data.max_per_class=2 must be between 3 and"):
        load(folder, max_per_class=2)
    with pytest.raises(UserError, match=r"none: no such folder; .*--data\.root; .* https://.*quickdraw_dataset"):
        load(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: there are no \.npy files in it; check --data\.root; .* https://"):
        load(tmp_path / "empty")
    np.save(folder / "full_numpy_bitmap_cat.npy", make_pictures(9, (784,)))
    with pytest.raises(
        UserError, match=r"full_numpy_bitmap_cat\.npy: a second file of the class 'cat', beside cat\.npy"
    ):
        load(folder)


def test_the_real_excerpt(test_data):
    dataset = load(test_data / "quickdraw", classes=("cat", "apple"), max_per_class=1000)
    assert (len(dataset.train), len(dataset.valid), len(dataset.test)) == (1600, 200, 200)
    batch = dataset.train.batch(torch.tensor([0, 800]))
    assert batch.labels["class"].tolist() == [0, 1]
    assert batch.x.amax() > 0.9
    assert 0.05 < batch.x.mean() < 0.6
