"""How well pixels are predicted in raster order: by a model, and from the pixel on the left, which needs no network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from synthgen import checks
from synthgen.data.loading import Examples
from synthgen.heads import Sampling
from synthgen.models.autoregressive import Autoregressive
from synthgen.records import Batch
from synthgen.representations.base import ImageRepresentation

from .completion import known_rows
from .player import relabel

COVERED = (0.5, 0.75)
"""Shares of a picture's rows, from below, over which completions are judged."""
MOST_LEVELS = 1024
PSEUDO_COUNT = 0.5
"""Counted for what was never seen (Krichevsky and Trofimov, 1981, doi:10.1109/TIT.1981.1056331)."""
PRIOR_PAIRS = 16.0
"""Pairs' counts begin with so many pixels, spread as those of all pictures."""
STEPS = 200
"""Of expectation maximisation."""
NAMES = ("model", "bigram", "copy left", "unigram")


class NeighbourCounts:
    """Predictions from how often levels, and levels beside each other, occur in training pictures.

    What lies left of a row's first pixel counts as one more level, the last.

    Attributes:
        shares: Probability of each level after each on its left (levels + 1, levels), by predictor. ``unigram`` does
            not look at the left; ``bigram`` counts pairs, and its counts begin with `PRIOR_PAIRS` pixels spread as
            all are, so that rare pairs fall back on them (MacKay and Peto, 1995, doi:10.1017/S1351324900000218);
            ``copy left`` takes a share `copied` of the pixels for copies and the others for draws from all.
        guesses: The level to bet on after each on its left (levels + 1,), by predictor.
        copied: The share under which the training pictures are the likeliest.
    """

    def __init__(self, pictures: Iterable[Tensor], *, levels: int) -> None:
        """`pictures` are batches of levels (B, H, W) int64."""
        checks.between("levels of counted pictures", levels, 2, MOST_LEVELS)
        self.levels = levels
        counts = torch.zeros(levels + 1, levels, dtype=torch.float64)
        for x in pictures:
            counts += torch.bincount((self.left(x) * levels + x).flatten(), minlength=counts.numel()).view_as(counts)
        singles = (counts.sum(0) + PSEUDO_COUNT) / (counts.sum() + PSEUDO_COUNT * levels)
        pairs = counts + PRIOR_PAIRS * singles
        self.copied = _copied(counts[:levels], singles)
        copy = (1 - self.copied) * singles + self.copied * torch.eye(levels, dtype=torch.float64)
        self.shares = {
            "bigram": pairs / pairs.sum(1, keepdim=True),
            "copy left": torch.cat([copy, singles[None]]),
            "unigram": singles.expand(levels + 1, -1),
        }
        self.guesses = {name: shares.argmax(1) for name, shares in self.shares.items()}
        self.guesses["copy left"][:levels] = torch.arange(levels)

    def left(self, x: Tensor) -> Tensor:
        """The level on the left of each of (B, H, W)."""
        return F.pad(x, (1, 0), value=self.levels)[..., :-1]

    def bits(self, name: str, x: Tensor) -> Tensor:
        """What each pixel takes by a predictor, (B, H, W) float64."""
        return -self.shares[name][self.left(x), x].log2()

    def right(self, name: str, x: Tensor) -> Tensor:
        """Whether a predictor bets on the level that each pixel has, (B, H, W) bool."""
        return self.guesses[name][self.left(x)] == x


@dataclass(frozen=True, kw_only=True)
class PixelPredictions:
    """How well held-out pixels are predicted after those before them, by predictor and by share of covered rows.

    Attributes:
        pictures: Number of held-out pictures.
        bits: Mean bits a pixel; the keys are a predictor and the share of rows, from below, whose pixels count.
        right: Share of the pixels that were bet on.
    """

    pictures: int
    bits: dict[tuple[str, float], float]
    right: dict[tuple[str, float], float]

    def table(self) -> str:
        """The figures in Markdown, aligned as they stand."""
        parts = list(dict.fromkeys(part for _, part in self.bits))
        heading = f"bits per pixel, {self.pictures} held-out pictures"
        rows = [(heading, *("all pixels" if part == 1 else f"{part:.0%} covered" for part in parts))]
        for name in dict.fromkeys(name for name, _ in self.bits):
            rows.append((name, *(f"{self.bits[name, p]:.3f}, {self.right[name, p]:.1%} right" for p in parts)))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        rows.insert(1, tuple("-" * width for width in widths))
        lines = [" | ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)) for row in rows]
        return "\n".join(f"| {line} |" for line in lines)


@torch.no_grad()
def predict_pixels(
    model: Autoregressive,
    representation: ImageRepresentation,
    *,
    train: Examples,
    held_out: Examples,
    batch_size: int = 32,
) -> PixelPredictions:
    """Predict the pixels of held-out pictures by a model, and from the pixel on their left.

    Args:
        model: In eval mode, of pictures of one channel.
        representation: Makes the levels that the model sees.
        train: Pictures to count neighbours in.
        held_out: Pictures to predict.
        batch_size: Pictures predicted together.

    Raises:
        UserError: more levels than are counted, or several channels.
    """
    checks.equal("channels of pictures to predict", held_out.spec.shape[0], "number of channels", 1)
    training = (representation.encode(batch.x)[:, 0] for batch in _parts(train, batch_size, "counting neighbours"))
    counts = NeighbourCounts(training, levels=model.head.levels)
    bits, right = {name: [] for name in NAMES}, {name: [] for name in NAMES}
    for batch in _parts(held_out, batch_size, "predicting pixels"):
        x = representation.encode(batch.x)[:, 0]
        labels = relabel(batch.labels, given=held_out.spec.fields, known=model.spec.fields)
        example = Batch(x[:, None], labels).to(model.device)
        parameters, levels = model(example.x[:, 0], example.labels).float(), example.x[:, 0]
        unused = torch.zeros(len(x), model.head.draws, *x.shape[1:], device=model.device)
        guess = model.head.sample(parameters, unused, Sampling(temperature=0))
        bits["model"].append(model.head.surprise(parameters, levels).double().cpu())
        right["model"].append((guess == levels).cpu())
        for name in counts.shares:
            bits[name].append(counts.bits(name, x))
            right[name].append(counts.right(name, x))
    return PixelPredictions(pictures=len(held_out), bits=_means(bits), right=_means(right))


def _means(values: dict[str, list[Tensor]]) -> dict[tuple[str, float], float]:
    """Means of (B, H, W) over all and over the lower rows."""
    found = {}
    for name, each in values.items():
        whole = torch.cat(each).double()
        for part in (1.0, *COVERED):
            found[name, part] = whole[:, known_rows(whole.shape[1], part) :].mean().item()
    return found


def _copied(pairs: Tensor, singles: Tensor) -> float:
    """The share of copies under which pairs (levels, levels) are the likeliest, by expectation maximisation.

    Half a pixel is counted as a copy and half a one as none beforehand.
    """
    share, same = 0.5, pairs.diagonal()
    for _ in range(STEPS):
        copies = (same * share / (share + (1 - share) * singles)).sum().item()
        share = (copies + PSEUDO_COUNT) / (pairs.sum().item() + 2 * PSEUDO_COUNT)
    return share


def _parts(examples: Examples, batch_size: int, description: str) -> Iterator[Batch]:
    """All examples in order, on the CPU."""
    for indices in tqdm(torch.arange(len(examples)).split(batch_size), desc=description, disable=None, leave=False):
        yield examples.batch(indices)
