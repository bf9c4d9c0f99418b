from __future__ import annotations

import numba
import numpy as np
import pytest

from synthgen.kernels import compiling
from synthgen.kernels.compiling import compile_for, kernel


def define(sources):
    def double(x):
        sources  # noqa: B018
        return x + x

    return double


def hits(function) -> int:
    return sum(function.stats.cache_hits.values())


def test_the_second_start_compiles_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    first, second = kernel(define), kernel(define)
    assert (first(2), second(2)) == (4, 4)
    assert (hits(first), hits(second)) == (0, 1)
    monkeypatch.setattr(compiling, "_digest", lambda: "other sources")
    changed = kernel(define)
    assert changed(2) == 4
    assert hits(changed) == 0


def test_without_a_folder_to_write_to_nothing_is_kept(monkeypatch):
    njit = numba.njit

    def refuse(cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(numba, "njit", refuse)
    assert kernel(define)(3) == 6


def test_what_does_not_compile_is_a_runtime_error(monkeypatch):
    with pytest.raises(RuntimeError, match="numba"):
        compile_for(kernel(define), None)
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    with pytest.raises(RuntimeError, match="NUMBA_DISABLE_JIT"):
        compile_for(lambda: None)


def test_a_full_disk_does_not_matter():
    calls = []

    def save(x):
        calls.append(x)
        if len(calls) == 1:
            raise OSError("No space left on device")

    compile_for(save, np.zeros(1))
    assert len(calls) == 2
