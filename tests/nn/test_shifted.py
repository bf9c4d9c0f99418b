"""What each output of a shifted convolution depends on, and what weight normalisation and dropout do."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from synthgen.nn.shifted import STREAMS, Block, Entry, ShiftedConv, ShiftedRise, Stream, Streams, concat_elu, thinned

HEIGHT, WIDTH = 6, 8


def influence(layer, channels: int = 2) -> torch.Tensor:
    """Whether output (i, j) depends on input (k, l), bool (H', W', H, W)."""
    x = torch.randn(1, channels, HEIGHT, WIDTH, requires_grad=True)
    y = layer(x).square().sum(1)[0]
    rows = [torch.autograd.grad(value, x, retain_graph=True)[0].abs().sum(1)[0] for value in y.flatten()]
    return torch.stack(rows).view(*y.shape, HEIGHT, WIDTH) > 0


def allowed(stream: str, scale: float, shape: tuple[int, int]) -> torch.Tensor:
    """What an output at `scale` times its own place may depend on."""
    i, j, k, m = torch.meshgrid(*(torch.arange(size) for size in (*shape, HEIGHT, WIDTH)), indexing="ij")
    i, j = (i * scale).floor(), (j * scale).floor()
    return k <= i if stream == "vertical" else (k <= i) & (m <= j)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("kernel", [None, (1, 1), (1, 3), (2, 1), (3, 5)])
@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions_see_nothing_that_is_drawn_later(stream, kernel, stride):
    seen = influence(ShiftedConv(2, 3, stream=stream, kernel=kernel, stride=stride))
    assert seen.shape[:2] == (HEIGHT // stride, WIDTH // stride)
    may = allowed(stream, stride, seen.shape[:2])
    assert not (seen & ~may).any()
    assert seen[-1, -1, HEIGHT - stride, WIDTH - stride]


@pytest.mark.parametrize("stream", STREAMS)
def test_going_up_sees_nothing_that_is_drawn_later(stream):
    seen = influence(ShiftedRise(2, stream=stream))
    assert seen.shape[:2] == (2 * HEIGHT, 2 * WIDTH)
    assert not (seen & ~allowed(stream, 0.5, seen.shape[:2])).any()
    assert seen.flatten(2).any(2).all()


@pytest.mark.parametrize("stream", [0, 1], ids=STREAMS)
def test_from_the_entry_on_only_what_lies_before_is_seen(stream):
    entry, block = (
        Entry(2, 4, size=(HEIGHT, WIDTH), weight_norm=False),
        Block(4, shortcut=True, dropout=0.0, weight_norm=False).eval(),
    )

    def both(x):
        first = entry(x)
        return block(first, first, (None, None))[stream].x

    seen = influence(both)
    i, j, k, m = torch.meshgrid(*(torch.arange(size) for size in seen.shape), indexing="ij")
    before = (k < i) if STREAMS[stream] == "vertical" else (k < i) | ((k == i) & (m < j))
    assert not (seen & ~before).any()
    assert seen[3, 4, 2, 5]
    assert seen[3, 4, 3, 3] == (STREAMS[stream] == "horizontal")


def test_the_horizontal_stream_hears_the_vertical_one_and_not_the_other_way_round():
    block = Block(4, shortcut=True, dropout=0.0, weight_norm=False)
    x = [torch.randn(1, 4, 3, 3, requires_grad=True) for _ in range(4)]
    before, skip = Streams(Stream(x[0]), Stream(x[1])), Streams(Stream(x[2]), Stream(x[3]))
    after = block(before, skip, (None, None))

    def reached(y):
        gradients = torch.autograd.grad(y.x.square().sum(), x, retain_graph=True, allow_unused=True)
        return [g is not None and bool(g.any()) for g in gradients]

    assert reached(after.vertical) == [True, False, True, False]
    assert reached(after.horizontal) == [True, True, True, True]


@pytest.mark.parametrize("stream", STREAMS)
def test_normalised_weights_begin_as_plain_ones_and_keep_their_length(stream):
    x = torch.randn(2, 3, HEIGHT, WIDTH)
    for make in (
        lambda norm: ShiftedConv(3, 3, stream=stream, weight_norm=norm),
        lambda norm: ShiftedRise(3, stream=stream, weight_norm=norm),
    ):
        normal = make(True)
        plain = make(False)
        plain.load_state_dict({k: v for k, v in normal.state_dict().items() if k != "length"})
        torch.testing.assert_close(normal(x), plain(x))
        with torch.no_grad():
            normal.weight.mul_(7)
            normal.length.fill_(2)
        lengths = normal.kernel().transpose(0, normal.axis).flatten(1).norm(dim=1)
        torch.testing.assert_close(lengths, torch.full((3,), 2.0))


def test_concatenated_elus_lose_nothing():
    x = torch.randn(2, 3, 4)
    up, down = concat_elu(x).chunk(2, dim=1)
    torch.testing.assert_close(up, F.elu(x))
    torch.testing.assert_close(up.clamp(min=0) - down.clamp(min=0), x)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_dropout_drops_its_share_and_keeps_the_mean(share):
    x = torch.ones(3, 50, 333)
    y = thinned(x, share)
    dropped = (y == 0).double().mean().item()
    assert abs(dropped - share) < 0.01
    assert y.unique().numel() == 1 + (share > 0)
    assert abs(y.mean().item() - 1) < 0.02
    neighbours = (y[..., 1:] == 0) & (y[..., :-1] == 0)
    assert abs(neighbours.double().mean().item() - share**2) < 0.01
