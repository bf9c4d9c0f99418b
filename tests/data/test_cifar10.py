import os
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_pictures import cifar_batches, make_pictures, pack_cifar, python2_pickle, write_cifar, write_png

from synthgen.checks import UserError
from synthgen.data.cifar10 import CIFAR10, CLASSES
from synthgen.data.plain_pickle import load_table
from synthgen.representations import Pixels


def load(root, **options):
    return CIFAR10(CIFAR10.Config(root=root, **options), Pixels(height=32, width=32, channels=3))


def labelled(*parts):
    """Every picture and its label."""
    return sorted(
        (x.tobytes(), label)
        for part in parts
        for x, label in zip(part.pictures.x, part.pictures.labels["class"].tolist(), strict=True)
    )


def test_the_official_batches_become_parts(tmp_path):
    dataset = load(write_cifar(tmp_path, cifar_batches()))
    stored = [make_pictures(4, (3072,), seed=number) for number in range(6)]
    names = [x.tobytes() for batch in stored for x in batch]
    expected = [(name, row % 10) for row, name in enumerate(names)]
    assert labelled(dataset.train, dataset.valid) == sorted(expected[:20])
    assert labelled(dataset.test) == sorted(expected[20:])
    assert (len(dataset.train), len(dataset.valid), len(dataset.test)) == (18, 2, 4)
    assert dataset.spec.field("class").names == CLASSES


def test_folder_and_archive_and_the_folders_of_these_are_the_same(tmp_path):
    folder = write_cifar(tmp_path / "a", cifar_batches())
    archive = pack_cifar(tmp_path / "cifar-10-python.tar.gz", cifar_batches())
    sets = [load(root) for root in (folder, tmp_path / "a", archive, tmp_path)]
    assert len({dataset.split_hash for dataset in sets}) == 1
    assert load(folder, seed=1).split_hash != sets[0].split_hash


def test_batches_that_python_3_wrote_are_read(tmp_path):
    batches = cifar_batches()
    expected = load(write_cifar(tmp_path / "a", batches)).split_hash
    for name, content in batches.items():
        batch = pickle.loads(content, encoding="bytes")
        batches[name] = pickle.dumps({key.decode(): value for key, value in batch.items()}, protocol=4)
    assert load(write_cifar(tmp_path / "b", batches)).split_hash == expected


def test_class_folders_become_parts(tmp_path):
    expected = {"train": [], "test": []}
    for part, count in {"train": 4, "test": 2}.items():
        for number, name in enumerate(CLASSES):
            for row, pixels in enumerate(make_pictures(count, (32, 32, 3), seed=10 * count + number)):
                write_png(tmp_path / part / name / f"{row}.png", pixels)
                expected[part].append((pixels.transpose(2, 0, 1).tobytes(), number))
    dataset = load(tmp_path)
    assert labelled(dataset.train, dataset.valid) == sorted(expected["train"])
    assert labelled(dataset.test) == sorted(expected["test"])


def x_and_labels(count=4, columns=3072):
    return {b"data": make_pictures(count, (columns,)), b"labels": list(range(count))}


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ([1, 2], "not a pickle of plain data .it holds a list instead of a table.; download it again"),
        ({}, r"data must be an array of \(N, 3072\)"),
        (x_and_labels(columns=3071), r"data must be an array of \(N, 3072\)"),
        ({**x_and_labels(), b"data": np.zeros((4, 3072), np.float32)}, "it holds an array that is not of uint8"),
        ({**x_and_labels(), b"labels": [1, 2, 3]}, "labels must be a list of 4, one a picture"),
        ({**x_and_labels(), b"labels": [1, 2, 3, 10]}, "label 3 is 10, must be between 0 and 9"),
        ({**x_and_labels(), b"labels": [-1, 2, 3, 4]}, "label 0 is -1, must be between 0 and 9"),
        ({**x_and_labels(), b"labels": [1, "2", 3, 4]}, "label 1 is '2', must be between 0 and 9"),
    ],
)
def test_bad_batches_are_named(tmp_path, batch, message):
    folder = write_cifar(tmp_path, {**cifar_batches(), "data_batch_3": pickle.dumps(batch, protocol=4)})
    with pytest.raises(UserError, match=rf"^{folder}/data_batch_3: .*{message}") as error:
        load(folder)
    assert "\n" not in str(error.value)


