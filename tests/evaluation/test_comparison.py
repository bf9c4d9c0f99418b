"""Figures of a comparison are those of what is drawn, and its page names what they show to be wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from PIL import Image

from synthgen.data.images import Images, Pictures
from synthgen.evaluation.comparison import Row, detail, measure, psnr_by_numbers, table, write_comparison
from synthgen.evaluation.frechet import Extractor, Frechet, FrechetJudge
from synthgen.models import Classifier
from synthgen.records import Field
from synthgen.representations import Pixels

PIXELS = Pixels(height=16, width=16, channels=3, levels=None)
ROW = Row(
    name="a way",
    side=16,
    numbers=4,
    minutes=2.0,
    milliseconds=0.5,
    psnr=20.0,
    frechet=Frechet(extractor="eye-1234", distance=3.0, made=10, real=10, floor=1.5),
    detail=1.0,
    variety=1.0,
)


@dataclass(frozen=True)
class Spoilt:
    """Real pictures by chance, spoilt by a function."""

    real: torch.Tensor
    spoil: object
    name: str = "spoilt"
    representation: Pixels = PIXELS
    numbers: int | None = None
    rebuild: object = None
    minutes: float = 1.0

    def draw(self, n, rng):
        return self.spoil(self.real[torch.randint(len(self.real), (n,), generator=rng)])


@pytest.fixture(scope="module")
def scenes() -> torch.Tensor:
    """Pictures (600, 3, 16, 16) of stripes of any colours."""
    rng = torch.Generator().manual_seed(0)
    return torch.rand(600, 3, 1, 8, generator=rng).repeat_interleave(2, dim=3).expand(-1, -1, 16, -1)


@pytest.fixture(scope="module")
def part(scenes) -> Images:
    return Images(PIXELS.spec(), Pictures(x=(scenes * 255).round().byte().numpy()), provenance={})


@pytest.fixture(scope="module")
def judge(part) -> FrechetJudge:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        field = Field(name="class", kind="category", size=2)
        model = Classifier(PIXELS.spec((field,)), Classifier.Config(widths=(8, 16))).eval().requires_grad_(False)
    return FrechetJudge(Extractor("eye", model), part)


def test_real_pictures_have_nothing_wrong(scenes, part, judge):
    row = measure(Spoilt(scenes, lambda x: x), judge, part)
    assert row.detail == pytest.approx(1, abs=0.1) and row.variety == pytest.approx(1, abs=0.1)
    assert row.frechet.distance < 3 * row.frechet.floor and row.psnr is None and row.frechet.made == judge.count
    said = row.weaknesses()
    assert "blurred" not in said and "alike" not in said and "harsh" not in said and "strays" not in said


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda x: torch.nn.functional.avg_pool2d(x, 5, 1, 2, count_include_pad=False), "blurred"),
        (lambda x: (x + 0.4 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1), "harsh"),
        (lambda x: x[:1].expand_as(x), "too alike"),
    ],
)
def test_what_is_wrong_is_named(scenes, part, judge, spoil, word):
    row = measure(Spoilt(scenes, spoil), judge, part)
    assert word in row.weaknesses()
    assert row.frechet.distance > measure(Spoilt(scenes, lambda x: x), judge, part).frechet.distance


def test_what_is_rebuilt_is_compared_with_held_out_pictures(scenes, part, judge):
    way = Spoilt(scenes, lambda x: x, numbers=7, rebuild=lambda x: x + 0.2)  # 0.1 in [0, 1]
    row = measure(way, judge, part)
    assert row.psnr == pytest.approx(20, abs=1) and row.cells()[2:4] == ["7", f"{row.psnr:.2f}"]


def test_detail_of_a_single_step():
    x = torch.zeros(1, 1, 1, 4)
    x[..., 2:] = 1
    assert detail(x.expand(1, 1, 4, 4)) == pytest.approx((0 + 1) / 2)  # second differences 1 and -1 along rows alone


def test_the_table_names_the_extractor_and_the_floor():
    lines = table([ROW, replace(ROW, name="b", numbers=None, psnr=None)]).splitlines()
    assert lines[0] == "10 drawn pictures against 10 real ones; other real pictures lie 1.500 away"
    assert "| FD[eye-1234] |" in lines[2] and lines[4].startswith("| a way | 16 | 4 | 20.00 | 3.000 | 100 % |")
    assert lines[5].startswith("| b | 16 | - | - | 3.000 |")
    assert ROW.weaknesses() == "a way: 2.0 times the distance of other real pictures"


def test_gaps_of_the_table_by_numbers_are_empty():
    assert psnr_by_numbers({"PCA": {2: 10.0, 4: 12.0}, "net": {4: 13.0}}).splitlines() == [
        "| PSNR, dB, by numbers a picture | 2 | 4 |",
        "|---|---|---|",
        "| PCA | 10.00 | 12.00 |",
        "| net |  | 13.00 |",
    ]


def test_pictures_of_all_sizes_are_on_one_sheet(scenes, part, tmp_path):
    small = Pixels(height=8, width=8, channels=3, levels=None)
    halves = Images(small.spec(), Pictures(x=part.pictures.x[:, :, ::2, ::2]), provenance={})
    ways = [
        Spoilt(scenes, lambda x: x, rebuild=lambda x: x),
        Spoilt(scenes[..., ::2, ::2], lambda x: x, representation=small),
    ]
    page = write_comparison(tmp_path, ways, lambda r: part if r is PIXELS else halves, "The text.")
    assert "![" in page.read_text() and "The text." in page.read_text()
    with Image.open(tmp_path / "sheet.png") as sheet:
        # real, rebuilt, 2 lines drawn; real, 2 lines drawn: all 16 pixels wide and enlarged four times
        assert sheet.width == 12 * (4 * 16 + 2) + 12 and sheet.height > 7 * (4 * 16 + 2)
