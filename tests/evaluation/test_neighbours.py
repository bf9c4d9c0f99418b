from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from synthgen.checks import UserError
from synthgen.data.images import Images, Pictures
from synthgen.evaluation.completion import EACH, known_rows, write_completions
from synthgen.evaluation.neighbours import COVERED, NeighbourCounts, PixelPredictions, predict_pixels
from synthgen.heads import Categorical
from synthgen.models.autoregressive import Autoregressive
from synthgen.records import Labels
from synthgen.representations import Palette, Pixels

COLOURS = ((255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 0, 255))
LEVELS, HEIGHT, WIDTH = 4, 8, 12
PALETTE = Palette(height=HEIGHT, width=WIDTH, colours=COLOURS)


def chain(n: int, *, kept: float, shares: tuple[float, ...]) -> Tensor:
    """Rows in which a level is that on its left with probability `kept`, or else drawn from `shares`."""
    drawn = torch.multinomial(torch.tensor(shares), n * HEIGHT * WIDTH, replacement=True).view(n, HEIGHT, WIDTH)
    keep = torch.rand(drawn.shape) < kept
    for column in range(1, WIDTH):
        drawn[:, :, column] = torch.where(keep[:, :, column], drawn[:, :, column - 1], drawn[:, :, column])
    return drawn


def entropy(shares: list[float]) -> float:
    return -sum(p * math.log2(p) for p in shares)


def images(x: Tensor) -> Images:
    media = (PALETTE.decode(x[:, None]) * 255).round().byte().numpy()
    return Images(PALETTE.spec(), Pictures(x=np.ascontiguousarray(media)), provenance={"name": "toy"})


class Above(Autoregressive):
    """Takes a pixel for the one above it, with probability one half or so, and for any with the rest."""

    def __init__(self) -> None:
        super().__init__(PALETTE.spec(), None)
        self.head = Categorical(levels=LEVELS)
        self.sure = nn.Parameter(torch.tensor(math.log(3.0)))  # 3 of 3 + 3

    def forward(self, x: Tensor, labels: Labels) -> Tensor:
        above = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)
        return self.sure * nn.functional.one_hot(above, LEVELS).movedim(-1, 1)

    def init_cache(self, labels: Labels, n: int) -> list[Tensor]:
        return [torch.zeros(n, WIDTH, dtype=torch.int64)]

    def step(self, cache: list[Tensor], previous: Tensor | None) -> Tensor:
        if previous is not None:
            cache[0] = torch.cat([cache[0][:, 1:], previous[:, None]], dim=1)
        return self.sure * nn.functional.one_hot(cache[0][:, 0], LEVELS)


@pytest.mark.parametrize("kept", [0.0, 0.4, 0.9])
def test_baselines_reach_the_entropies_of_a_chain(kept):
    shares = (0.4, 0.3, 0.2, 0.1)
    counts = NeighbourCounts([chain(60, kept=kept, shares=shares) for _ in range(8)], levels=LEVELS)
    x = chain(300, kept=kept, shares=shares)
    alone = entropy(list(shares))
    after = sum(
        p * entropy([kept * (i == j) + (1 - kept) * q for j, q in enumerate(shares)]) for i, p in enumerate(shares)
    )
    mixed = (alone + (WIDTH - 1) * after) / WIDTH
    for name, expected in {"unigram": alone, "bigram": mixed, "copy left": mixed}.items():
        assert counts.bits(name, x).mean().item() == pytest.approx(expected, abs=0.02)
    assert counts.copied == pytest.approx(kept, abs=0.02)
    same = (shares[0] + (WIDTH - 1) * (kept + (1 - kept) * sum(p * p for p in shares))) / WIDTH
    assert counts.right("copy left", x).double().mean().item() == pytest.approx(same, abs=0.02)
    assert counts.right("unigram", x).double().mean().item() == pytest.approx(shares[0], abs=0.02)
    assert counts.right("bigram", x).double().mean() > counts.right("copy left", x).double().mean() - 0.02


def test_baselines_are_distributions_even_of_what_was_never_seen():
    counts = NeighbourCounts([torch.zeros(1, 3, 5, dtype=torch.int64)], levels=LEVELS)
    for shares in counts.shares.values():
        torch.testing.assert_close(shares.sum(1), torch.ones(LEVELS + 1, dtype=torch.float64))
        assert shares.min() > 0
    assert counts.bits("bigram", torch.full((1, 2, 2), 3)).isfinite().all()


