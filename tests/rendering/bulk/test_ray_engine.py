import builtins
import sys

import pytest
from toy_plans import HERE, contents

from synthgen.checks import UserError
from synthgen.rendering.bulk.ray_engine import Ray
from synthgen.rendering.bulk.rendering import render


@pytest.fixture(scope="module")
def ray():
    """Ray on this machine, for all tests that play with it."""
    ray = pytest.importorskip("ray")
    patch = pytest.MonkeyPatch()
    for name, value in {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}.items():
        patch.setenv(name, value)
    patch.setenv("PYTHONPATH", ":".join(sys.path))
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield ray
    ray.shutdown()
    patch.undo()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_writes_the_same_bytes_and_says_what_is_wrong(ray, job, tmp_path):
    render(job(tmp_path / "here"), HERE)
    report = render(job(tmp_path / "ray"), Ray(workers=1))
    assert (report.made, report.totals.notes) == (8, 8)
    assert contents(tmp_path / "here") == contents(tmp_path / "ray")
    assert ray.is_initialized()
    broken = job(tmp_path / "broken")
    broken.own()
    (broken.folder / "audio").touch()
    with pytest.raises(UserError, match=r"^\S*/audio/\S+.wav: cannot write \((File exists|Not a directory)\); [^\n]*$"):
        render(broken, Ray(workers=1))


def test_ray_that_is_missing_is_one_line(job, tmp_path, monkeypatch):
    load = builtins.__import__

    def without(name, *arguments, **options):
        if name.split(".")[0] == "ray":
            raise ImportError(name)
        return load(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"^--engine ray needs Ray; pip install 'synthgen\[ray\]'$"):
        render(job(tmp_path), Ray())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:x", "127.0.0.1:99999"])
def test_ray_that_does_not_answer_is_one_line(job, tmp_path, address):
    pytest.importorskip("ray")
    with pytest.raises(UserError, match=rf"^Ray cannot be reached at {address} \([^\n]*\); see 'ray status'$"):
        render(job(tmp_path), Ray(address=address))


def test_a_number_of_actors_that_cannot_be():
    with pytest.raises(UserError, match=r"^workers=0 must be between 1 and 1024$"):
        Ray(workers=0)
