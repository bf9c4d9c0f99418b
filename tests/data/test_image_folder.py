import numpy as np
import pytest
import torch
from toy_pictures import make_pictures, write_png

from synthgen.checks import UserError
from synthgen.data.image_folder import ImageFolder, list_pictures, load_pictures
from synthgen.data.picture_file import fit_picture
from synthgen.representations import Pixels

REPRESENTATION = Pixels(height=4, width=6, channels=3)


def load(root, representation=REPRESENTATION, **options):
    return ImageFolder(ImageFolder.Config(root=root, **options), representation)


@pytest.fixture
def folder(tmp_path):
    """Pictures of several sizes and modes in three folders, the first at two depths."""
    for row, name in enumerate(("cats/a", "cats/old/b", "dogs/a", "dogs/b", "dogs/c", "hens/a", "hens/b", "hens/c")):
        shape = (5 + row, 9 - row % 3)
        pixels = make_pictures(shape[0], (shape[1], 3), seed=row) if row % 2 else make_pictures(*shape[:1], shape[1:])
        write_png(tmp_path / "set" / f"{name}.png", pixels)
    return tmp_path / "set"


def everything(dataset):
    return {x.tobytes() for part in (dataset.train, dataset.valid, dataset.test) for x in part.pictures.x}


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_picture_is_there_in_the_size_asked_for(folder, channels):
    dataset = load(folder, Pixels(height=4, width=6, channels=channels))
    assert [len(part) for part in (dataset.train, dataset.valid, dataset.test)] == [6, 1, 1]
    expected = {fit_picture(path, size=(channels, 4, 6)).tobytes() for path in folder.rglob("*.png")}
    assert everything(dataset) == expected
    assert dataset.fields == ()
    assert dataset.train.batch(torch.tensor([0])).x.shape == (1, channels, 4, 6)


def test_labels_are_the_outermost_folders(folder):
    dataset = load(folder, labels="folders")
    names = dataset.spec.field("class").names
    assert names == ("cats", "dogs", "hens")
    found = {
        (names[label], x.tobytes())
        for part in (dataset.train, dataset.valid, dataset.test)
        for x, label in zip(part.pictures.x, part.pictures.labels["class"].tolist(), strict=True)
    }
    expected = {
        (path.relative_to(folder).parts[0], fit_picture(path, size=(3, 4, 6)).tobytes())
        for path in folder.rglob("*.png")
    }
    assert found == expected


def test_the_split_depends_on_the_seed_alone(folder):
    assert load(folder).split_hash == load(folder).split_hash
    assert len({load(folder, seed=seed).split_hash for seed in range(4)}) > 1


def test_other_and_hidden_files_are_passed_over(folder):
    before = list_pictures(folder)
    (folder / "readme.txt").write_text("x")
    (folder / "._a.png").write_text("x")
    (folder / "folder.png").mkdir()
    write_png(folder / ".thumbnails" / "a.png", make_pictures(4, (4,)))
    assert list_pictures(folder) == before
    write_png(folder / "upper.PNG", make_pictures(4, (4,)))
    assert len(list_pictures(folder)) == len(before) + 1


def test_a_broken_picture_stops_or_is_skipped_and_counted(folder, capsys):
    whole = everything(load(folder))
    (folder / "dogs" / "z.png").write_bytes((folder / "dogs" / "a.png").read_bytes()[:60])
    (folder / "hens" / "z.jpg").write_text("<html>")
    with pytest.raises(
        UserError, match=r"[dh]\w+s/z\.\w+: (not a picture|cannot read) .*; or leave .* out by --data\.skip-bad"
    ) as error:
        load(folder)
    assert "\n" not in str(error.value)
    dataset = load(folder, labels="folders", skip_bad=True)
    assert everything(dataset) == whole
    assert sorted(message.split(":")[0] for message in dataset.skipped) == [
        str(folder / "dogs" / "z.png"),
        str(folder / "hens" / "z.jpg"),
    ]
    assert "bad pictures left out: 2, first" in capsys.readouterr().err
    names = dataset.spec.field("class").names
    for part in (dataset.train, dataset.valid, dataset.test):
        for x, label in zip(part.pictures.x, part.pictures.labels["class"], strict=True):
            paths = (folder / names[label]).rglob("?.png")
            assert x.tobytes() in {fit_picture(p, size=(3, 4, 6)).tobytes() for p in paths if p.stem != "z"}


def test_what_was_read_is_told(folder):
    paths = list_pictures(folder)
    paths[2].write_text("x")
    x, read, skipped = load_pictures(paths, REPRESENTATION, skip_bad=True)
    assert read == [0, 1, 3, 4, 5, 6, 7]
    assert len(skipped) == 1
    assert all(np.array_equal(x[i], fit_picture(paths[row], size=(3, 4, 6))) for i, row in enumerate(read))


def test_refusals(folder, tmp_path):
    with pytest.raises(UserError, match=r"none: no such folder; check --data\.root$"):
        load(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: there are no pictures in it \(\.jpg, .*\); check --data\.root"):
        load(tmp_path / "empty")
    with pytest.raises(UserError, match=r"2 picture.* too few"):
        load(folder / "cats")
    with pytest.raises(UserError, match=r"data\.labels='folder' is not known; did you mean 'folders'"):
        load(folder, labels="folder")
    with pytest.raises(UserError, match=r"channels=2 must be 1, 3 or 4; change representation\.channels"):
        load(folder, Pixels(height=4, width=4, channels=2), skip_bad=True)
    path = write_png(folder / "x.png", make_pictures(4, (4,)))
    with pytest.raises(UserError, match=rf"{path}: lies in no class's folder; .*--data\.labels"):
        load(folder, labels="folders")
    for path in list_pictures(folder):
        path.write_text("x")
    with pytest.raises(UserError, match="set: there are no pictures in its part train"):
        load(folder, skip_bad=True)


def test_the_real_excerpt_keeps_its_light(test_data):
    dataset = load(test_data / "celeba" / "full_size", Pixels(height=32, width=32, channels=3))
    assert sum(map(len, (dataset.train, dataset.valid, dataset.test))) == 33
    path = list_pictures(test_data / "celeba" / "full_size")[0]
    large, small = (fit_picture(path, size=(3, side, side)).mean((1, 2)) for side in (178, 32))
    assert np.abs(large - small).max() < 1
