from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from toy_training import TOYS, ToyGAN, Vectors, trainer

from synthgen import checkpoint, models
from synthgen.checks import UserError
from synthgen.data.loading import order
from synthgen.training import Trainer, TrainingDiverged, state

SCRIPT = Path(__file__).with_name("toy_training.py")


@pytest.fixture(autouse=True)
def _toys(monkeypatch):
    for name, toy in TOYS.items():
        monkeypatch.setitem(models.MODELS, name, toy)


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def untimed(folder: Path) -> list[dict]:
    return [{k: v for k, v in line.items() if k not in ("minutes", "examples_per_second")} for line in lines(folder)]


def momenta(run: state.State) -> dict[str, dict]:
    """What each phase's optimizers remember, without their options."""
    return {phase: {name: o["state"] for name, o in methods.items()} for phase, methods in run.optimizers.items()}


def assert_same_run(a: Path, b: Path) -> None:
    """Weights, averages, optimizers and log are equal bit for bit."""
    one, other = state.load(a / "state.pt"), state.load(b / "state.pt")
    assert one.step == other.step and one.metrics == other.metrics and one.best == other.best
    for part in (lambda run: run.weights, lambda run: run.average, momenta):
        torch.testing.assert_close(part(one), part(other), rtol=0, atol=0)
    assert untimed(a) == untimed(b)


def assert_model_is_the_state(folder: Path) -> None:
    """The usable checkpoint holds the average of the resumable one."""
    saved, model = state.load(folder / "state.pt"), checkpoint.load(folder / "model.safetensors")
    assert model.provenance["step"] == saved.step
    torch.testing.assert_close(dict(model.model.state_dict()), saved.average, rtol=0, atol=0)


def test_training_lowers_the_loss_and_leaves_a_checkpoint_that_loads(tmp_path):
    trainer(tmp_path, steps=60, lr=3e-2).fit(Vectors(), Vectors(size=10), provenance={"recipe": "toy"})
    log = [line["train/model/error"] for line in lines(tmp_path) if "train/model/error" in line]
    assert sum(log[-5:]) < 0.9 * sum(log[:5])
    saved = checkpoint.load(tmp_path / "model.safetensors")
    assert saved.provenance["step"] == 60 and saved.provenance["recipe"] == "toy"
    assert saved.provenance["data"] == {"name": "vectors", "size": 40}
    assert saved.provenance["train"]["lr"] == 3e-2
    assert saved.provenance["validation"]["model/total"] > 0
    assert_model_is_the_state(tmp_path)


@pytest.mark.parametrize("method", ["adamw", "muon"])
def test_a_run_stopped_by_sigterm_goes_on_bit_for_bit(tmp_path, capsys, method):
    options = {"model": {"dropout": 0.5}, "method": method, "save_every": 5, "log_every": 2, "validate_every": 4}
    trainer(tmp_path / "whole", **options).fit(Vectors(), Vectors(size=10))

    def stop(run: Trainer) -> None:
        if run.step == 7:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stopped:
        trainer(tmp_path / "cut", **options, sample_every=1).fit(Vectors(), Vectors(size=10), on_sample=stop)
    assert stopped.value.code == 128 + signal.SIGTERM
    assert re.search(r"stopped at step [78] and saved; the same command goes on", capsys.readouterr().err)
    assert signal.getsignal(signal.SIGTERM) is before
    assert state.load(tmp_path / "cut" / "state.pt").step in (7, 8)
    assert_model_is_the_state(tmp_path / "cut")
    trainer(tmp_path / "cut", **options).fit(Vectors(), Vectors(size=10))
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


def test_a_run_killed_with_kill_9_goes_on_bit_for_bit(tmp_path):
    train = {"save_every": 5, "validate_every": 4, "steps": 14}
    trainer(tmp_path / "whole", model={"dropout": 0.5}, **train).fit(Vectors(), Vectors(size=10))
    options = {"train": train, "model": {"dropout": 0.5}}
    options["data"] = {"kill_rank": 0, "kill_at": 11, "diary": str(tmp_path)}
    command = [sys.executable, str(SCRIPT), str(tmp_path / "cut"), json.dumps(options)]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2]), "OMP_NUM_THREADS": "1"}
    killed = subprocess.run(command, env=environment, capture_output=True, timeout=300)
    assert killed.returncode == -signal.SIGKILL
    assert state.load(tmp_path / "cut" / "state.pt").step == 5
    assert max(line["step"] for line in lines(tmp_path / "cut")) > 5
    trainer(tmp_path / "cut", model={"dropout": 0.5}, **train).fit(Vectors(), Vectors(size=10))
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


