"""The benchmark of what makes notes faster, on a tiny model."""

import runpy
from pathlib import Path

import pytest

FAST = Path(__file__).parents[2] / "recipes" / "benchmarks" / "fast.py"


@pytest.mark.slow
def test_each_variant_gets_a_row(tiny_checkpoint, capsys):
    fast = runpy.run_path(str(FAST))
    fast["main"](fast["Benchmark"](models=str(tiny_checkpoint), notes=2, batch=2))
    rows = [
        line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith(f"| {tiny_checkpoint}")
    ]
    variants = ["float32", "float32, 2 at once", "float32, channels apart", "bfloat16", "ONNX Runtime"]
    assert [row[1] for row in rows] == [*variants, "ONNX Runtime, int8"]
    levels = {row[1]: float(row[5]) for row in rows}
    assert rows[0][7].startswith("2 of 2")
    assert levels["float32"] == 0
    assert levels["ONNX Runtime"] < 0.01 < levels["bfloat16"] < levels["ONNX Runtime, int8"] < 10