def test_alternating_columns_are_learned_by_the_bigram_alone():
    x = (torch.arange(WIDTH) % 2).expand(40, HEIGHT, WIDTH)
    counts = NeighbourCounts([x], levels=2)
    assert counts.bits("bigram", x).mean() < 0.01
    assert counts.bits("unigram", x).mean().item() == pytest.approx(1, abs=1e-3)
    assert counts.bits("copy left", x).mean().item() == pytest.approx(1, abs=1e-2)
    assert counts.right("bigram", x).all()
    assert counts.right("copy left", x).double().mean().item() == pytest.approx(1 / WIDTH)


def found(x: Tensor) -> PixelPredictions:
    return predict_pixels(Above(), PALETTE, train=images(chain(30, kept=0.5, shares=(0.25,) * 4)), held_out=images(x))


def test_a_model_is_judged_over_all_and_over_the_covered_rows():
    x = torch.randint(LEVELS, (5, 1, WIDTH)).repeat(1, HEIGHT, 1)
    x[:, 1:4] = (x[:, :1] + 1) % LEVELS  # rows a b b b a a a a
    x[:, 4:] = (x[:, :1] + 2) % LEVELS
    report = found(x)
    assert report.pictures == 5
    known = math.log2(2)  # half of the weight is on the level above
    other = math.log2(6)
    start = (x[:, 0] == 0).double().mean().item()
    first = start * known + (1 - start) * other
    assert report.bits["model", 1.0] == pytest.approx((first + 2 * other + 5 * known) / 8, abs=1e-5)
    assert report.bits["model", 0.5] == pytest.approx((other + 3 * known) / 4, abs=1e-5)
    assert report.bits["model", 0.75] == pytest.approx((other + 5 * known) / 6, abs=1e-5)
    assert report.right["model", 0.5] == pytest.approx(3 / 4)
    assert report.right["model", 0.75] == pytest.approx(5 / 6)


def test_the_table_has_a_line_each():
    lines = found(chain(3, kept=0.5, shares=(0.25,) * 4)).table().splitlines()
    assert len({len(line) for line in lines}) == 1
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["bits per pixel, 3 held-out pictures", "all pixels", "50% covered", "75% covered"]
    assert [row[0] for row in cells[2:]] == ["model", "bigram", "copy left", "unigram"]


def test_colour_channels_and_too_many_levels_are_refused():
    with pytest.raises(UserError, match="channels of pictures to predict=3 must equal number of channels=1"):
        media = Pictures(x=np.zeros((2, 3, 4, 4), dtype=np.uint8))
        pixels = Pixels(height=4, width=4, channels=3)
        data = Images(pixels.spec(), media, provenance={})
        predict_pixels(Above(), pixels, train=data, held_out=data)
    with pytest.raises(UserError, match="levels of counted pictures=65536 must be between 2 and 1024"):
        NeighbourCounts([], levels=65_536)


@pytest.mark.parametrize(("height", "covered", "rows"), [(20, 0.5, 10), (20, 0.75, 5), (7, 0.5, 3), (4, 1.0, 0)])
def test_rows_are_known_from_the_top(height, covered, rows):
    assert known_rows(height, covered) == rows


@pytest.mark.parametrize("covered", COVERED)
def test_a_sheet_shows_what_is_known_then_completions_then_the_real_ones(tmp_path, monkeypatch, covered):
    x, sheets = chain(4, kept=0.5, shares=(0.25,) * 4), []
    monkeypatch.setattr("synthgen.evaluation.completion.write_sheet", lambda path, rows: sheets.append(rows))
    write_completions(tmp_path / "sheet.png", Above(), PALETTE, images(x), covered=covered, count=3)
    (_, seen), *made, (name, real) = sheets[0]
    rows = known_rows(HEIGHT, covered)
    assert len(made) == EACH
    assert name == "real"
    assert np.array_equal(real, images(x[[0, 2, 3]]).pictures.x)
    assert np.array_equal(seen[:, :, :rows], real[:, :, :rows])
    assert (seen[:, :, rows:] == 128).all()
    for _, pictures in made:
        assert np.array_equal(pictures[:, :, :rows], real[:, :, :rows])
        assert not np.array_equal(pictures[:, :, rows:], real[:, :, rows:])
    assert not np.array_equal(made[0][1], made[1][1])


def test_nothing_covered_or_known_is_refused(tmp_path):
    data = images(chain(2, kept=0.5, shares=(0.25,) * 4))
    for covered, message in [(0.0, "must be shorter than the whole"), (1.0, "beginning to continue is empty")]:
        with pytest.raises(UserError, match=message):
            write_completions(tmp_path / "sheet.png", Above(), PALETTE, data, covered=covered, count=1)
    with pytest.raises(UserError, match="count=3 must be between 1 and 2"):
        write_completions(tmp_path / "sheet.png", Above(), PALETTE, data, covered=0.5, count=3)
