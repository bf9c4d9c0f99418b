from __future__ import annotations

import math

import numpy as np
import pytest

from synthgen.data.chair_rendering import BRIGHTEST, SAMPLES, Camera, Mesh, merge, rasterize, render
from synthgen.data.chair_shapes import Material, bar, pad, tube, upright

GREY = Material(colour=(0.5, 0.5, 0.5))
PARALLEL = {"distance": math.inf}


def box(size, at=(0, 0, 0), material=GREY) -> Mesh:
    """An upright box around `at`."""
    x, y, z = at
    width, depth, height = size
    return bar([(x, y, z - height / 2), (x, y, z + height / 2)], (width, depth), material)


def covered(picture: np.ndarray) -> np.ndarray:
    """How much of each pixel a dark body covers."""
    return 1 - picture.astype(float).mean(0) / 255


def silhouette(mesh: Mesh, camera: Camera, size: int = 64) -> np.ndarray:
    return render(mesh, camera, size).min(0) < 250


@pytest.mark.parametrize(("rotation", "width"), [(0, 0.8), (90, 0.8), (45, 0.8 * 2**0.5), (225, 0.8 * 2**0.5)])
def test_the_silhouette_of_a_box_is_its_projection(rotation, width):
    """Seen along parallels, a box turned by 45 degrees is as wide as its diagonal; the picture is two units wide."""
    picture = render(box((0.8, 0.8, 0.6)), Camera(rotation=rotation, elevation=0, **PARALLEL), 100)
    rows, columns = np.nonzero(picture.min(0) < 255)
    assert np.ptp(columns) + 1 == pytest.approx(width * 50, abs=1.9)
    assert np.ptp(rows) + 1 == pytest.approx(0.6 * 50, abs=1.9)
    assert (columns.min() + columns.max()) / 2 == pytest.approx(49.5, abs=0.6)


def test_from_above_a_box_shows_its_top_foreshortened():
    for elevation in (0, 20, 30, 90):
        rise = math.radians(elevation)
        height = 0.8 * math.sin(rise) + 0.6 * math.cos(rise)
        dark = silhouette(box((0.8, 0.8, 0.6)), Camera(rotation=0, elevation=elevation, **PARALLEL), 200)
        assert dark.any(1).sum() == pytest.approx(height * 100, abs=1.6)


@pytest.mark.parametrize("distance", [2.0, 4.0, 50.0])
def test_perspective_follows_the_pinhole(distance):
    """A point's place is its offset over its depth, in units in which the ball of radius 1 fills the picture."""
    camera = Camera(rotation=0, elevation=0, distance=distance)
    points = np.array([[0.3, 0.4, 0.2], [0.3, -0.4, 0.2], [0.0, 0.0, 0.0]])
    columns, rows, nearness = camera.project(points, 100).T
    edge = 1 / math.sqrt(distance**2 - 1)  # tangent of the angle at which the ball is seen
    for (x, y, z), column, row in zip(points, columns, rows, strict=True):
        assert column == pytest.approx(50 + 50 * x / (distance + y) / edge)
        assert row == pytest.approx(50 - 50 * z / (distance + y) / edge)
    assert nearness[1] > nearness[2] > nearness[0]


@pytest.mark.parametrize("distance", [1.5, 4.0, math.inf])
def test_a_ball_just_fills_the_picture(distance):
    angles = np.linspace(-math.pi / 2, math.pi / 2, 40)
    profile = [(math.sin(a), 2 * math.cos(a)) for a in angles]
    ball = upright((0, 0, 0), (1, 1), profile, GREY, power=2)
    dark = silhouette(ball, Camera(rotation=10, elevation=25, distance=distance), 100)
    assert dark.any(0).sum() >= 98 and dark.any(1).sum() >= 98
    assert dark.mean() == pytest.approx(math.pi / 4, rel=0.02)


def test_a_turn_is_anticlockwise_from_above():
    """What lies in front goes to the right, then behind, then to the left."""
    front = np.array([0.0, -1.0, 0.0])
    places = [Camera(rotation=turn, elevation=0, **PARALLEL).view(front).round(9) for turn in (0, 90, 180, 270)]
    assert [(p[0], p[2]) for p in places] == [(0, -1), (1, 0), (0, 1), (-1, 0)]


def test_the_nearest_is_seen_whatever_the_order():
    red, blue = (Material(colour=c) for c in ((0.8, 0, 0), (0, 0, 0.8)))
    near, far = box((0.5, 0.1, 0.5), (0, -0.5, 0), red), box((0.9, 0.1, 0.9), (0, 0.5, 0), blue)
    camera = Camera(rotation=0, elevation=0, distance=10)
    one, other = (render(merge(order), camera, 40).astype(int) for order in ([near, far], [far, near]))
    assert np.array_equal(one, other)
    assert one[0, 20, 20] > 2 * one[2, 20, 20] and one[2, 20, 13] > 2 * one[0, 20, 13]
    behind = render(merge([near, far]), Camera(rotation=180, elevation=0, distance=10), 40).astype(int)
    assert behind[2, 20, 20] > 2 * behind[0, 20, 20]


