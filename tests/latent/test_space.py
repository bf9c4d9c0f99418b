from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from synthgen.checks import UserError
from synthgen.latent import LatentSpace
from synthgen.latent.density import Mixture


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def points():
    """300 points of shape (2, 3, 4) that scatter much along some directions and little along others."""
    rng = generator(3)
    mixing = torch.randn(24, 24, generator=rng) * torch.logspace(0.5, -1, 24)[:, None]
    return (torch.randn(300, 24, generator=rng) @ mixing + 3).view(300, 2, 3, 4)


@pytest.fixture(scope="module")
def space(points):
    return LatentSpace.fit(points, axes=8, rng=generator())


@pytest.mark.parametrize("k", [1, 3, 8])
def test_rebuilt_points_are_those_of_scikit_learn(points, space, k):
    flat = points.flatten(1).numpy()
    pca = PCA(k).fit(flat)
    expected = pca.inverse_transform(pca.transform(flat))
    np.testing.assert_allclose(space.reconstruct(points, k).flatten(1).numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(space.first(k).reconstruct(points).flatten(1).numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(space.axes.explained[:k].numpy(), pca.explained_variance_ratio_, rtol=1e-5)


def test_an_incremental_fit_comes_near(points, space):
    parts = LatentSpace.fit_in_parts(points.split(50), axes=8)
    errors = [(s.reconstruct(points) - points).square().mean() for s in (parts, space)]
    assert parts.shape == (2, 3, 4)
    assert errors[0] < 1.05 * errors[1]
    last_is_short = LatentSpace.fit_in_parts([points[:298], points[298:]], axes=8)
    torch.testing.assert_close(last_is_short.reconstruct(points), space.reconstruct(points), atol=1e-3, rtol=1e-3)


def test_a_seed_decides_what_scikit_learn_draws(points):
    fits = [
        LatentSpace.fit(points, axes=3, density="mixture", members=3, solver="randomized", rng=generator(seed))
        for seed in (1, 1, 2)
    ]
    means = [fit.density.means for fit in fits]
    assert torch.equal(means[0], means[1])
    assert not torch.equal(means[0], means[2])


@pytest.mark.parametrize("density", ["normal", "mixture"])
def test_samples_have_the_points_moments_and_do_not_depend_on_their_number(points, density):
    space = LatentSpace.fit(points, axes=8, density=density, members=3, rng=generator())
    drawn = space.sample(20_000, rng=generator(1))
    assert torch.equal(space.sample(3, rng=generator(1)), drawn[:3])
    sliders = space.sliders(drawn)
    assert sliders.mean(0).abs().max() < 0.05
    assert (torch.cov(sliders.T) - torch.eye(8)).abs().max() < 0.07
    kept = space.reconstruct(points).flatten(1)
    spread = (torch.cov(drawn.flatten(1).T) - torch.cov(kept.T)).abs().max()
    assert spread < 0.08 * torch.cov(kept.T).abs().max()


def test_a_mixture_finds_two_heaps():
    rng = generator()
    heap = torch.randn(200, 3, generator=rng) * 0.1
    points = torch.cat([heap[:150] - 1, heap[150:] + 1])
    space = LatentSpace.fit(points, density="mixture", members=2, rng=rng)
    drawn = space.sample(1000, rng=rng)
    assert ((drawn.mean(1).abs() - 1).abs() < 0.3).all()
    assert 0.7 < (drawn.mean(1) < 0).float().mean() < 0.8
    middle = LatentSpace.fit(points, rng=rng).sample(1000, rng=rng).mean(1).abs()
    assert (middle < 0.5).float().mean() > 0.2  # one Gaussian fills the gap


def test_sliders_are_standard_deviations(points, space):
    found = space.sliders(points)
    torch.testing.assert_close(found.std(0), torch.ones(8), atol=1e-3, rtol=0)
    moved = space.at({2: 1.5, 5: -2.0})
    expected = torch.zeros(8)
    expected[2], expected[5] = 1.5, -2.0
    torch.testing.assert_close(space.sliders(moved[None])[0], expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(space.at(found[0]), space.reconstruct(points[:1])[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(space.at(found[0][:3]), space.first(3).at(found[0][:3]))
    step = space.at({1: 2.0}, base=points[0]) - points[0]
    expected = 2 * space.axes.deviations[1] * space.axes.directions[1]
    torch.testing.assert_close(step.flatten(), expected, atol=1e-4, rtol=0)


def test_a_sweep_varies_two_axes_and_leaves_the_others(points, space):
    square = space.sweep2d(1, 4, steps=5, reach=2.0, base=points[7])
    assert square.shape == (5, 5, 2, 3, 4)
    torch.testing.assert_close(square[2, 2], points[7])
    sliders = space.sliders(square.flatten(0, 1)).view(5, 5, 8) - space.sliders(points[7:8])
    torch.testing.assert_close(sliders[..., 1], torch.linspace(-2, 2, 5)[:, None].expand(5, 5), atol=1e-4, rtol=0)
    torch.testing.assert_close(sliders[..., 4], torch.linspace(-2, 2, 5).expand(5, 5), atol=1e-4, rtol=0)
    assert sliders[..., [0, 2, 3, 5, 6, 7]].abs().max() < 1e-4
    assert torch.equal(space.sweep(0, steps=3)[1], space.at({}))


@pytest.mark.parametrize("kind", ["linear", "spherical"])
def test_a_path_goes_through_its_points(points, space, kind):
    path = space.path(points[:3], steps=4, kind=kind)
    assert path.shape == (9, 2, 3, 4)
    torch.testing.assert_close(path[::4], points[:3], atol=1e-5, rtol=1e-5)
    closed = space.path(points[:3], steps=4, kind=kind, closed=True)
    assert len(closed) == 12
    torch.testing.assert_close(closed[:8], path[:8])
    steps = (path[1:] - path[:-1]).flatten(1).norm(dim=1)
    assert steps.max() < 3 * steps.min()


def test_a_great_circle_keeps_its_distance_from_the_middle():
    space = LatentSpace.normal(16)
    a, b = torch.randn(2, 16, generator=generator())
    a, b = a / a.norm() * 4, b / b.norm() * 4
    round_about = space.path(torch.stack([a, b]), steps=10, kind="spherical").norm(dim=1)
    torch.testing.assert_close(round_about, torch.full((11,), 4.0), atol=1e-4, rtol=0)
    assert space.path(torch.stack([a, b]), steps=10)[5].norm() < 3.8
    opposite = space.path(torch.stack([a, -a]), steps=10, kind="spherical")
    torch.testing.assert_close(opposite.norm(dim=1), torch.full((11,), 4.0), atol=1e-4, rtol=0)
    assert torch.isfinite(space.path(torch.stack([a, a, 0 * a]), steps=3, kind="spherical")).all()


def test_a_normal_space_may_begin_with_the_axes_that_are_used():
    points = torch.randn(50, 3, generator=generator()) * torch.tensor([0.1, 2.0, 1.0])
    space = LatentSpace.normal(3, points=points)
    assert space.at({0: 1.5}).tolist() == [0, 1.5, 0]
    assert space.at({2: 1.5}).tolist() == [1.5, 0, 0]
    torch.testing.assert_close(space.reconstruct(points), points)
    assert (space.sample(5000, rng=generator()).std(0) - 1).abs().max() < 0.05
    with pytest.raises(UserError, match="points has shape"):
        LatentSpace.normal(4, points=points)


@pytest.mark.parametrize("density", ["normal", "mixture"])
def test_a_saved_space_is_the_same(points, tmp_path, density):
    space = LatentSpace.fit(points, axes=4, density=density, members=2, rng=generator())
    loaded = LatentSpace.load(space.save(tmp_path / "a" / "space.safetensors"))
    assert loaded.shape == space.shape
    assert torch.equal(loaded.sample(5, rng=generator()), space.sample(5, rng=generator()))
    assert torch.equal(loaded.sliders(points), space.sliders(points))
    assert isinstance(loaded.density, Mixture) == (density == "mixture")


def test_flat_directions_have_no_sliders():
    points = torch.randn(4, 6, generator=generator())
    space = LatentSpace.fit(points, rng=generator())  # four points have three directions
    assert len(space.axes) == 4
    assert space.sliders(points).abs().max() < 2
    assert torch.isfinite(space.sliders(points + 1)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda s, p: LatentSpace.fit(p, axes=25, rng=generator()),
            "axes=25 must be between 1 and 24: there are 300",
        ),
        (lambda s, p: LatentSpace.fit(p[:5], axes=6, rng=generator()), "axes=6 must be between 1 and 5: there are 5"),
        (lambda s, p: LatentSpace.fit(p[:1], rng=generator()), "number of points=1 must be"),
        (lambda s, p: LatentSpace.fit_in_parts([p[:5]], axes=6), "axes=6 must be between 1 and 5"),
        (lambda s, p: LatentSpace.fit_in_parts([], axes=6), "number of points=0 must be"),
        (lambda s, p: LatentSpace.fit_in_parts([p, p[:, :1]], axes=6), r"points has shape \(300, 1, 3, 4\), expected"),
        (lambda s, p: LatentSpace.fit(p * math.nan, axes=3, rng=generator()), "points to fit axes to must be finite"),
        (lambda s, p: LatentSpace.fit(p, density="flat", rng=generator()), "density='flat' is not known"),
        (lambda s, p: LatentSpace.fit(p, solver="fast", rng=generator()), "solver='fast' is not known"),
        (lambda s, p: s.with_mixture(p[:3], 4, rng=generator()), "members of the mixture=4 must be between 1 and 3"),
        (lambda s, p: s.first(9), "number of axes=9 must be between 1 and 8"),
        (lambda s, p: s.at({8: 1.0}), "axis=8 must be between 0 and 7"),
        (lambda s, p: s.at({0: math.inf}), "sliders must be finite"),
        (lambda s, p: s.at(torch.zeros(9)), "number of sliders=9 must be between 0 and 8"),
        (lambda s, p: s.sweep2d(1, 1), "first=1 must differ from second=1"),
        (lambda s, p: s.path(p[:1], steps=3), "number of points=1 must be"),
        (lambda s, p: s.path(p[:2], steps=3, kind="round"), "kind='round' is not known"),
        (lambda s, p: s.sliders(p[0]), r"points has shape \(2, 3, 4\), expected \(\*, 2, 3, 4\)"),
        (lambda s, p: s.sample(0, rng=generator()), "n=0 must be"),
    ],
)
def test_what_cannot_be_is_named(space, points, call, message):
    with pytest.raises(UserError, match=message):
        call(space, points)
