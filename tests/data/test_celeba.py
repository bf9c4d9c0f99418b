from __future__ import annotations

import io
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from toy_pictures import make_pictures

from synthgen.checks import UserError
from synthgen.data.celeba import CelebA, find_pictures, read_attributes
from synthgen.data.picture_file import fit_picture
from synthgen.data.picture_source import PictureSource
from synthgen.representations import Pixels

PIXELS = Pixels(height=8, width=8, channels=3, levels=None)
NAMES = ("Bald", "Smiling", "Young")
COUNT = 12


def jpeg(number):
    """A picture of 18 x 22 pixels."""
    file = io.BytesIO()
    Image.fromarray(make_pictures(22, (18, 3), seed=number)).save(file, "JPEG", quality=95)
    return file.getvalue()


def name_of(number):
    return f"{number + 1:06d}.jpg"


def flags_of(number):
    return [number >> bit & 1 for bit in range(3)]


def rows(numbers=range(COUNT)):
    return [f"{name_of(n)} " + " ".join(f"{2 * flag - 1:2d}" for flag in flags_of(n)) for n in numbers]


def write_attributes(folder, lines=None, *, count=COUNT):
    lines = rows() if lines is None else lines
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(count), " ".join(NAMES) + " ", *lines, ""]))


def contents(count=COUNT):
    return {name_of(n): jpeg(n) for n in range(count)}


@pytest.fixture(name="contents")
def _contents():
    return contents()


def lay_out(root, form, contents):
    """The set as published, in one of its forms; a hidden file lies about, as archives made on a Mac have it."""
    root.mkdir(exist_ok=True)
    write_attributes(root, rows([int(name[:6]) - 1 for name in contents]), count=len(contents))
    contents = {f"img_align_celeba/{name}": content for name, content in contents.items()}
    contents["img_align_celeba/._000001.jpg"] = b"x"
    if form == "folder":
        for name, content in contents.items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_bytes(content)
    elif form == "zip":
        with zipfile.ZipFile(root / "img_align_celeba.zip", "w") as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(root / f"img_align_celeba{form}", "w:gz" if form.endswith("gz") else "w") as archive:
            for name, content in contents.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return root


def load(root, representation=PIXELS, **options):
    return CelebA(CelebA.Config(root=root, **options), representation)


def everything(data):
    """Pictures with their flags, whatever the part."""
    return {
        (x.tobytes(), tuple(flags.tolist()))
        for part in (data.train, data.valid, data.test)
        for x, flags in zip(part.pictures.x, part.pictures.labels["attributes"], strict=True)
    }


@pytest.mark.parametrize("form", ["folder", "zip", ".tar", ".tar.gz"])
def test_every_form_holds_the_same(tmp_path, contents, form, capsys):
    data = load(lay_out(tmp_path / "celeba", form, contents))
    expected = {
        (fit_picture(io.BytesIO(content), size=(3, 8, 8), zoom=1.25).tobytes(), tuple(map(float, flags_of(n))))
        for n, content in enumerate(contents.values())
    }
    assert everything(data) == expected
    assert [len(part) for part in (data.train, data.valid, data.test)] == [10, 1, 1]
    field = data.spec.field("attributes")
    assert (field.kind, field.names) == ("multihot", NAMES)
    assert capsys.readouterr().err == ""
    batch = data.train.batch(torch.tensor([1, 0]))
    assert batch.x.shape == (2, 3, 8, 8)
    assert batch.labels["attributes"].shape == (2, 3)


def test_the_set_is_found_by_its_folder_its_pictures_or_its_archive(tmp_path, contents):
    root = lay_out(tmp_path / "a", "folder", contents)
    packed = lay_out(tmp_path / "b", "zip", contents)
    same = [load(path).split_hash for path in (root, root / "img_align_celeba", packed / "img_align_celeba.zip")]
    assert len(set(same)) == 1
    (packed / "img_align_celeba.89x109.tar").write_bytes(b"")
    with pytest.raises(UserError, match=r"holds img_align_celeba\.89x109\.tar, img_align_celeba\.zip; give one"):
        find_pictures(packed)


def test_the_middle_is_cut_out_as_asked(tmp_path):
    """A picture whose middle half is white and whose rim is black, of the published shape."""
    pixels = np.zeros((218, 178, 3), np.uint8)
    pixels[65:154, 45:134] = 255
    Image.fromarray(pixels).save(tmp_path / "x.png")
    shares = [fit_picture(tmp_path / "x.png", size=(3, 32, 32), zoom=zoom).mean() / 255 for zoom in (1.0, 1.25, 2.0)]
    assert shares[0] == pytest.approx(0.25, abs=0.01)
    assert shares[1] == pytest.approx(0.25 * 1.25**2, abs=0.02)
    assert shares[2] > 0.97


def test_broken_pictures_are_skipped_and_counted(tmp_path, contents, capsys):
    whole = everything(load(lay_out(tmp_path / "a", "zip", dict(list(contents.items())[2:]))))
    capsys.readouterr()
    contents[name_of(0)] = contents[name_of(0)][:300]
    contents[name_of(1)] = b"<html>"
    data = load(lay_out(tmp_path / "b", "zip", contents))
    assert everything(data) == whole
    assert len(data.skipped) == 2
    assert "bad pictures left out: 2, first img_align_celeba/000001.jpg: cannot read" in capsys.readouterr().err


