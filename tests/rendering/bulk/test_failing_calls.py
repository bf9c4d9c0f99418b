import errno
import itertools
import os
from functools import partial

import pytest
from toy_plans import LAYOUTS, Prepared, contents

from synthgen.checks import UserError
from synthgen.rendering.bulk.drawn import grid
from synthgen.rendering.bulk.rendering import render

REAL = {"write": os.write, "fsync": lambda _: None, "replace": os.replace}
"""Waiting for the disk would take minutes here, and has no effect that a test could see."""


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(os, "fsync", REAL["fsync"])


@pytest.fixture
def failing(monkeypatch):
    """Let the n-th call fail, counting from 0, while something is done; tell whether there was one."""

    def run(call, moment, action):
        count, failed = itertools.count(), []

        def fail(*arguments):
            if next(count) == moment:
                failed.append(True)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return REAL[call](*arguments)

        monkeypatch.setattr(os, call, fail)
        try:
            action()
        except UserError as error:
            assert "the disk is full; free some space (" in str(error)
            assert "\n" not in str(error)
        monkeypatch.setattr(os, call, REAL[call])
        return bool(failed)

    return run


def check_every_moment(job, folder, call, failing):
    """The n-th call fails, for every n there is, and the folder is only ever whole files; the number of calls."""
    engine = Prepared(job(folder / "whole"))
    render(job(folder / "whole"), engine)
    whole = contents(folder / "whole")
    for moment in itertools.count():
        this = job(folder / str(moment))
        if not failing(call, moment, lambda: render(this, engine)):  # noqa: B023
            return moment
        assert contents(this.folder).items() <= whole.items()
        if moment % 7 == 0:
            render(this, engine)
            assert contents(this.folder) == whole
    return None


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("call", REAL)
def test_a_call_that_fails_at_any_moment_leaves_whole_files_alone(job, tmp_path, failing, layout, call):
    pytest.importorskip("pyarrow")
    assert check_every_moment(partial(job, layout=layout), tmp_path, call, failing) > 3


@pytest.mark.slow
def test_each_of_the_first_two_hundred_calls_may_fail(model, job, tmp_path, failing):
    many = partial(job, plan=grid(model, pitches="48:67", velocities="1,127"))
    assert check_every_moment(many, tmp_path, "fsync", failing) > 200
