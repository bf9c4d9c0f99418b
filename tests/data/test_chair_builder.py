from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthgen import cli
from synthgen.checks import UserError
from synthgen.data import chair_builder, chair_legs, chair_parts
from synthgen.data.chair_builder import Config, build
from synthgen.data.chair_design import Chair, Draws
from synthgen.data.chair_layout import ROTATIONS, VIEWS, parse_view, view_name
from synthgen.data.chair_rendering import Camera, render

ROOT = Path(__file__).parents[2]
CHAIRS = [Chair(0, number) for number in range(40)]


def contents(out):
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def silhouette(chair, size=48, **camera):
    return render(chair.mesh(), Camera(**camera), size).min(0) < 250


@pytest.fixture
def quick(monkeypatch):
    """Only a few views a chair."""
    monkeypatch.setattr(chair_builder, "VIEWS", VIEWS[::10])


def test_a_chair_is_a_function_of_seed_and_number():
    one, same, number, seed = (Chair(*key).mesh() for key in ((3, 5), (3, 5), (3, 6), (4, 5)))
    assert np.array_equal(one.corners, same.corners) and np.array_equal(one.colours, same.colours)
    for other in (number, seed):
        assert one.corners.shape != other.corners.shape or not np.allclose(one.corners, other.corners)


def test_draws_are_uniform_and_apart():
    units = np.array([[Draws(1, number).unit(name) for number in range(500)] for name in ("a", "b")])
    assert abs(units.mean(1) - 0.5).max() < 0.05
    assert abs(np.corrcoef(units)[0, 1]) < 0.15
    assert 0 <= units.min() < 0.02 < 0.98 < units.max() < 1


def test_all_kinds_are_drawn():
    some = [Chair(0, number) for number in range(300)]
    assert {c.legs for c in some} == set(chair_legs.LEGS)
    assert {c.back for c in some} == set(chair_parts.BACKS)
    assert {c.arms for c in some} == set(chair_parts.ARMS)
    assert {c.stretchers for c in some} == set(chair_legs.STRETCHERS)
    assert {c.seat for c in some} == {"square", "flared", "round"}
    assert {c.cushion is None for c in some} == {True, False}


@pytest.mark.parametrize("chair", CHAIRS[:20], ids=lambda c: f"{c.number}-{c.legs}-{c.back}-{c.arms}")
def test_chairs_stand_upright_in_the_picture(chair):
    """The ball that the mesh fills is in the picture; the seat is about as high as the back above it is."""
    corners = chair.mesh().corners
    assert np.linalg.norm(corners, axis=-1).max() == pytest.approx(0.95)
    low, high = corners[..., 2].min(), corners[..., 2].max()
    width, depth = np.ptp(corners[..., 0]), np.ptp(corners[..., 1])
    assert 0.8 * max(width, depth) < high - low < 3 * max(width, depth)
    seat = chair.frame.seat_height / (chair.frame.seat_height + chair.frame.back_height)
    assert 0.4 < seat < 0.62
    dark = silhouette(chair, rotation=50, elevation=20)
    assert not (dark[0].any() or dark[-1].any() or dark[:, 0].any() or dark[:, -1].any())
    assert 0.04 < dark.mean() < 0.5


@pytest.mark.parametrize("chair", CHAIRS[:12], ids=lambda c: f"{c.number}-{c.legs}-{c.back}")
def test_from_opposite_sides_a_symmetric_chair_is_mirrored(chair):
    """Left and right are alike; along parallels and the ground, so are the views from the front and from behind."""
    for views in (
        [{"rotation": turn, "elevation": 20} for turn in (40, -40)],
        [{"rotation": turn, "elevation": 0, "distance": np.inf} for turn in (65, 245)],
    ):
        one, other = (silhouette(chair, **view) for view in views)
        assert (one != other[:, ::-1]).mean() < 0.004
    assert (one != other).mean() > 0.02, "the test would pass for any view"


def test_neighbouring_views_are_alike_and_the_front_is_not_the_back():
    chair = next(c for c in CHAIRS if c.back == "panel")
    front, beside, back = (render(chair.mesh(), Camera(rotation=turn, elevation=20), 64) for turn in (0, 4, 180))
    near, far = (np.abs(front.astype(float) - other).mean() for other in (beside, back))
    assert near < 0.5 * far


@pytest.mark.parametrize("view", VIEWS)
def test_names_of_views_tell_their_angles(view):
    assert parse_view(Path(view_name(*view))) == view


