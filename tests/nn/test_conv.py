from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from synthgen.nn.conv import Patches, ResidualBlock, Upsample, channels_together, downsample


@pytest.mark.parametrize("stride", [(3,), (2, 3), (1, 2, 3)])
@pytest.mark.parametrize("transposed", [True, False])
def test_upsampling_multiplies_each_axis(stride, transposed):
    ndim = len(stride)
    y = Upsample(ndim, 4, 6, stride=stride, transposed=transposed)(torch.randn(2, 4, *[5] * ndim))
    assert y.shape == (2, 6, *(5 * s for s in stride))


@pytest.mark.parametrize("stride", [(1,), (3,), (2, 4), (1, 2, 5)])
def test_downsampling_divides_each_axis_and_looks_at_neighbours(stride):
    ndim = len(stride)
    layer = downsample(ndim, 2, 3, stride=stride)
    x = torch.randn(1, 2, *(6 * s for s in stride), requires_grad=True)
    y = layer(x)
    assert y.shape == (1, 3, *[6] * ndim)
    y[(0, 0, *[3] * ndim)].backward()
    seen = x.grad.abs().sum((0, 1))
    for axis, s in enumerate(stride):
        places = seen.movedim(axis, 0)[..., None].flatten(1).sum(1).nonzero()[:, 0]
        reach = max(1, s // 2)
        assert (places[0], places[-1]) == (3 * s - reach, 4 * s - 1 + reach)


def test_transposed_upsampling_equals_a_transposed_convolution():
    stride = (2, 3)
    layer = Upsample(2, 4, 6, stride=stride, transposed=True)
    weight = layer[0].weight.view(6, 6, 4).permute(2, 0, 1).reshape(4, 6, *stride)
    x = torch.randn(2, 4, 5, 5)
    # One bias for each sub-position, where nn.ConvTranspose2d has one for all.
    bias = Patches(stride)(layer[0].bias.view(1, -1, 1, 1).expand(1, -1, 5, 5))
    torch.testing.assert_close(layer(x), F.conv_transpose2d(x, weight, stride=stride) + bias)


def test_patches_are_laid_out_along_their_axes():
    x = torch.arange(4.0).view(1, 4, 1, 1)
    torch.testing.assert_close(Patches((2, 2))(x), torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]]))
    many = torch.randn(2, 12, 3, 4)
    torch.testing.assert_close(Patches((2, 2))(many), nn.PixelShuffle(2)(many))


def test_a_block_starts_near_the_identity():
    x = torch.randn(2, 16, 8, 8)
    for y in (ResidualBlock(2, 16, dim=4)(x, torch.randn(2, 4)), ResidualBlock(2, 16, dim=None)(x)):
        assert 0 < (y - x).std() < 0.5 * x.std()


@pytest.mark.parametrize("patch", [(1, 8), (2, 2), (4, 1)])
def test_patches_lie_where_they_should_in_whatever_layout(patch):
    x = torch.randn(2, 16, 3, 5)
    expected, found = Patches(patch)(x), Patches(patch)(x.contiguous(memory_format=torch.channels_last))
    assert torch.equal(found, expected)
    assert channels_together(found)
    assert not channels_together(expected)
    k, (p, q) = 16 // (patch[0] * patch[1]), patch
    assert expected[1, k - 1, 2 * p, 3 * q + q - 1] == x[1, (k - 1) * p * q + q - 1, 2, 3]
