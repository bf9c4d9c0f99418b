import pytest
import torch

from synthgen.evaluation.loudness import level_db, rank_correlation


def test_levels_are_in_decibels_and_end_at_a_floor():
    sine = torch.sin(torch.arange(16000) * 2 * torch.pi * 440 / 16000)
    levels = level_db(torch.stack([sine, sine / 10, torch.zeros(16000)]))
    assert levels.tolist() == pytest.approx([-3.01, -23.01, -120], abs=0.01)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ((-40, -30, -29.9, -5, 0), 1),
        ((0, -1, -2, -3, -4), -1),
        ((-9, -9, -9, -9, -9), 0),
        ((-40, -20, -30, -10, 0), 0.9),
    ],
)
def test_only_the_order_counts(levels, expected):
    assert rank_correlation((25, 50, 75, 100, 127), levels) == pytest.approx(expected)