def test_the_names_are_the_published_ones():
    names = [view_name(*view) for view in VIEWS]
    assert names[0] == "image_000_p020_t000_r096.png" and names[30] == "image_030_p020_t348_r096.png"
    assert names[31] == "image_032_p030_t000_r096.png" and names[-1] == "image_062_p030_t348_r096.png"
    assert "image_057_p030_t290_r096.png" in names
    assert parse_view(Path("image_001_p020_t360_r096.png")) == (360.0, 20)
    assert parse_view(Path("all_chair_names.mat")) is None and parse_view(Path(".image_001.png.partial")) is None


@pytest.mark.usefixtures("quick")
def test_a_build_is_laid_out_as_published_and_holds_the_chairs(tmp_path):
    told = build(Config(out=tmp_path / "out", count=2, seed=7, size=24, workers=1))
    assert "2 chairs" in told and str(tmp_path / "out" / "rendered_chairs") in told
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["rendered_chairs"]
    for number in range(2):
        renders = tmp_path / "out" / "rendered_chairs" / f"drawn-7-{number:05d}" / "renders"
        assert sorted(p.name for p in renders.iterdir()) == [view_name(*view) for view in VIEWS[::10]]
        pixels = np.asarray(Image.open(renders / view_name(ROTATIONS[10], 20))).transpose(2, 0, 1)
        expected = render(Chair(7, number).mesh(), Camera(rotation=ROTATIONS[10], elevation=20), 24)
        assert np.array_equal(pixels, expected)


@pytest.mark.usefixtures("quick")
def test_same_seed_same_bytes(tmp_path):
    for name, count in (("one", 2), ("two", 2), ("more", 3)):
        build(Config(out=tmp_path / name, count=count, size=16, workers=1))
    one = contents(tmp_path / "one")
    assert len(one) == 2 * len(VIEWS[::10])
    assert contents(tmp_path / "two") == one
    assert contents(tmp_path / "more").items() > one.items()


@pytest.mark.usefixtures("quick")
def test_an_interrupted_build_goes_on_and_shows_no_half_chair(tmp_path, monkeypatch):
    config = Config(out=tmp_path / "out", count=3, size=16, workers=1)
    drawn = []

    def dying(mesh, camera, size):
        drawn.append(camera)
        if len(drawn) == len(VIEWS[::10]) + 3:
            raise KeyboardInterrupt
        return render(mesh, camera, size)

    monkeypatch.setattr(chair_builder, "render", dying)
    with pytest.raises(KeyboardInterrupt):
        build(config)
    assert [p.name for p in (tmp_path / "out" / "rendered_chairs").iterdir()] == ["drawn-0-00000"]
    with pytest.raises(UserError, match="unfinished build with other settings"):
        build(Config(out=tmp_path / "out", count=4, size=16, workers=1))
    drawn.clear()
    monkeypatch.setattr(chair_builder, "render", lambda *view: drawn.append(view) or render(*view))
    build(config)
    assert len(drawn) == 2 * len(VIEWS[::10])
    build(Config(out=tmp_path / "whole", count=3, size=16, workers=1))
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.slow
def test_a_build_killed_with_its_workers_at_work_goes_on(tmp_path):
    options = ["--count", "6", "--size", "16", "--workers", "2", "--out", str(tmp_path / "out")]
    with subprocess.Popen([sys.executable, "-m", "synthgen", "data", "chairs", *options], cwd=ROOT) as process:
        deadline = time.monotonic() + 120
        while not list((tmp_path / "out").glob("rendered_chairs/*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    for place in (tmp_path / "out" / "rendered_chairs").iterdir():
        assert len([Image.open(p).load() for p in place.rglob("*.png")]) == len(VIEWS)
    assert cli.main(["data", "chairs", *options]) == 0
    build(Config(out=tmp_path / "whole", count=6, size=16, workers=1))
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"count": 0}, "count=0"), ({"size": 4}, "size=4"), ({"workers": -1}, "workers=-1"), ({"seed": -1}, "seed=-1")],
)
def test_bad_options_are_named_before_anything_is_written(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        build(Config(out=tmp_path / "out", **options))
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("quick")
def test_a_full_disk_is_one_line_and_leaves_no_chair(tmp_path, monkeypatch):
    def full(image, path):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(UserError, match="the disk is full"):
        build(Config(out=tmp_path / "out", count=1, size=16, workers=1))
    assert not list((tmp_path / "out").glob("rendered_chairs/*"))


@pytest.mark.usefixtures("quick")
def test_the_command_builds_and_names_its_mistakes(tmp_path, capsys):
    words = ["data", "chairs", "--count", "1", "--size", "16", "--workers", "1", "--out", str(tmp_path / "out")]
    assert cli.main(words) == 0
    assert "1 chairs" in capsys.readouterr().out
    assert cli.main(words) == 1
    assert "is not an empty folder" in capsys.readouterr().err
