import pytest

from synthgen.rendering.bulk.drawn import grid
from synthgen.rendering.bulk.job import Job
from synthgen.rendering.library import inspect


@pytest.fixture(scope="module")
def model(tiny_checkpoint):
    return inspect(tiny_checkpoint)


@pytest.fixture(scope="module")
def plan(model):
    return grid(model, instruments="flute,violin", pitches="48,60.5", velocities="25,100")


@pytest.fixture(scope="module")
def job(plan):
    """Make jobs of the plan, of three notes a shard."""

    def make(folder, **options):
        return Job(**{"plan": plan, "folder": folder, "shard_size": 3} | options)

    return make
