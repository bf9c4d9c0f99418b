from __future__ import annotations

import json
import sys

import pytest

from synthgen.training.log import Log, Meter


def read(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_lines_are_json_even_where_a_value_is_not_a_number(tmp_path, capsys):
    with Log(tmp_path, step=0, fraction=0.0, active=True) as log:
        log.progress(0.5, {"step": 3, "examples_per_second": 9.0, "train/model/total": 1.0})
        log.write({"step": 3, "valid/model/total": float("nan"), "lr": 1 / 3})
    assert read(tmp_path) == [{"step": 3, "valid/model/total": None, "lr": 0.333333}]
    assert "step 3" in capsys.readouterr().err


def test_only_the_active_log_writes(tmp_path, capsys):
    with Log(tmp_path, step=0, fraction=0.0, active=False) as log:
        log.progress(1.0, {"step": 1, "examples_per_second": 9.0})
        log.write({"step": 1})
    assert not list(tmp_path.iterdir()) and capsys.readouterr().err == ""


def test_tensorboard_is_used_where_it_is_installed(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    with Log(tmp_path, step=0, fraction=0.0, active=True) as log:
        log.write({"step": 1, "train/model/total": 1.0})
    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_without_tensorboard_the_log_is_written_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with Log(tmp_path, step=0, fraction=0.0, active=True) as log:
        log.write({"step": 1})
    assert read(tmp_path) == [{"step": 1}] and not (tmp_path / "tensorboard").exists()


def test_meter_gives_the_mean_since_it_was_last_read():
    meter = Meter()
    for value in (1.0, 3.0):
        meter.add({"loss": value})
    resumed = Meter(meter.sums)
    resumed.add({"loss": 8.0})
    assert meter.read() == {"loss": 2.0}
    assert resumed.read() == {"loss": 4.0} and resumed.sums == {}
