from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from synthgen.data.loading import order
from synthgen.training import state

SCRIPT = Path(__file__).with_name("toy_training.py")
STEPS = 12


def run(
    folder: Path, *, processes: int, restarts: int = 0, script: Path = SCRIPT, **options
) -> subprocess.CompletedProcess:
    """The toy under torchrun; its diary lies beside the run's folder."""
    diary = folder.parent / f"{folder.name}.diary"
    diary.mkdir(exist_ok=True)
    options["data"] = {"diary": str(diary), **options.get("data", {})}
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--max-restarts", str(restarts)]
    launcher += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0", "--monitor-interval", "0.1"]
    return subprocess.run(
        [sys.executable, *launcher, str(script), str(folder), json.dumps(options)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (SCRIPT.parents[2], SCRIPT.parent))),
            "OMP_NUM_THREADS": "1",
            "GLOO_SOCKET_IFNAME": "lo",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )


def asked(folder: Path, rank: int) -> list[list[int]]:
    return json.loads((folder.parent / f"{folder.name}.diary" / f"order.{rank}.json").read_text())


@pytest.mark.slow
def test_two_processes_equal_one_with_the_same_global_batch(tmp_path):
    train = {"steps": STEPS, "validate_every": 5}
    for processes in (1, 2):
        done = run(tmp_path / str(processes), processes=processes, train=train)
        assert done.returncode == 0, done.stderr
    one, two = (state.load(tmp_path / str(processes) / "state.pt") for processes in (1, 2))
    for name in one.weights.keys() - {"seen"}:  # counts one process's examples
        torch.testing.assert_close(two.weights[name], one.weights[name], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(two.average[name], one.average[name], rtol=1e-5, atol=1e-5)
    assert two.metrics == pytest.approx(one.metrics, rel=1e-4)
    whole = asked(tmp_path / "1", 0)[:STEPS]
    halves = [asked(tmp_path / "2", rank)[:STEPS] for rank in (0, 1)]
    assert [a + b for a, b in zip(*halves, strict=True)] == whole
    assert whole == [order(40, seed=0, step=step, batch_size=8).tolist() for step in range(STEPS)]


@pytest.mark.slow
def test_a_run_whose_second_process_is_killed_recovers(tmp_path):
    train = {"steps": STEPS, "save_every": 4}
    model = {"dropout": 0.3}
    whole = run(tmp_path / "whole", processes=2, train=train, model=model)
    assert whole.returncode == 0, whole.stderr
    killed = run(
        tmp_path / "killed", processes=2, restarts=3, train=train, model=model, data={"kill_rank": 1, "kill_at": 9}
    )
    assert killed.returncode == 0, killed.stderr
    assert (tmp_path / "killed.diary" / "died").exists()
    one, other = (state.load(tmp_path / name / "state.pt") for name in ("whole", "killed"))
    for name in ("weights", "average", "optimizers"):
        torch.testing.assert_close(getattr(one, name), getattr(other, name), rtol=0, atol=0)


LEAVING = """
import atexit, os, sys
from pathlib import Path

def leave():
    names = [(task / "comm").read_text() for task in Path("/proc/self/task").iterdir()]
    Path(sys.argv[1], os.environ["RANK"]).write_text("".join(names))

atexit.register(leave)  # what is registered first is called last
import toy_training
toy_training.main()
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted in Linux's /proc")
def test_no_thread_of_the_process_group_outlives_it(tmp_path):
    """One that does aborts its process now and then, when it frees a tensor while the interpreter is taken down."""
    script = tmp_path / "leaving.py"
    script.write_text(LEAVING)
    done = run(tmp_path / "run", processes=2, script=script, train={"steps": STEPS})
    assert done.returncode == 0, done.stderr
    for rank in ("0", "1"):
        assert "gloo" not in (tmp_path / "run" / rank).read_text()


@pytest.mark.slow
def test_a_number_that_is_none_on_one_process_stops_both(tmp_path):
    done = run(tmp_path / "run", processes=2, train={"steps": STEPS}, data={"poison": 17})
    assert done.returncode != 0
    assert done.stderr.count("TrainingDiverged: training diverged at step") == 2