def test_a_model_file_older_than_the_state_is_written_again(tmp_path):
    trainer(tmp_path, steps=4).fit(Vectors())
    old = (tmp_path / "model.safetensors").read_bytes()
    trainer(tmp_path, steps=8).fit(Vectors())
    (tmp_path / "model.safetensors").write_bytes(old)
    trainer(tmp_path, steps=8).fit(Vectors())
    assert_model_is_the_state(tmp_path)


def test_log_lines_after_the_state_and_half_lines_are_cut_off(tmp_path):
    trainer(tmp_path, steps=4).fit(Vectors())
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 9}\n{"step": 1')
    trainer(tmp_path, steps=6).fit(Vectors())
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_stops_at_the_step_whose_loss_is_not_a_number(tmp_path):
    bad = next(s for s in range(12) if 17 in order(40, seed=0, step=s, batch_size=8))
    run = trainer(tmp_path, save_every=2)
    with pytest.raises(TrainingDiverged, match=f"at step {bad + 1}: phase model, error=nan"):
        run.fit(Vectors(poison=17), Vectors(size=10))
    assert run.step == bad
    assert all(p.isfinite().all() for p in run.model.parameters())
    assert state.load(tmp_path / "state.pt").step == bad - bad % 2
    assert_model_is_the_state(tmp_path)


def test_stops_where_only_the_gradient_is_infinite(tmp_path):
    run = trainer(tmp_path)
    run.model.body[2].weight.register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(TrainingDiverged, match="step 1: phase model, grad_norm="):
        run.fit(Vectors())


def test_accumulated_parts_equal_the_whole_batch(tmp_path):
    for parts in (1, 4):
        trainer(tmp_path / str(parts), accumulate=parts).fit(Vectors())
    one, four = (state.load(tmp_path / str(parts) / "state.pt") for parts in (1, 4))
    torch.testing.assert_close(one.weights, four.weights, rtol=1e-5, atol=1e-6)


def test_a_budget_in_minutes_ends_the_run_and_counts_over_resumed_parts(tmp_path):
    run = trainer(tmp_path, steps=None, minutes=0.002)
    run.fit(Vectors())
    assert run.seconds >= 0.12 and run.step > 0
    again = trainer(tmp_path, steps=None, minutes=0.002)
    again.fit(Vectors())
    assert again.step == run.step
    longer = trainer(tmp_path, steps=None, minutes=0.004)
    longer.fit(Vectors())
    assert longer.step > run.step and longer.seconds >= 0.24


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lr": 1e-4}, r"train\.lr=0\.001, not 0\.0001"),
        ({"batch_size": 4}, r"train\.batch_size=8, not 4"),
        ({"model": {"width": 9}}, r"model\.width=8, not 9"),
        ({"toy": "toy_gan"}, r'model\.name="ToyRegressor", not "ToyGAN"'),
    ],
)
def test_a_folder_with_another_run_is_refused(tmp_path, change, field):
    trainer(tmp_path, steps=2).fit(Vectors())
    kept = (tmp_path / "state.pt").read_bytes()
    with pytest.raises(UserError, match=f"holds a run with {field}; choose another folder"):
        trainer(tmp_path, steps=3, **change).fit(Vectors())
    assert (tmp_path / "state.pt").read_bytes() == kept


def test_other_data_are_refused(tmp_path):
    trainer(tmp_path, steps=2).fit(Vectors())
    with pytest.raises(UserError, match=r"data\.size=40, not 41"):
        trainer(tmp_path, steps=3).fit(Vectors(size=41))


def test_how_often_to_log_and_save_may_change(tmp_path):
    trainer(tmp_path, steps=2).fit(Vectors())
    changed = trainer(tmp_path, steps=4, log_every=2, save_every=1, validate_every=3, sample_every=7)
    changed.fit(Vectors())
    assert changed.step == 4


