from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from synthgen.checks import UserError
from synthgen.data.chair_builder import Config, build
from synthgen.data.chair_layout import ROTATIONS, VIEWS, view_name
from synthgen.data.chairs import Chairs, View, find_views, split
from synthgen.representations import Pixels

SIZE = 16
PIXELS = Pixels(height=SIZE, width=SIZE, channels=3, levels=None)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Three chairs; not to be changed."""
    out = tmp_path_factory.mktemp("chairs") / "out"
    build(Config(out=out, count=3, size=SIZE, workers=1))
    return out


@pytest.fixture
def flat(tmp_path):
    """A set of one grey a chair, in the published layout, with the file that lies beside the chairs."""
    for chair, grey in (("1a2b", 40), ("3c4d", 200)):
        renders = tmp_path / "rendered_chairs" / chair / "renders"
        renders.mkdir(parents=True)
        for view in VIEWS:
            Image.new("RGB", (24, 24), (grey,) * 3).save(renders / view_name(*view))
    (tmp_path / "rendered_chairs" / "all_chair_names.mat").write_bytes(b"MATLAB 5.0")
    return tmp_path


def read(root, **options):
    return Chairs(Chairs.Config(root=root, **options), PIXELS)


def rows(part):
    """Chair, rotation and elevation of each picture."""
    labels = part.pictures.labels
    return list(zip(*(labels[name].tolist() for name in ("chair", "rotation", "elevation")), strict=True))


def test_every_view_is_in_one_part_with_its_labels(built):
    data = read(built)
    chair, rotation, elevation = data.fields
    assert chair.names == ("drawn-0-00000", "drawn-0-00001", "drawn-0-00002")
    assert (rotation.kind, elevation.values) == ("angle", (20.0, 30.0))
    every = [row for part in (data.train, data.valid, data.test) for row in rows(part)]
    wanted = [(c, np.float32(turn).item(), float(rise)) for c in range(3) for turn, rise in VIEWS]
    assert sorted(every) == sorted(wanted)
    batch = data.train.batch(torch.arange(4))
    assert batch.x.shape == (4, 3, SIZE, SIZE) and batch.labels["chair"].dtype == torch.int64
    assert data.spec.shape == (3, SIZE, SIZE)


def test_the_pictures_are_those_of_the_files(built):
    data = read(built)
    for part in (data.train, data.valid, data.test):
        for index in (0, len(part) // 2):
            chair, turn, rise = rows(part)[index]
            view = next((t, e) for t, e in VIEWS if np.float32(t).item() == turn and e == rise)
            path = built / "rendered_chairs" / data.fields[0].names[chair] / "renders" / view_name(*view)
            assert np.array_equal(part.pictures.x[index], np.asarray(Image.open(path)).transpose(2, 0, 1))


def test_larger_renders_are_scaled_without_aliasing_on_white(tmp_path):
    renders = tmp_path / "one" / "renders"
    renders.mkdir(parents=True)
    stripes = np.full((600, 600, 3), 255, np.uint8)
    stripes[150:450, 150:450] = np.where(np.arange(300) % 2, 255, 0)[:, None]
    for view in VIEWS[:12]:
        Image.fromarray(stripes).save(renders / view_name(*view))
    x = read(tmp_path).train.pictures.x[0]
    assert x.shape == (3, SIZE, SIZE) and x[:, :3].min() > 245 and x[:, :, -3:].min() > 245
    assert abs(x[:, 6:10, 6:10].astype(int) - 127).max() < 12


def test_held_out_rotations_are_others_of_each_chair_at_both_elevations(built):
    data = read(built)
    for part in (data.valid, data.test):
        turns = [{r[1] for r in rows(part) if r[0] == chair} for chair in range(3)]
        assert [len(each) for each in turns] == [3, 3, 3]
        assert len({frozenset(each) for each in turns}) > 1
        assert {(c, t) for c, t, e in rows(part) if e == 20} == {(c, t) for c, t, e in rows(part) if e == 30}
    shown = {row[:2] for row in rows(data.train)}
    assert not shown & {row[:2] for part in (data.valid, data.test) for row in rows(part)}


def test_whole_rotations_are_held_out_of_all_chairs(built):
    data = read(built, hold_out="rotation")
    shown, valid, test = ({row[1] for row in rows(part)} for part in (data.train, data.valid, data.test))
    assert (len(shown), len(valid), len(test)) == (25, 3, 3)
    assert not shown & valid and not shown & test and not valid & test
    assert {row[0] for row in rows(data.test)} == {0, 1, 2}


@pytest.mark.parametrize("by_chair", [True, False])
def test_the_split_of_a_chair_does_not_depend_on_the_others(tmp_path, by_chair):
    views = [View(path=tmp_path, chair=c, rotation=t, elevation=e) for c in "abcde" for t, e in VIEWS]
    few = views[: 2 * len(VIEWS)]
    all_rows, few_rows = split(views, by_chair=by_chair), split(few, by_chair=by_chair)
    for part, found in few_rows.items():
        assert found.tolist() == [row for row in all_rows[part] if row < len(few)]


def test_the_split_does_not_change():
    """A checkpoint's held-out views are held out for ever."""
    views = [View(path=None, chair="drawn-0-00000", rotation=turn, elevation=20) for turn in ROTATIONS]
    assert {p: r.tolist() for p, r in split(views, by_chair=True).items() if p != "train"} == {
        "valid": [6, 11, 30],
        "test": [0, 9, 21],
    }


