from __future__ import annotations

import pytest

from synthgen.training.schedules import progress, warmup_cosine


def test_rate_rises_over_the_warmup_then_falls_to_its_final_fraction():
    factors = [warmup_cosine(step, step / 1000, warmup=10, final=0.1) for step in range(1001)]
    assert factors[:10] == sorted(factors[:10])
    assert factors[0] == pytest.approx(0.1, rel=1e-4)
    assert factors[9:] == sorted(factors[9:], reverse=True)
    assert max(factors) == pytest.approx(1, abs=1e-3)
    assert factors[500] == pytest.approx(0.55) and factors[1000] == pytest.approx(0.1)


def test_no_warmup_starts_at_the_full_rate():
    assert warmup_cosine(0, 0.0, warmup=0, final=0.0) == 1


def test_progress_is_that_of_the_budget_used_up_first():
    assert progress(10, 30.0, steps=100, minutes=None) == 0.1
    assert progress(10, 30.0, steps=None, minutes=1.0) == 0.5
    assert progress(10, 30.0, steps=100, minutes=1.0) == 0.5
    assert progress(90, 30.0, steps=100, minutes=1.0) == 0.9
    assert progress(300, 0.0, steps=100, minutes=None) == 1
