from __future__ import annotations

import pytest
import torch

from synthgen.losses.pictures import FULL, PictureError, coverage
from synthgen.records import Batch


def test_the_colour_error_is_the_mean_square():
    x = torch.rand(2, 3, 4, 5) * 2 - 1
    loss = PictureError()(x + 0.5, Batch(x))
    torch.testing.assert_close(loss.total, torch.tensor(0.25))
    assert loss.parts.keys() == {"colour"}


def test_coverage_is_of_the_darkest_channel_and_does_not_exceed_one():
    pixels = {(1.0, 0.0, 0.0): 1.0, (1.0, 1.0, 1 - FULL / 2): 0.5, (1.0, 1.0, 1.0): 0.0, (0.0, 0.0, 0.0): 1.0}
    found = coverage(torch.tensor(list(pixels)).view(-1, 3, 1, 1))
    torch.testing.assert_close(found.flatten(), torch.tensor(list(pixels.values())))


def test_the_silhouette_counts_outlines_and_not_shades():
    """Another grey of the same body has the same silhouette; a body elsewhere has not."""
    body = torch.ones(1, 3, 6, 6)
    body[..., 2:4, 2:4] = -0.5
    darker, moved = body.clone(), body.roll(2, dims=-1)
    darker[..., 2:4, 2:4] = -1.0
    error = PictureError(silhouette=0.3)
    shade, place = error(darker, Batch(body)), error(moved, Batch(body))
    assert shade.parts["silhouette"].item() == pytest.approx(0, abs=1e-6)
    torch.testing.assert_close(place.parts["silhouette"], torch.tensor(8 / 36))
    torch.testing.assert_close(place.total, place.parts["colour"] + 0.3 * place.parts["silhouette"])


def test_it_has_a_gradient_towards_white():
    x = torch.full((1, 3, 2, 2), 0.9, requires_grad=True)
    PictureError(silhouette=1.0)(x, Batch(torch.ones(1, 3, 2, 2))).total.backward()
    assert (x.grad.sum(1) < 0).all()
