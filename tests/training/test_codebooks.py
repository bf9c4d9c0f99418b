from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from test_parallel import run
from toy_training import REPRESENTATION, Vectors

from synthgen.models import VQVAE
from synthgen.training import Trainer, state

SMALL = VQVAE.Config(channels=(8,), strides=((2,),), blocks=1, codes=64, dim=4, decay=0.8)


def train(folder: Path, *, stop: int = 0) -> Trainer:
    options = {"steps": 12, "batch_size": 8, "warmup": 2, "device": "cpu", "log_every": 1, "sample_every": 1}
    torch.manual_seed(3)
    trainer = Trainer(VQVAE(REPRESENTATION.spec(), SMALL), REPRESENTATION, Trainer.Config(**options), folder)

    def kill(t: Trainer) -> None:
        if t.step == stop:
            os.kill(os.getpid(), signal.SIGTERM)

    trainer.fit(Vectors(), Vectors(size=10), on_sample=kill)
    return trainer


def test_a_stopped_run_goes_on_with_the_same_codebook(tmp_path):
    train(tmp_path / "whole")
    with pytest.raises(SystemExit):
        train(tmp_path / "cut", stop=5)
    train(tmp_path / "cut")
    whole, cut = (state.load(tmp_path / name / "state.pt") for name in ("whole", "cut"))
    for name in ("weights", "average", "optimizers"):
        torch.testing.assert_close(getattr(whole, name), getattr(cut, name), rtol=0, atol=0)
    assert torch.equal(whole.weights["quantizer.table"], whole.average["quantizer.table"])
    lines = [json.loads(line) for line in (tmp_path / "cut" / "log.jsonl").read_text().splitlines()]
    seen = {f"train/model/{part}" for part in ("used", "perplexity", "dead", "commitment", "error")}
    assert seen <= lines[0].keys()
    assert sum(line.get("train/model/dead", 0) for line in lines) > 0, "some codes were replaced"


SCRIPT = """
import os, sys
from pathlib import Path
from test_codebooks import train
from synthgen.models.codes import fingerprint

folder = Path(sys.argv[1])
(folder / os.environ["RANK"]).write_text(fingerprint(train(folder).model))
"""


@pytest.mark.slow
def test_all_processes_have_the_codebook_of_the_first(tmp_path):
    script = tmp_path / "coding.py"
    script.write_text(SCRIPT)
    done = run(tmp_path / "run", processes=2, script=script)
    assert done.returncode == 0, done.stderr
    first, second = ((tmp_path / "run" / rank).read_text() for rank in "01")
    assert first == second
    assert state.load(tmp_path / "run" / "state.pt").weights["quantizer.table"].isfinite().all()