def test_rotations_as_categories_are_named_by_their_degrees(built):
    data = read(built, rotation="category")
    rotation = data.spec.field("rotation")
    assert (rotation.kind, rotation.size) == ("category", 31)
    assert rotation.names[:3] == ("0.0", "11.6", "23.2")
    circle = read(built)
    named = [float(rotation.names[i]) for i in data.test.pictures.labels["rotation"]]
    np.testing.assert_allclose(named, circle.test.pictures.labels["rotation"], atol=0.06)


def test_either_folder_may_be_named_and_fewer_chairs_taken(flat):
    outer, inner = read(flat), read(flat / "rendered_chairs")
    assert outer.split_hash == inner.split_hash
    assert outer.fields[0].names == ("1a2b", "3c4d")
    one = read(flat, limit=1)
    assert one.fields[0].names == ("1a2b",)
    assert (one.train.pictures.x == 40).all()


def test_missing_views_are_told_and_the_rest_is_used(flat, capsys):
    for path in sorted((flat / "rendered_chairs" / "3c4d" / "renders").iterdir())[:22]:
        path.unlink()
    data = read(flat)
    assert sum(map(len, (data.train, data.valid, data.test))) == 2 * 62 - 22
    assert "1 of 2 chairs have fewer than 62 views, first 3c4d with 40" in capsys.readouterr().err
    assert {row[0] for row in rows(data.test)} == {0, 1}


def test_a_chair_without_any_view_is_left_out_and_told(flat, capsys):
    for path in (flat / "rendered_chairs" / "3c4d" / "renders").iterdir():
        path.unlink()
    data = read(flat)
    assert data.fields[0].names == ("1a2b",)
    assert "chairs without any view left out: 1, first 3c4d" in capsys.readouterr().err


def test_a_whole_set_is_read_in_silence(flat, capsys):
    read(flat)
    assert "views" not in capsys.readouterr().err


def test_a_broken_picture_is_named_or_left_out(flat, capsys):
    path = flat / "rendered_chairs" / "1a2b" / "renders" / view_name(ROTATIONS[4], 30)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UserError, match=rf"{path.name}: .*--data.skip-bad"):
        read(flat)
    data = read(flat, skip_bad=True)
    assert sum(map(len, (data.train, data.valid, data.test))) == 2 * 62 - 1
    err = capsys.readouterr().err
    assert "bad pictures left out: 1" in err and "first 1a2b with 61" in err


def test_a_missing_folder_says_where_to_get_one_and_how_to_draw_one(tmp_path):
    (tmp_path / "empty").mkdir()
    for root in (tmp_path / "none", tmp_path / "empty"):
        with pytest.raises(UserError, match=r"rendered_chairs\.tar\); `synthgen data chairs --out DIR`") as error:
            find_views(root)
        assert len(str(error.value).splitlines()) == 1


def test_an_unfinished_set_is_refused(built, tmp_path):
    (tmp_path / ".building").mkdir()
    (tmp_path / "rendered_chairs").symlink_to(built / "rendered_chairs")
    for root in (tmp_path, tmp_path / "rendered_chairs"):
        with pytest.raises(UserError, match="not all drawn; repeat the command"):
            find_views(root)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hold_out": "chair"}, "hold_out='chair'"),
        ({"rotation": "square"}, "rotation='square'"),
        ({"points": 2}, "points=2"),
    ],
)
def test_bad_options_are_named(flat, options, message):
    with pytest.raises(UserError, match=message):
        read(flat, **options)