def test_rows_count_where_the_first_line_disagrees(tmp_path, contents, capsys):
    root = lay_out(tmp_path / "celeba", "folder", contents)
    whole = everything(load(root))
    capsys.readouterr()
    write_attributes(root, count=202_599)
    assert everything(load(root)) == whole
    expected = "list_attr_celeba.txt: its first line says 202599 pictures, it has rows of 12; the rows were taken\n"
    assert capsys.readouterr().err.endswith(expected)
    write_attributes(root, rows(range(8)), count=8)
    assert len(everything(load(root))) == 8
    assert "img_align_celeba: pictures without a row of attributes left out: 4\n" in capsys.readouterr().err


def test_a_table_with_commas_and_no_count_is_read(tmp_path):
    path = tmp_path / "list_attr_celeba.csv"
    path.write_text("image_id,Bald,Young\n000001.jpg,-1,1\n000002.jpg,1,-1\n")
    table = read_attributes(path)
    assert table.names == ("Bald", "Young")
    assert {name: flags.tolist() for name, flags in table.flags.items()} == {"000001": [0, 1], "000002": [1, 0]}
    assert table.remark == ""


def test_the_published_split_is_kept(tmp_path, contents):
    root = lay_out(tmp_path / "celeba", ".tar", contents)
    parts = [0] * 6 + [1] * 4 + [2] * 2
    lines = [f"{name_of(n)} {part}\n" for n, part in enumerate(parts)]
    (root / "list_eval_partition.txt").write_text("".join(lines))
    data = load(root, split="official")
    assert [len(part) for part in (data.train, data.valid, data.test)] == [6, 4, 2]
    assert data.test.pictures.labels["attributes"].tolist() == [flags_of(10), flags_of(11)]
    (root / "list_eval_partition.txt").write_text("".join(lines[:-1]))
    with pytest.raises(UserError, match=r"list_eval_partition\.txt: lacks .*000012\.jpg; take both of one set"):
        load(root, split="official")


def test_pictures_alone_and_a_limit(tmp_path, contents):
    root = lay_out(tmp_path / "celeba", "zip", contents)
    (root / "list_attr_celeba.txt").unlink()
    data = load(root, labels="none", limit=5)
    assert data.fields == ()
    assert sum(map(len, (data.train, data.valid, data.test))) == 5
    with pytest.raises(UserError, match=r"list_attr_celeba\.txt: no such file; .*--data\.labels none"):
        load(root)
    with pytest.raises(UserError, match=r"list_eval_partition\.txt: no such file; .*--data\.split random"):
        load(root, labels="none", split="official")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["000001.jpg 1 1"], r"line 3 has 2 values, must have 3; mend the file"),
        (["000001.jpg 1 1 2"], r"line 3: '2' must be -1 or 1; mend the file"),
        ([], r"has no rows; check --data\.root; the set is published at https"),
        (["999999.jpg 1 1 1"], "none of its 12 pictures is in list_attr_celeba; take both of one set"),
    ],
)
def test_a_bad_table_is_one_line(tmp_path, contents, lines, message):
    root = lay_out(tmp_path / "celeba", "folder", contents)
    write_attributes(root, lines, count=len(lines))
    with pytest.raises(UserError, match=message) as error:
        load(root)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("none", r"none: no such folder or archive; check --data\.root; the set is published at https://mmlab.*zip"),
        (".", r"there is no img_align_celeba in it, neither folder, \.zip nor \.tar; check --data\.root; the set is"),
    ],
)
def test_a_missing_set_is_one_line_that_says_where_it_is(tmp_path, root, message):
    with pytest.raises(UserError, match=message):
        load(tmp_path / root)


@pytest.mark.parametrize("form", ["zip", ".tar", ".tar.gz"])
def test_a_cut_archive_is_one_line(tmp_path, contents, form):
    root = lay_out(tmp_path / "celeba", form, contents)
    path = next(root.glob("img_align_celeba*"))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"cut off or damaged .*; download it again") as error:
        load(root)
    assert "\n" not in str(error.value)


def test_an_archive_without_pictures(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("readme.txt", "x")
    with pytest.raises(UserError, match=r"x\.zip: there are no pictures in it"):
        PictureSource(tmp_path / "x.zip")


@pytest.mark.parametrize("options", [{"labels": "all"}, {"split": "half"}, {"zoom": 0.5}, {"limit": 0}], ids=str)
def test_bad_options_are_named(tmp_path, contents, options):
    with pytest.raises(UserError, match=rf"data\.{next(iter(options))}="):
        load(lay_out(tmp_path / "celeba", "folder", contents), **options)


def test_the_real_excerpt(test_data):
    data = load(test_data / "celeba", limit=40)
    assert [len(part) for part in (data.train, data.valid, data.test)] == [32, 4, 4]
    assert len(data.spec.field("attributes").names) == 40
    table = read_attributes(test_data / "celeba" / "list_attr_celeba.txt")
    assert len(table.flags) == 10_000
    smiling = table.names.index("Smiling")
    assert [int(table.flags[f"{n:06d}"][smiling]) for n in (1, 2, 3)] == [1, 1, 0]
