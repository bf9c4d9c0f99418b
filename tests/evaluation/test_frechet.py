"""The Frechet distance is that of its closed form, nothing for the same pictures, and grows with what is spoilt."""

from __future__ import annotations

import math

import pytest
import torch

from synthgen import checkpoint
from synthgen.checks import UserError
from synthgen.data.images import Images, Pictures
from synthgen.evaluation.frechet import Extractor, FrechetJudge, Moments, frechet_distance, moments
from synthgen.models import Classifier, Decoder
from synthgen.records import Field
from synthgen.representations import Pixels

PIXELS = Pixels(height=16, width=16, channels=3, levels=None)
FIELD = Field(name="class", kind="category", size=2)


@pytest.fixture(scope="module")
def extractor(tmp_path_factory) -> Extractor:
    """Random features, as good as any for what must hold for all."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Classifier(PIXELS.spec((FIELD,)), Classifier.Config(widths=(8, 16)))
    path = tmp_path_factory.mktemp("run") / "model.safetensors"
    checkpoint.save(path, model, PIXELS, {})
    return Extractor.load(path)


def discs(n: int, size: int = 16) -> torch.Tensor:
    """Pictures (n, 3, size, size) of a disc in a colour and a place that differ."""
    place, colour = 0.3 + 0.4 * torch.rand(n, 2, 1, 1), torch.rand(n, 3, 1, 1)
    axis = (torch.arange(size) + 0.5) / size
    inside = (axis[:, None] - place[:, 0]).square() + (axis[None] - place[:, 1]).square() < 0.06
    return torch.where(inside[:, None], colour, torch.ones(()))


def test_known_gaussians_have_the_distance_of_the_closed_form():
    a = Moments(9, torch.tensor([0.0, 1.0]).double(), torch.diag(torch.tensor([1.0, 4.0])).double())
    b = Moments(9, torch.tensor([3.0, 1.0]).double(), torch.diag(torch.tensor([9.0, 0.25])).double())
    # |m - n|^2 + sum of squared differences of the deviations
    assert frechet_distance(a, b) == pytest.approx(9 + (1 - 3) ** 2 + (2 - 0.5) ** 2, rel=1e-9)


def test_covariances_that_do_not_commute():
    """In two dimensions tr (S T)^(1/2) is the root of tr S T + 2 (det S det T)^(1/2)."""
    s = torch.tensor([[2.0, 0.9], [0.9, 1.0]]).double()
    t = torch.tensor([[1.0, -0.7], [-0.7, 3.0]]).double()
    zero = torch.zeros(2).double()
    shared = math.sqrt((s @ t).trace() + 2 * math.sqrt(s.det() * t.det()))
    expected = (s.trace() + t.trace() - 2 * shared).item()
    assert frechet_distance(Moments(9, zero, s), Moments(9, zero, t)) == pytest.approx(expected, rel=1e-9)


def test_samples_of_gaussians_come_near_it():
    mix = torch.randn(6, 6)
    a = moments(torch.randn(20_000, 6) @ mix)
    b = moments(torch.randn(20_000, 6) @ mix * 1.5 + 1)
    # T = 2.25 S, so that the deviations differ by half
    assert frechet_distance(a, b) == pytest.approx(6 + 0.25 * mix.square().sum().item(), rel=0.05)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)


def test_a_set_is_nowhere_from_itself_whatever_its_order(extractor):
    pictures = discs(64)
    features = extractor.features(pictures)
    again = extractor.features(pictures[torch.randperm(64)])
    assert frechet_distance(moments(features), moments(again)) == pytest.approx(0, abs=1e-6)
    few = moments(features[:5])  # a covariance that is not of full rank
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("kind", ["noise", "blur", "fewer colours", "darker"])
def test_the_more_is_spoilt_the_farther(extractor, kind):
    real = discs(400)
    judge = FrechetJudge(extractor, images(discs(800)))

    def spoilt(strength: float) -> torch.Tensor:
        if kind == "noise":
            return (real + 0.1 * strength * torch.randn_like(real)).clamp(0, 1)
        if kind == "blur":
            soft = torch.nn.functional.avg_pool2d(real, 5, stride=1, padding=2, count_include_pad=False)
            return real.lerp(soft, strength / 4)
        if kind == "darker":
            return real * (1 - strength / 8)
        return real.lerp(real.mean(1, keepdim=True).expand_as(real), strength / 4)

    found = [judge.judge([spoilt(strength)]) for strength in (0, 1, 2, 4)]
    distances = [verdict.distance for verdict in found]
    assert distances == sorted(distances) and distances[-1] > 4 * distances[0]
    assert distances[0] == pytest.approx(found[0].floor, rel=1, abs=0.01)
    assert str(found[0]).startswith(f"FD[{extractor.name}] ") and "FID" not in str(found[0])


def images(x: torch.Tensor) -> Images:
    levels = (x * 255).round().byte().numpy()
    return Images(PIXELS.spec(), Pictures(x=levels), provenance={})


def test_pictures_are_compared_as_files_hold_them_at_the_extractors_size(extractor):
    pictures = discs(4, size=32)
    shrunk = torch.nn.functional.interpolate(pictures, (16, 16), mode="area")
    # antialiasing by a triangle is close to the mean of each square
    torch.testing.assert_close(extractor.features(pictures), extractor.features(shrunk), atol=0.2, rtol=0.2)
    rounded = (pictures * 255).round() / 255
    torch.testing.assert_close(extractor.features(rounded + 0.3 / 255), extractor.features(pictures))
    assert extractor.features(discs(3, size=16)).shape == (3, 27)


def test_the_halves_of_the_real_pictures_do_not_overlap(extractor):
    judge = FrechetJudge(extractor, images(discs(21)), limit=8)
    assert judge.count == judge.others.count == 8
    assert not torch.allclose(judge.real.mean, judge.others.mean)


def test_the_name_has_the_hash_of_the_weights(extractor, tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        other = Classifier(PIXELS.spec((FIELD,)), Classifier.Config(widths=(8, 16)))
    for run, model in {"a": extractor.model, "b": other}.items():
        checkpoint.save(tmp_path / run / "model.safetensors", model, PIXELS, {})
    a, b = (Extractor.load(tmp_path / run).name for run in "ab")
    assert a.startswith("a-") and b.startswith("b-")
    assert a[2:] == extractor.name.removeprefix("model-") != b[2:]


def test_what_cannot_be_compared(extractor, tmp_path):
    with pytest.raises(UserError, match=r"no such extractor; train one with recipes/celeba_classifier.py"):
        Extractor.load(tmp_path / "none")
    config = Decoder.Config(labels=("class",), dim=4, channels=(4,), strides=(), patch=(1, 1), seed_channels=1)
    checkpoint.save(tmp_path / "d.safetensors", Decoder(PIXELS.spec((FIELD,)), config), PIXELS, {})
    with pytest.raises(UserError, match="holds a Decoder; an extractor is a Classifier"):
        Extractor.load(tmp_path / "d.safetensors")
    with pytest.raises(UserError, match=r"1 picture.s. have no covariance"):
        moments(torch.zeros(1, 3))
    with pytest.raises(UserError, match="not finite"):
        moments(torch.full((3, 3), math.nan))
    with pytest.raises(UserError, match=r"pictures has shape \(2, 1, 16, 16\)"):
        extractor.features(torch.zeros(2, 1, 16, 16))
    with pytest.raises(UserError, match="features=2 must equal those compared with=3"):
        frechet_distance(moments(torch.randn(4, 2)), moments(torch.randn(4, 3)))