def test_bodies_that_cross_are_cut_where_they_meet():
    """Two squares that lean against each other: each hides one half of the other."""
    corners = np.array([[[2, 2, 0.0], [38, 2, 1.0], [38, 38, 1.0]], [[2, 2, 0.0], [38, 38, 1.0], [2, 38, 0.0]]])
    mirrored = corners.copy()
    mirrored[..., 2] = 1 - mirrored[..., 2]
    colours = np.repeat(np.array([0.2, 0.7]), 2)[:, None, None] * np.ones((4, 3, 3))
    picture = rasterize(np.concatenate([corners, mirrored]), colours, 40)[0]
    np.testing.assert_allclose(picture[10:30, 4:19], 0.7, atol=1e-6)
    np.testing.assert_allclose(picture[10:30, 21:36], 0.2, atol=1e-6)


def test_neighbouring_triangles_share_every_pixel_once():
    """A fan around a point covers its square without gaps, and each pixel is of one triangle."""
    angles = np.linspace(0, 2 * math.pi, 14)
    rim = 17 + 30 * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    fan = np.stack([np.broadcast_to([17.3, 16.6], (13, 2)), rim[:-1], rim[1:]], axis=1)
    triangles = np.concatenate([fan, np.ones((13, 3, 1))], axis=-1)
    total = sum(rasterize(t[None], np.zeros((1, 3, 3)), 34)[0] < 1 for t in triangles)
    assert (total == 1).all()


def test_colours_are_blended_between_corners():
    triangle = np.array([[[0, 0, 1], [0, 20, 1], [20, 0, 1.0]]])
    colours = np.array([[[0, 0, 0], [0, 1, 0], [1, 0, 0.0]]])
    red, green, blue = rasterize(triangle, colours, 20)
    assert red[2, 10] == pytest.approx(10.5 / 20, abs=1e-5)
    assert green[2, 10] == pytest.approx(2.5 / 20, abs=1e-5)
    assert blue[2, 10] == pytest.approx(0, abs=1e-5) and blue[19, 19] == 1


def test_edges_are_grey_in_proportion():
    """An edge in the middle of a pixel covers half of it, but for what one sample counts."""
    for width in np.linspace(0.5, 0.54, 5):
        flat = render(box((width, 0.1, 0.5)), Camera(rotation=0, elevation=0, **PARALLEL), 50)
        dark = covered(flat)[25]
        share = dark.sum() / dark.max()
        assert share == pytest.approx(width * 25, abs=2 / SAMPLES)
    slanted = render(box((0.6, 0.1, 0.6)), Camera(rotation=0, elevation=0, **PARALLEL), 32)
    turned = render(tube([(-0.5, 0, -0.3), (0.5, 0, 0.3)], 0.3, GREY), Camera(rotation=0, elevation=0), 32)
    assert len(np.unique(turned[0])) > len(np.unique(slanted[0])) + 3


@pytest.mark.parametrize(
    "body",
    [
        box((0.5, 0.4, 0.3)),
        tube([(-0.4, 0, 0), (0.4, 0, 0), (0.4, 0, 0.6)], 0.05, GREY, across=(0, 1, 0)),
        upright((0, 0, 0), (0.5, 0.3), [(0, 0.2), (0.3, 1), (0.6, 0.5)], GREY, power=3),
        pad((0, 0, 0), (0.5, 0.4, 0.2), GREY, power=8, roundness=0.8),
        bar([(0, 0, 0.3), (0, 0, 0)], (0.1, np.array([0.2, 0.1])), GREY, shape="round"),
    ],
    ids=["box", "tube", "upright", "pad", "taper"],
)
def test_bodies_are_closed_and_face_outwards(body):
    """Every edge is passed once each way, the volume is positive, and normals agree with their triangles."""
    corners = body.corners.round(9) + 0.0
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(a, b)
    assert np.einsum("ti,ti->", corners[:, 0], across) > 0
    edges = [(tuple(t[i]), tuple(t[(i + 1) % 3])) for t in corners for i in range(3)]
    assert sorted(edges) == sorted((end, start) for start, end in edges)
    large = np.linalg.norm(across, axis=1) > 1e-6
    assert (np.einsum("ti,tki->tk", across[large], body.normals[large]) > 0).all()
    np.testing.assert_allclose(np.linalg.norm(body.normals[large], axis=-1), 1, atol=1e-9)


def test_what_faces_the_lamp_is_brighter_and_nothing_is_white():
    bright = Material(colour=(1.0, 1.0, 1.0), gloss=1.0)
    picture = render(box((1, 1, 1), material=bright), Camera(rotation=45, elevation=30), 64)
    left, right, top = picture[0, 40, 20], picture[0, 40, 44], picture[0, 12, 32]
    assert top > left > right
    assert picture[:, silhouette(box((0.9, 0.9, 0.9)), Camera(rotation=45, elevation=30))].max() <= 255 * BRIGHTEST + 1
