import gzip
import shutil
import struct
import tracemalloc

import numpy as np
import pytest
import torch
from toy_pictures import idx, make_pictures, write_idx, write_mnist

from synthgen.checks import UserError
from synthgen.data.idx import read_idx
from synthgen.data.mnist import MNIST
from synthgen.representations import Pixels


def load(root, **options):
    return MNIST(MNIST.Config(root=root, **options), Pixels())


def rows(part, stored):
    """Where in a file each picture of a part is."""
    at = {pixels.tobytes(): row for row, pixels in enumerate(stored)}
    return [at[pixels.tobytes()] for pixels in part.pictures.x]


@pytest.mark.parametrize(("suffix", "separator"), [("", "-"), (".gz", "-"), ("", "."), (".gz", ".")])
def test_the_official_files_become_parts(tmp_path, suffix, separator):
    dataset = load(write_mnist(tmp_path, suffix, separator=separator))
    train, valid, test = dataset.train, dataset.valid, dataset.test
    assert sorted(rows(train, make_pictures(30)) + rows(valid, make_pictures(30))) == list(range(30))
    assert np.array_equal(test.pictures.x[:, 0], make_pictures(10, seed=1))
    assert [row % 10 for row in rows(valid, make_pictures(30))] == valid.batch(torch.arange(3)).labels["digit"].tolist()
    assert test.pictures.labels["digit"].tolist() == list(range(10))
    assert dataset.spec.field("digit").names == tuple("0123456789")
    assert load(tmp_path, seed=1).split_hash != dataset.split_hash == load(tmp_path).split_hash


def test_clothes_are_called_by_their_names(tmp_path):
    dataset = load(write_mnist(tmp_path), names="fashion")
    assert dataset.spec.field("class").names[9] == "Ankle boot"
    assert set(dataset.train.batch(torch.tensor([0])).labels) == {"class"}


def test_the_only_files_like_those_asked_for_are_found(tmp_path):
    write_mnist(tmp_path, ".gz", train="train-first6000")
    shutil.copy(tmp_path / "t10k-images-idx3-ubyte.gz", tmp_path / "train-images-idx3-ubyte.part.gz")
    assert len(load(tmp_path).train) == 27
    write_mnist(tmp_path, train="train-second")
    with pytest.raises(UserError, match=r"several sets \(train-first6000, train-second\); name one with --data\.train"):
        load(tmp_path)
    assert len(load(tmp_path, train="train-second").train) == 27
    write_mnist(tmp_path)
    assert len(load(tmp_path).train) == 27


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("train-labels-idx1-ubyte", np.arange(29) % 10, "29 labels for 30 pictures; take both files from one set"),
        ("t10k-labels-idx1-ubyte", [*range(9), 10], "label 9 is 10, must be between 0 and 9"),
        ("train-images-idx3-ubyte", np.zeros((30, 14, 14)), "MNIST of digits, train: pictures of 14 x 14 pixels and 1"),
        ("train-images-idx3-ubyte", np.zeros(30), "begins with 00000801, idx files of pictures with 00000803"),
        ("train-images-idx3-ubyte", np.zeros((0, 28, 28)), "holds no pictures after its header; download it again"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_bad_files_are_named(tmp_path, file, content, message, suffix):
    write_mnist(tmp_path, suffix)
    write_idx(tmp_path / (file + suffix), content)
    with pytest.raises(UserError, match=message) as error:
        load(tmp_path)
    assert "representation" in str(error.value) or str(error.value).startswith(str(tmp_path / file))


def test_what_is_missing_is_named_with_where_it_is_published(tmp_path):
    with pytest.raises(UserError, match=r"none: no such folder; .* --data\.root; .* https://.*/mnist/"):
        load(tmp_path / "none")
    with pytest.raises(
        UserError,
        match=r"train-images-idx3-ubyte: no such file, nor with \.gz; check --data\.root; .* at https://.*fashion",
    ):
        load(tmp_path, names="fashion")
    (write_mnist(tmp_path) / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte: no such file"):
        load(tmp_path)
    with pytest.raises(UserError, match=r"data.names='fashoin' is not known; did you mean 'fashion'"):
        load(tmp_path, names="fashoin")


@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_that_is_too_long_or_ends_anywhere_early_is_refused(tmp_path, zipped):
    content = idx(make_pictures(7, (3, 3)))
    stored = gzip.compress(content) if zipped else content
    path = tmp_path / "a"
    for end in range(0, len(content), 5):
        # A gzip stream ends early where its picture data do, its trailer cut away too.
        cut = gzip.compress(content[:end])[:-8] if zipped else content[:end]
        path.write_bytes(cut)
        whole = max(0, end - 16) // 9
        expected = "begins with|holds no" if end <= 16 else rf"cut off, {whole} of 7 .*ends at byte {len(cut)}\)"
        with pytest.raises(UserError, match=expected):
            read_idx(path, ndim=3)
    path.write_bytes(gzip.compress(content + b"x") if zipped else content + b"x")
    with pytest.raises(UserError, match="longer than the 7 x 3 x 3 bytes that its header says"):
        read_idx(path, ndim=3)
    path.write_bytes(stored)
    assert np.array_equal(read_idx(path, ndim=3), make_pictures(7, (3, 3)))


def test_a_damaged_gzip_stream_is_refused(tmp_path):
    content = bytearray(gzip.compress(idx(make_pictures(7, (3, 3)))))
    for place in (3, 40, -8):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        (tmp_path / "a.gz").write_bytes(damaged)
        with pytest.raises(UserError, match=r"a\.gz: (cannot be read|cut off|begins with|longer)"):
            read_idx(tmp_path / "a.gz", ndim=3)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("shape", [(2**32 - 1, 28, 28), (2**32 - 1,) * 3, (1, 2**31, 2**31)])
def test_a_header_that_claims_a_huge_size_takes_no_memory(tmp_path, pack, shape):
    (tmp_path / "a").write_bytes(pack(bytes([0, 0, 8, 3]) + struct.pack(">3I", *shape) + bytes(800)))
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=rf"cut off, [01] of {shape[0]} pictures are there"):
            read_idx(tmp_path / "a", ndim=3)
        assert tracemalloc.get_traced_memory()[1] < 4e6
    finally:
        tracemalloc.stop()


def test_the_real_excerpt(test_data, tmp_path):
    dataset = load(test_data / "mnist")
    assert (len(dataset.train), len(dataset.valid), len(dataset.test)) == (5400, 600, 10_000)
    labels = dataset.test.pictures.labels["digit"]
    assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.abs(dataset.train.pictures.x.mean() / 255 - 0.1307) < 0.002


def test_a_real_interrupted_download_says_how_much_is_there(test_data, tmp_path):
    write_mnist(tmp_path, ".gz")
    path = tmp_path / "train-images-idx3-ubyte.gz"
    shutil.copyfile(test_data / "mnist/train-images-idx3-ubyte.TRUNCATED-1MiB.gz", path)
    with pytest.raises(UserError) as error:
        load(tmp_path)
    there = "cut off, 6309 of 60000 pictures are there (the file ends at byte 1048576)"
    assert str(error.value) == f"{path}: {there}; download it again"
