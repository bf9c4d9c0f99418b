"""What the masked convolutions of PixelCNN see, and what they never do."""

from __future__ import annotations

import pytest
import torch

from synthgen.checks import UserError
from synthgen.models import PixelCNN
from synthgen.records import DataSpec

SIDE = 9


def seen(model: PixelCNN, row: int, column: int) -> torch.Tensor:
    """The pixels (H, W) that what is said of one depends on, found by changing each."""
    x = torch.randint(4, (1, SIDE, SIDE))
    base, found = model(x, {})[:, :, row, column], torch.zeros(SIDE, SIDE, dtype=torch.bool)
    for place in range(SIDE * SIDE):
        changed = x.clone()
        changed.view(-1)[place] = (changed.view(-1)[place] + 2) % 4
        found.view(-1)[place] = (model(changed, {})[:, :, row, column] != base).any()
    return found


def reached(layers: int, *, first: int, row: int, column: int) -> torch.Tensor:
    """The same by the geometry of the masks: a wedge above, and nothing of what lies further to the right than it."""
    rows, columns = torch.meshgrid(row - torch.arange(SIDE), torch.arange(SIDE) - column, indexing="ij")
    reach = first // 2
    right = torch.where(rows == 0, -1, reach + (rows - 1).clamp(max=layers))
    return (rows >= 0) & (rows <= reach + layers) & (columns <= right) & (columns >= -reach - layers)


@pytest.mark.parametrize("layers", [0, 1, 2, 9])
@pytest.mark.parametrize("first", [3, 5])
@pytest.mark.parametrize(("row", "column"), [(8, 4), (6, 0), (0, 5)])
def test_there_is_a_blind_spot(layers, first, row, column):
    config = PixelCNN.Config(channels=16, layers=layers, first_kernel=first, entry=4)
    model = PixelCNN(DataSpec(shape=(1, SIDE, SIDE), levels=4), config).requires_grad_(False)
    for block in model.blocks:
        block.around.weight.mul_(4)
    expected = reached(layers, first=first, row=row, column=column)
    assert torch.equal(seen(model, row, column), expected)
    unseen = row * SIDE + column - int(expected.sum())
    if layers == 9 and row:  # deep enough for all that lies in the wedge
        assert unseen == sum(max(0, SIDE - 1 - column - first // 2 - above) for above in range(row))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": 5}, "channels=5 must be divisible by the halves within a block=2"),
        ({"entry": 0}, "entry=0 must be between 1 and 8192"),
        ({"hidden": 0}, "hidden=0 must be between 1 and 8192"),
        ({"layers": -1}, "layers=-1 must be between 0 and 256"),
    ],
)
def test_impossible_configs_are_named(change, message):
    with pytest.raises(UserError, match=message):
        PixelCNN(DataSpec(shape=(1, 5, 5), levels=4), PixelCNN.Config(**change))
