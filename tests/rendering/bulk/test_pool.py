import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest
from toy_plans import HERE, contents, prepared, rows

from synthgen.checks import UserError
from synthgen.rendering.bulk.drawn import grid
from synthgen.rendering.bulk.engines import Local, maker
from synthgen.rendering.bulk.job import Job
from synthgen.rendering.bulk.pool import notes_of
from synthgen.rendering.bulk.rendering import render

pytestmark = pytest.mark.slow


def test_processes_make_the_same_notes_in_the_same_order(job, tmp_path):
    this = job(tmp_path)
    with notes_of(maker(this), rows(this.plan), count=8, workers=3) as notes:
        assert list(notes) == prepared(this)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("layout", ["nsynth", "parquet"])
def test_workers_write_the_same_bytes(job, tmp_path, layout):
    pytest.importorskip("pyarrow")
    for name, engine in (("one", HERE), ("two", Local(2))):
        render(job(tmp_path / name, layout=layout), engine)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_what_stops_the_writer_stops_the_workers(job, tmp_path):
    render(job(tmp_path), HERE)
    for path in (tmp_path / "shards").iterdir():
        path.unlink()
    for path in (tmp_path / "audio").iterdir():
        path.unlink()
    (tmp_path / "audio").rmdir()
    (tmp_path / "audio").touch()
    with pytest.raises(UserError, match=r"^\S*/audio/\S+.wav: cannot write \(File exists\); [^\n]*$"):
        render(job(tmp_path), Local(2))
    assert multiprocessing.active_children() == []


def test_a_model_that_went_missing_is_one_line(job, tmp_path, model, tiny_checkpoint):
    gone = tmp_path / "gone.safetensors"
    gone.write_bytes(tiny_checkpoint.read_bytes())
    info = type(model)(**{**{name: getattr(model, name) for name in model.__dataclass_fields__}, "path": gone})
    this = Job(plan=grid(info, pitches="48:52"), folder=tmp_path / "out")
    this.own()
    gone.unlink()
    with pytest.raises(UserError, match=r"gone.safetensors: no such checkpoint"):
        render(this, Local(2))
    assert multiprocessing.active_children() == []


def test_a_lost_worker_stops_the_others(job, tmp_path, model):
    this = job(tmp_path, plan=grid(model, pitches="48:72:0.1", velocities="25", instruments="flute"))
    with notes_of(maker(this), rows(this.plan), count=241, workers=2) as notes:
        next(notes)
        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
        with pytest.raises(UserError, match=r"a worker was lost \(exit code -9\); start again to go on where it was"):
            list(notes)
    assert multiprocessing.active_children() == []


def test_killed_and_started_again_the_command_gives_the_same_bytes(model, tmp_path):
    words = [sys.executable, "-m", "synthgen", "render", "--model", str(model.path), "--grid", "--pitches", "48:72"]
    words += ["--velocities", "25,100", "--workers", "2", "--shard-size", "7", "--out", str(tmp_path / "killed")]
    there = 0
    for _ in range(2):
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, start_new_session=True)
        while process.poll() is None and len(list(tmp_path.glob("killed/shards/*"))) < there + 4:
            time.sleep(0.01)
        process.kill()  # the workers follow
        process.wait()
        there = len(list(tmp_path.glob("killed/shards/*")))
    assert 0 < there < 22
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    render(Job(plan=grid(model, velocities="25,100"), folder=tmp_path / "undisturbed", shard_size=7), HERE)
    assert contents(tmp_path / "killed") == contents(tmp_path / "undisturbed")
