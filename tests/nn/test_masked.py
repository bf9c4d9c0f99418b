"""Masked and row-wise convolutions see what they may, and a step equals the whole pass."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from synthgen.checks import UserError
from synthgen.nn.masked import MaskedConv2d
from synthgen.nn.rows import RowConv2d

SIZES = [(5, 7), (6, 2), (1, 4), (4, 1)]


def seen_from_the_middle(conv: torch.nn.Module, channels: int, side: int = 9) -> torch.Tensor:
    """Whether each output channel in the middle depends on each input, (C', C, side, side)."""
    x = torch.zeros(1, channels, side, side, requires_grad=True)
    outputs = conv(x)[0, :, side // 2, side // 2]
    return torch.stack([torch.autograd.grad(y, x, retain_graph=True)[0][0] for y in outputs]) != 0


@pytest.mark.parametrize(("mask", "own"), [("A", 0), ("B", 1)])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_a_mask_leaves_what_comes_before_in_raster_order(kernel, mask, own):
    seen = seen_from_the_middle(MaskedConv2d(2, 3, kernel=kernel, mask=mask), 2)
    reach = kernel // 2
    rows, columns = torch.meshgrid(torch.arange(9) - 4, torch.arange(9) - 4, indexing="ij")
    near = (rows.abs() <= reach) & (columns.abs() <= reach)
    earlier = (rows < 0) | ((rows == 0) & (columns < own))
    assert torch.equal(seen, (near & earlier).expand_as(seen))


@pytest.mark.parametrize(("mask", "table"), [("A", "000 100 110"), ("B", "100 110 111")])
def test_groups_see_those_before_them_within_the_pixel(mask, table):
    seen = seen_from_the_middle(MaskedConv2d(6, 9, kernel=3, mask=mask, parts=3), 6)
    blocks = seen[:, :, 4, 4].view(3, 3, 3, 2)
    assert torch.equal(blocks.all(dim=(1, 3)), blocks.any(dim=(1, 3)))
    assert blocks.any(dim=(1, 3)).tolist() == [[flag == "1" for flag in row] for row in table.split()]
    assert seen[:, :, 3].sum() == 9 * 6 * 3  # all groups of earlier pixels


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("kernel", [1, 3, 7])
@torch.no_grad()
def test_masked_steps_equal_the_whole_pass(size, parts, kernel):
    conv, x = MaskedConv2d(6, 9, kernel=kernel, mask="B", parts=parts), torch.randn(2, 6, *size)
    cache, made = conv.init_cache(2, size[1]), torch.zeros(2, 9, *size)
    for row in range(size[0]):
        for column in range(size[1]):
            for part in range(parts):
                conv.put(x[:, :, row, column].chunk(parts, 1)[part], cache, part)
                made[:, :, row, column].chunk(parts, 1)[part][:] = conv.get(cache, part)
            conv.move(cache)
    torch.testing.assert_close(made, conv(x))


@pytest.mark.parametrize("kernel", [1, 3, 7])
def test_rows_see_those_above_and_their_own(kernel):
    seen = seen_from_the_middle(RowConv2d(2, 3, kernel=kernel), 2)
    rows, columns = torch.meshgrid(torch.arange(9) - 4, torch.arange(9) - 4, indexing="ij")
    assert torch.equal(seen, ((rows <= 0) & (rows >= -(kernel // 2)) & (columns.abs() <= kernel // 2)).expand_as(seen))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kernel", [1, 3, 7])
@torch.no_grad()
def test_row_steps_equal_the_whole_pass(size, kernel):
    conv, x = RowConv2d(2, 3, kernel=kernel), torch.randn(2, 2, *size)
    cache = conv.init_cache(2, size[1])
    made = torch.stack([conv.step(row, cache) for row in x.unbind(2)], dim=2)
    torch.testing.assert_close(made, conv(x))


@pytest.mark.parametrize("build", [partial(MaskedConv2d, mask="A"), RowConv2d])
@pytest.mark.parametrize(("kernel", "message"), [(4, "kernel=4 must be odd"), (0, "kernel=0 must be between 1 and 63")])
def test_impossible_kernels_are_named(build, kernel, message):
    with pytest.raises(UserError, match=message):
        build(1, 1, kernel=kernel)
