import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toy_pictures import make_pictures

from synthgen.checks import UserError
from synthgen.data.images import (
    MOST_HELD_OUT,
    ImageSet,
    Pictures,
    category,
    check_size,
    divided,
    find_folder,
    hold_out,
    random_parts,
    with_valid,
)
from synthgen.data.loading import batches
from synthgen.data.mnist import MNIST
from synthgen.data.picture_file import to_bytes
from synthgen.representations import Pixels

REPRESENTATION = Pixels(height=4, width=5)


@pytest.fixture
def pictures():
    return Pictures(x=make_pictures(40, (1, 4, 5)), labels={"row": torch.arange(40)})


@given(st.integers(2, 300), st.integers(0, 9), st.floats(0, 0.5))
def test_what_is_held_out_and_what_stays_are_a_partition(size, seed, share):
    stay, aside = hold_out(size, seed=seed, share=share)
    assert sorted([*stay, *aside]) == list(range(size))
    assert len(stay) and len(aside)
    assert (np.diff(stay) > 0).all() and (np.diff(aside) > 0).all()
    again = hold_out(size, seed=seed, share=share)
    assert np.array_equal(aside, again[1])


def test_no_more_than_some_thousands_are_held_out():
    assert len(hold_out(60_000, seed=0)[1]) == MOST_HELD_OUT
    assert set(hold_out(100, seed=0)[1]) != set(hold_out(100, seed=1)[1])


@given(st.integers(3, 300), st.integers(0, 9))
def test_the_three_parts_are_a_partition(size, seed):
    parts = random_parts(size, seed=seed)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(size))
    assert len(parts["valid"]) == len(parts["test"]) == max(1, round(0.1 * size))
    assert all(len(rows) and (np.diff(rows) > 0).all() for rows in parts.values())


def test_labels_stay_with_their_pictures(pictures):
    for parts in (divided(pictures, seed=3), with_valid(pictures, pictures, seed=3)):
        for part in parts.values():
            assert np.array_equal(part.x, pictures.x[part.labels["row"].numpy()])
    assert len(with_valid(pictures, pictures, seed=3)["test"]) == 40


def test_a_batch_holds_the_pictures_asked_for_in_order(pictures):
    dataset = ImageSet("toy", divided(pictures, seed=0), REPRESENTATION, fields=(category("row", list("ab") * 20),))
    indices = torch.tensor([7, 0, 7, 31])
    batch = dataset.train.batch(indices)
    assert batch.x.dtype == torch.float32
    assert np.array_equal(to_bytes(batch.x.numpy()), pictures.x[batch.labels["row"].numpy()])
    assert torch.equal(batch.labels["row"], dataset.train.pictures.labels["row"][indices])
    assert next(batches(dataset.valid, batch_size=9, seed=0)).x.shape == (9, 1, 4, 5)


@pytest.mark.parametrize("levels", [256, None])
def test_every_value_of_a_pixel_survives_the_representation(levels):
    x = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    representation = Pixels(height=16, width=16, levels=levels)
    part = Pictures(x=x)
    images = ImageSet("toy", dict.fromkeys(("train", "valid", "test"), part), representation).train
    media = images.batch(torch.tensor([0])).x
    assert (media.min(), media.max()) == (0, 1)
    assert np.array_equal(to_bytes(representation.decode(representation.encode(media)).numpy()), x)


def test_the_hash_tells_pictures_labels_and_splits_apart(pictures):
    def split_hash(seed=0, change=lambda pictures: pictures):
        return ImageSet("toy", divided(change(pictures), seed=seed), REPRESENTATION).split_hash

    def other_pixel(pictures):
        x = pictures.x.copy()
        x[39, 0, 0, 0] ^= 1
        return Pictures(x=x, labels=pictures.labels)

    def other_label(pictures):
        return Pictures(x=pictures.x, labels={"row": pictures.labels["row"].flip(0)})

    assert split_hash() == split_hash()
    assert len({split_hash(), split_hash(seed=1), split_hash(change=other_pixel), split_hash(change=other_label)}) == 4


def test_provenance_tells_the_part_and_the_options_but_no_path(pictures):
    config = MNIST.Config(seed=3)
    dataset = ImageSet("toy", divided(pictures, seed=3), REPRESENTATION, config=config)
    provenance = dataset.valid.provenance()
    assert provenance == {
        "name": "toy",
        "part": "valid",
        "pictures": 4,
        "split_hash": dataset.split_hash,
        "options": {"names": "digits", "train": "train", "test": "t10k", "seed": 3},
    }


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hold_out(1, seed=0), r"1 picture\(s\) are too few to hold any out; give at least 2"),
        (lambda: random_parts(2, seed=0), r"2 picture\(s\) are too few for train, valid and test; give at least 3"),
        (
            lambda: check_size("x.png", (3, 8, 9), (1, 4, 5)),
            r"x\.png: pictures of 8 x 9 pixels and 3 channel\(s\), the representation takes 4 x 5 and 1; change repr",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(UserError, match=message):
        call()


def test_a_missing_folder_is_one_line_that_says_where_the_set_is(tmp_path):
    assert find_folder(tmp_path) == tmp_path
    with pytest.raises(
        UserError, match=r"nowhere: no such folder; check --data\.root; the set is published at https://a"
    ):
        find_folder(tmp_path / "nowhere", published="https://a")


def test_an_empty_part_and_another_size_are_named(pictures):
    parts = divided(pictures, seed=0)
    with pytest.raises(UserError, match="toy: there are no pictures in its part valid"):
        ImageSet("toy", {**parts, "valid": pictures[np.arange(0)]}, REPRESENTATION)
    with pytest.raises(UserError, match="toy, train: pictures of 4 x 5 pixels"):
        ImageSet("toy", parts, Pixels(height=5, width=4))
