from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image

from synthgen.data.chair_layout import ROTATIONS
from synthgen.data.images import ImageSet, Pictures, category
from synthgen.data.picture_file import write_animation
from synthgen.evaluation.view_pictures import CHAIRS, STEPS, Studio, write_views
from synthgen.evaluation.views import blend, judge, overlap, psnr
from synthgen.records import Field
from synthgen.representations import Pixels

PIXELS = Pixels(height=8, width=8, channels=3, levels=None)
FIELDS = (
    category("chair", ("a", "b", "c")),
    Field(name="rotation", kind="angle", size=12),
    Field(name="elevation", kind="ordinal", size=2, values=(20.0, 30.0)),
)


def shade(chair, turn, elevation):
    """What a view of these chairs looks like: grey, linear in the angle and darker by chair."""
    return 40.0 * (1 + chair) + turn / 4 + (elevation - 20)


def pictures(rows) -> Pictures:
    chair, turn, elevation = (torch.tensor(column) for column in zip(*rows, strict=True))
    levels = shade(chair, turn, elevation).round().numpy().astype(np.uint8)
    x = np.full((len(rows), 3, 8, 8), 255, np.uint8)
    x[:, :, 2:6, 2:6] = levels[:, None, None, None]
    return Pictures(x=x, labels={"chair": chair, "rotation": turn.float(), "elevation": elevation.float()})


class Knowing(torch.nn.Module):
    """A model that knows what the views look like, but for a bias."""

    def __init__(self, spec, *, bias: float = 0.0) -> None:
        super().__init__()
        self.spec = spec
        self.bias = torch.nn.Parameter(torch.tensor(bias))

    def sample(self, n, labels, *, rng):
        chair = labels["chair"]
        chair = chair.float() @ torch.arange(3.0) if chair.ndim == 2 else chair.float()
        x = torch.ones(n, 3, 8, 8)
        level = shade(chair, labels["rotation"], labels["elevation"]) / 255 + self.bias
        x[:, :, 2:6, 2:6] = (level * 2 - 1)[:, None, None, None]
        return x


@pytest.fixture
def data():
    turns = (0.0, 40.0, 80.0, 120.0, 160.0)
    shown = [(c, t, e) for c in range(3) for t in turns for e in (20, 30)]
    held = [(c, t, e) for c in range(3) for t in (60.0, 90.0) for e in (20, 30)]
    return ImageSet(
        "toy", {"train": pictures(shown), "valid": pictures(held), "test": pictures(held)}, PIXELS, fields=FIELDS
    )


def test_the_ratio_is_that_of_the_noise():
    real = torch.rand(2, 3, 64, 64)
    noise = torch.randn(2, 3, 64, 64) * torch.tensor([0.1, 0.01])[:, None, None, None]
    torch.testing.assert_close(psnr(real + noise, real), torch.tensor([20.0, 40.0]), atol=0.3, rtol=0)
    assert psnr(real, real).tolist() == [60.0, 60.0]


@pytest.mark.parametrize(("shift", "expected"), [(0, 1.0), (2, 1 / 3), (4, 0.0)])
def test_the_overlap_of_two_squares(shift, expected):
    square = torch.ones(1, 3, 12, 12)
    square[..., 2:6, 2:6] = 0.3
    assert overlap(square.roll(shift, dims=-1), square).item() == pytest.approx(expected)


def test_a_blend_is_of_the_nearest_on_both_sides_by_their_distance(data):
    labels = data.test.pictures.labels
    mixed = blend(data.train, labels)[:, 0, 4, 4] * 255
    expected = shade(labels["chair"], labels["rotation"], labels["elevation"])
    torch.testing.assert_close(mixed, expected.float(), atol=1.1, rtol=0)


def test_a_blend_goes_around_the_circle(data):
    """340 degrees lie between 160, half a turn away, and 0, from which they are 20 degrees away."""
    labels = {"chair": torch.tensor([0]), "rotation": torch.tensor([340.0]), "elevation": torch.tensor([20.0])}
    mixed = blend(data.train, labels)[0, 0, 4, 4] * 255
    assert mixed.item() == pytest.approx(0.9 * shade(0, 0, 20) + 0.1 * shade(0, 160, 20), abs=1)