@pytest.mark.parametrize("content", [b"", b"no such thing", b"PK\x03\x04"])
def test_a_damaged_state_is_a_clear_error(tmp_path, content):
    (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(UserError, match=r"state\.pt is damaged or no training state"):
        trainer(tmp_path).fit(Vectors())


def test_a_state_that_holds_code_is_not_run(tmp_path):
    torch.save({"format": 1, "run": "{}", "step": nn.Linear(1, 1)}, tmp_path / "state.pt")
    with pytest.raises(UserError, match="damaged or no training state"):
        trainer(tmp_path).fit(Vectors())


def test_two_phases_move_their_own_modules_only(tmp_path):
    run = trainer(tmp_path, toy="toy_gan", steps=5)
    model: ToyGAN = run.model
    touched: dict[str, set[str]] = {}
    for name, loss in (("discriminator", model.discriminator_loss), ("generator", model.generator_loss)):
        phase = next(o for o in run._optimizers if o.phase.name == name)

        def noted(batch, name=name, loss=loss):
            touched[name] = {n.split(".")[0] for n, p in model.named_parameters() if p.requires_grad}
            return loss(batch)

        object.__setattr__(phase.phase, "loss", noted)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    run.fit(Vectors(), Vectors(size=10))
    assert touched == {"discriminator": {"discriminator"}, "generator": {"generator"}}
    assert all(p.requires_grad for p in model.parameters())
    assert not any(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert {"train/generator/total", "train/discriminator/grad_norm"} <= lines(tmp_path)[0].keys()
    assert {"valid/generator/total", "valid/discriminator/total"} <= lines(tmp_path)[-1].keys()
    assert set(state.load(tmp_path / "state.pt").optimizers) == {"discriminator", "generator"}


def test_a_two_phase_run_resumes_bit_for_bit(tmp_path):
    trainer(tmp_path / "whole", toy="toy_gan", steps=8).fit(Vectors())

    def stop(run: Trainer) -> None:
        if run.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "cut", toy="toy_gan", steps=8, save_every=3, sample_every=1).fit(Vectors(), on_sample=stop)
    assert state.load(tmp_path / "cut" / "state.pt").step == 3
    trainer(tmp_path / "cut", toy="toy_gan", steps=8).fit(Vectors())
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


def test_validation_ignores_dropout_and_keeps_the_best(tmp_path):
    run = trainer(tmp_path, model={"dropout": 0.5}, steps=6, validate_every=2, lr=1.0, warmup=0, ema=0.0)
    run.fit(Vectors(), Vectors(size=10))
    totals = {line["step"]: line["valid/model/total"] for line in lines(tmp_path) if "valid/model/total" in line}
    assert list(totals) == [2, 4, 6]
    best = checkpoint.load(tmp_path / "best.safetensors")
    assert best.provenance["step"] == min(totals, key=totals.get)
    with torch.no_grad():
        batch = Vectors().batch(torch.arange(10))
        assert best.model.loss(batch).total.item() == pytest.approx(min(totals.values()), rel=1e-5)


def test_bfloat16_wraps_the_loss_and_leaves_weights_in_float32(tmp_path):
    run = trainer(tmp_path, precision="bfloat16", steps=3)
    seen = []
    run.model.body[2].register_forward_hook(lambda _module, _inputs, output: seen.append(output.dtype))
    run.fit(Vectors(), Vectors(size=10))
    assert set(seen) == {torch.bfloat16}
    assert {p.dtype for p in run.model.parameters()} == {torch.float32}


def test_samples_are_written_from_the_average_in_eval_mode(tmp_path):
    seen = []
    run = trainer(tmp_path, steps=7, sample_every=3)
    run.fit(Vectors(), on_sample=lambda r: seen.append((r.step, r.average.model.training)))
    assert seen == [(3, False), (6, False), (7, False)]
    assert run.model.training


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": None}, "leave no budget"),
        ({"steps": 0}, "steps=0 must be between"),
        ({"minutes": -1.0}, r"minutes=-1\.0 must be between"),
        ({"batch_size": 9, "accumulate": 2}, r"batch_size=9 must be divisible by processes \* accumulate=2"),
        ({"ema": 1.5}, r"ema=1\.5 must be between 0 and 1"),
        ({"lr": float("nan")}, "lr=nan must be between"),
        ({"precision": "float16"}, "precision='float16' is not known"),
        ({"device": "abacus"}, "device='abacus' is not known"),
        ({"device": "cuda:99"}, "device='cuda:99' needs GPU 99"),
    ],
)
def test_options_that_cannot_be_are_refused(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        trainer(tmp_path, **options)


def test_a_full_disk_keeps_the_older_state(tmp_path, monkeypatch):
    trainer(tmp_path, steps=2).fit(Vectors())
    kept = (tmp_path / "state.pt").read_bytes()

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match=r"state\.pt: the disk is full"):
        trainer(tmp_path, steps=4).fit(Vectors())
    assert (tmp_path / "state.pt").read_bytes() == kept
    assert not list(tmp_path.glob(".*partial"))