class Hostile:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("function", [os.mkdir, eval, np.load, np.fromfile, getattr])
def test_a_pickle_that_names_code_runs_none(tmp_path, function, protocol):
    target = tmp_path / "made"
    content = pickle.dumps({b"data": Hostile(function, str(target))}, protocol=protocol)
    folder = write_cifar(tmp_path, {**cifar_batches(), "data_batch_1": content})
    with pytest.raises(UserError, match=r"data_batch_1: not a pickle of plain data \(it asks for \w+.\w+\)"):
        load(folder)
    assert not target.exists()


def test_an_array_that_claims_a_huge_size_is_refused():
    content = python2_pickle(make_pictures(2, (6,)), [0, 1])
    assert load_table(content, "x")["data"].shape == (2, 6)
    huge = content.replace(b"J\x02\x00\x00\x00J\x06\x00\x00\x00", b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f")
    with pytest.raises(UserError, match=r"x: not a pickle of plain data \(cannot reshape"):
        load_table(huge, "x")


@given(st.data())
def test_a_damaged_pickle_is_read_or_refused(data):
    content = bytearray(python2_pickle(make_pictures(2, (6,)), [0, 1]))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert isinstance(load_table(bytes(content[: data.draw(st.integers(0, len(content)))]), "x"), dict)
    except UserError as error:
        assert str(error).startswith("x: not a pickle of plain data (")
        assert "\n" not in str(error)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_an_interrupted_download_is_named(tmp_path, share):
    archive = pack_cifar(tmp_path / "cifar-10-python.tar.gz", cifar_batches())
    content = archive.read_bytes()
    archive.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match=r"cifar-10-python\.tar\.gz: cut off or damaged .*; download it again"):
        load(archive)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none: must hold cifar-10-batches-py, .*--data\.root; .*~kriz/cifar\.html"):
        load(tmp_path / "none")
    folder = write_cifar(tmp_path, cifar_batches())
    (folder / "data_batch_2").unlink()
    with pytest.raises(
        UserError, match=r"data_batch_2: cannot read \(No such file .*\); check --data\.root; .* at https"
    ):
        load(tmp_path)
    batches = cifar_batches()
    del batches["test_batch"]
    with pytest.raises(UserError, match=r"c\.tar\.gz: there is no test_batch in it; download it again from https://"):
        load(pack_cifar(tmp_path / "c.tar.gz", batches))


@pytest.mark.parametrize(
    ("name", "pixels", "message"),
    [
        ("test/cat/b.png", make_pictures(31, (32, 3)), "31 x 32 pixels must be 32 x 32; take the set's own pictures"),
        ("test/cat/b.png", make_pictures(32, (32,)), r"mode L must be RGB"),
        ("test/kat/b.png", make_pictures(32, (32, 3)), r"class='kat' is not known; did you mean 'cat'"),
    ],
)
def test_bad_pictures_in_class_folders_are_named(tmp_path, name, pixels, message):
    for part in ("train", "test"):
        for row in range(2):
            write_png(tmp_path / part / "cat" / f"a{row}.png", make_pictures(32, (32, 3)))
    write_png(tmp_path / name, pixels)
    with pytest.raises(UserError, match=rf"^{tmp_path / name}: {message}") as error:
        load(tmp_path)
    assert "\n" not in str(error.value)


def test_an_empty_folder_is_named(tmp_path):
    write_png(tmp_path / "train" / "cat" / "a.png", make_pictures(32, (32, 3)))
    with pytest.raises(UserError, match=r"test: there are no pictures in it"):
        load(tmp_path)


def test_the_real_excerpt(test_data):
    dataset = load(test_data / "cifar10")
    assert (len(dataset.train), len(dataset.valid), len(dataset.test)) == (900, 100, 200)
    counts = sum(p.pictures.labels["class"].bincount(minlength=10) for p in (dataset.train, dataset.valid))
    assert counts.tolist() == [100] * 10
    means = dataset.train.pictures.x.mean((0, 2, 3)) / 255
    assert np.abs(means - [0.491, 0.482, 0.447]).max() < 0.03