def test_a_blend_of_nothing_is_not_a_number(data):
    labels = {"chair": torch.tensor([0]), "rotation": torch.tensor([10.0]), "elevation": torch.tensor([25.0])}
    assert blend(data.train, labels).isnan().all()


def test_models_are_judged_by_what_they_draw(data):
    right, wrong = (judge(Knowing(data.spec, bias=bias), PIXELS, data) for bias in (0.0, 0.2))
    assert right.test.pictures == 12 and right.train.pictures == 30
    assert right.test.psnr > 50 and right.test.silhouette == 1
    # a quarter of the picture is wrong by 0.2
    assert wrong.test.psnr == pytest.approx(-10 * math.log10(0.04 / 4), abs=0.3)
    assert right.test.blended == wrong.test.blended > 45 and math.isnan(right.train.blended)
    assert "| held out | 12 |" in str(right) and "| shown | 30 |" in str(right)


def test_fewer_views_are_judged_if_so_asked(data):
    assert judge(Knowing(data.spec), PIXELS, data, limit=4).test.pictures <= 4


def test_a_studio_takes_what_is_asked_for(data):
    studio, eye = Studio(Knowing(data.spec), PIXELS, data), torch.eye(3)
    level = lambda made: made[:, 0, 4, 4].tolist()  # noqa: E731
    assert level(studio.turned(eye[1], [0.0, 100.0])) == pytest.approx([80, 105], abs=1)
    between = studio.between(eye)
    assert between.shape == (3 * STEPS, 3, 8, 8)
    assert level(between)[::STEPS] == pytest.approx([40 + 8.75, 80 + 8.75, 120 + 8.75], abs=1)
    assert level(between)[STEPS // 2] == pytest.approx(60 + 8.75, abs=1)
    *_, sums = level(studio.sums(eye))
    assert sums == pytest.approx(80 + 8.75, abs=1)  # a - b + c


def test_a_rotation_that_is_a_category_is_the_nearest(data):
    names = ("0.0", "90.0", "180.0", "270.0")
    spec = PIXELS.spec((FIELDS[0], category("rotation", names), FIELDS[2]))
    seen = []

    class Told(Knowing):
        def sample(self, n, labels, *, rng):
            seen.append(labels["rotation"].tolist())
            return torch.ones(n, 3, 8, 8)

    data.spec = spec
    Studio(Told(spec), PIXELS, data).turned(torch.eye(3)[0], [350.0, 50.0, 130.0, 226.0])
    assert seen == [[0, 1, 1, 3]]


def test_the_sheets_and_animations_are_written(data, tmp_path):
    write_views(Knowing(data.spec), PIXELS, data, tmp_path)
    assert len(list(tmp_path.iterdir())) == 6
    with Image.open(tmp_path / "turning.gif") as film:
        assert film.n_frames > len(ROTATIONS)
        assert film.info["loop"] == 0
    first = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    write_views(Knowing(data.spec), PIXELS, data, tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == first


def test_an_animation_shows_its_pictures_in_order(tmp_path):
    levels = np.array([0, 90, 250], np.uint8)
    write_animation(tmp_path / "a.gif", np.repeat(levels, 3 * 64).reshape(3, 3, 8, 8))
    with Image.open(tmp_path / "a.gif") as film:
        found = []
        for frame in range(film.n_frames):
            film.seek(frame)
            found.append(np.asarray(film.convert("L"))[4, 4])
    assert found == pytest.approx(levels, abs=4)


def test_a_set_of_two_chairs_has_no_sums(data, tmp_path):
    fields = (category("chair", ("a", "b")), *FIELDS[1:])
    rows = [(c, t, 20) for c in range(2) for t in (0.0, 50.0)]
    two = ImageSet("two", dict.fromkeys(("train", "valid", "test"), pictures(rows)), PIXELS, fields=fields)

    class Plain(Knowing):
        def sample(self, n, labels, *, rng):
            return torch.zeros(n, 3, 8, 8)

    write_views(Plain(two.spec), PIXELS, two, tmp_path)
    assert CHAIRS > 2 and len(list(tmp_path.iterdir())) == 5
