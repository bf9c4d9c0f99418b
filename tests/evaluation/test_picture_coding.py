"""What is lost in codes is measured rightly, and sheets show what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image
from test_coding import Rounding
from test_pixel_report import FIELD, SIDE, Level, pictures

from synthgen.data.images import ImageSet
from synthgen.evaluation import picture_coding
from synthgen.evaluation.classifier import judge_classes
from synthgen.evaluation.picture_coding import evaluate_picture_coding, write_coded_sheet
from synthgen.models.codes import PictureCodes
from synthgen.nn.quantize import health
from synthgen.representations import Pixels

PIXELS = Pixels(height=SIDE, width=SIDE, levels=None)


@pytest.fixture
def data() -> ImageSet:
    parts = {part: pictures(n, seed) for seed, (part, n) in enumerate({"train": 150, "valid": 9, "test": 300}.items())}
    return ImageSet("halves", parts, PIXELS, fields=(FIELD,))


def coding(data, **config) -> PictureCodes:
    return PictureCodes(Rounding(data.spec, Rounding.Config(**config)), PIXELS)


def test_rounding_errors_are_evenly_spread(data):
    levels = 16
    codes = coding(data, levels=levels)
    found = evaluate_picture_coding(codes, data.test)
    assert found.pictures == 300
    assert found.psnr == pytest.approx(-10 * math.log10(1 / 12 / (levels - 1) ** 2), abs=0.3)
    assert found.bits == 4 * SIDE * SIDE
    expected = health(codes.encode(data.test.batch(torch.arange(300)).x), levels)
    assert (found.used, found.perplexity) == pytest.approx((expected["used"].item(), expected["perplexity"].item()))
    assert f"| PSNR, dB | {found.psnr:.2f} |" in found.table()
    assert "% of 16 |" in found.table()


def test_fewer_levels_lose_more(data):
    ratios = [evaluate_picture_coding(coding(data, levels=n), data.test).psnr for n in (4, 64, 1024)]
    assert ratios == sorted(ratios)
    assert ratios[-1] > ratios[0] + 30


def test_a_sheet_shows_real_decoded_and_generated_pictures_of_each_class(data, tmp_path, monkeypatch):
    seen = {}
    write = picture_coding.write_sheet
    monkeypatch.setattr(
        picture_coding,
        "write_sheet",
        lambda path, rows, columns: seen.update(rows) or write(path, rows, columns=columns),
    )
    codes = coding(data, levels=4)
    write_coded_sheet(tmp_path / "sheet.png", Level(codes.spec(data.fields)), codes, data.test, per_class=5)
    assert [line.split(":")[0] for line in seen] == list(FIELD.names)
    for line in seen.values():
        assert line.shape == (17, 1, SIDE, SIDE)
        real, decoded, generated = line[:5], line[6:11], line[12:]
        assert (line[[5, 11]] == 255).all()
        assert np.abs((real / 85.0).round() * 85 - decoded).max() <= 1
        assert set(np.unique(generated)) <= {0, 85, 170, 255}
        assert not np.array_equal(generated, decoded)
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.size[0] > 17 * SIDE


def test_a_classifier_may_see_real_pictures_uncoded(data):
    codes = coding(data, levels=4, gain=0.0)
    blind = judge_classes(Level(codes.spec(data.fields)), codes, data, per_class=2, steps=4)
    seeing = judge_classes(Level(codes.spec(data.fields)), codes, data, seen=PIXELS, per_class=2, steps=25)
    assert blind.real < 0.6
    assert seeing.real > 0.9
