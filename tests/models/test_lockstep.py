"""Kernels are equal to the torch step, and make each note alike whatever else they make."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace

import numba
import pytest
import torch

from synthgen.heads import Sampling
from synthgen.models import autoregressive
from synthgen.models.autoregressive_waveform import LEAD
from synthgen.models.recurrent import SampleRNN
from synthgen.models.wavenet import WaveNet
from synthgen.records import Axis, DataSpec

LENGTH = 300
NET = WaveNet.Config(dim=8, channels=8, skip_channels=6, blocks=2, layers=3, periodic="pitch")
RNN = SampleRNN.Config(dim=8, frame=16, hidden=9, window=12, entry=4, channels=10, layers=2, periodic="pitch")
MIXTURE = {"head": "logistic_mixture", "components": 3}
CASES = {
    "wavenet": (WaveNet, NET),
    "wavenet, mixture": (WaveNet, replace(NET, **MIXTURE, kernel=3, channels=7, periodic="")),
    "wavenet, bare": (WaveNet, replace(NET, blocks=1, layers=1, clock=False, periodic="")),
    "recurrent": (SampleRNN, RNN),
    "recurrent, mixture": (SampleRNN, replace(RNN, **MIXTURE, frame=7, window=3, periodic="")),
    "recurrent, bare": (SampleRNN, replace(RNN, layers=0, frame=1, clock=False, periodic="")),
}


@pytest.fixture(autouse=True)
def _short_chunks(monkeypatch):
    monkeypatch.setattr(autoregressive, "CHUNK", 256)


@pytest.fixture(params=CASES.values(), ids=CASES)
def model(request, note_fields) -> autoregressive.Autoregressive:
    return build(*request.param, note_fields)


def build(cls, config, note_fields) -> autoregressive.Autoregressive:
    levels = 65_536 if config.head == "logistic_mixture" else 32
    axes = (Axis(unit="seconds", step=0.001),)
    model = cls(DataSpec(shape=(1, LENGTH), levels=levels, fields=note_fields, axes=axes), config).eval()
    with torch.no_grad():
        model.out.weight.mul_(20)
    return model.requires_grad_(False)


def labels(n: int) -> dict[str, torch.Tensor]:
    lead = torch.linspace(0.1, 0.9, n)[:, None] * torch.arange(4)
    return {"instrument": torch.arange(n) % 3, "pitch": torch.linspace(50, 60.5, n), LEAD: lead}


def sample(model, backend: str, n: int = 3, **options) -> torch.Tensor:
    model.backend = backend
    return model.sample(n, labels(n), rng=torch.Generator().manual_seed(1), **options)


@pytest.mark.parametrize("sampling", [Sampling(temperature=0), Sampling()], ids=["mode", "as learned"])
def test_samples_are_those_of_the_torch_step(model, sampling):
    made, expected = sample(model, "numba", sampling=sampling), sample(model, "torch", sampling=sampling)
    assert made.unique().numel() > 5 or sampling.heat == 0
    if model.config.head == "categorical":
        assert torch.equal(made, expected)
    for away in (made - expected).abs()[:, 0]:  # one of 65,536 levels may be rounded otherwise; then all that follows
        assert away[away > 0][:1].sum() <= 1


def test_parameters_are_those_of_the_whole_pass(model):
    x = torch.randint(model.spec.levels, (2, LENGTH))
    expected = model(x, labels(2))
    for length in (1, 2, 17, 256):
        scanner = model.compiled(labels(2), 2)
        scanner(torch.zeros(2, model.head.draws, length), x[:, : length - 1], Sampling())
        found = torch.cat([torch.from_numpy(state.parameters) for state in scanner.states])
        if model.config.head == "logistic_mixture":
            value = torch.where(torch.tensor(length == 1), 0.0, model.head.scale(x[:, length - 2]))
            found = model.head.relative(found, value)
        scale = expected[:, :, length - 1].abs().max()
        assert (found - expected[:, :, length - 1]).abs().max() < 1e-5 * scale


def test_a_note_depends_neither_on_its_batch_nor_on_threads(model):
    before = torch.get_num_threads()
    streams = [[torch.Generator().manual_seed(seed) for seed in seeds] for seeds in (range(5), range(5), [3])]
    model.backend = "numba"
    try:
        together = model.sample(5, labels(5), rng=streams[0])
        torch.set_num_threads(3)
        threaded = model.sample(5, labels(5), rng=streams[1])
    finally:
        torch.set_num_threads(before)
    alone = model.sample(1, {name: label[3:4] for name, label in labels(5).items()}, rng=streams[2])
    assert torch.equal(together, threaded)
    assert torch.equal(together[3:4], alone)


def test_a_beginning_is_kept_and_gone_on_from(model):
    whole = sample(model, "numba", n=2)
    known = whole[:, 0, :270]
    made = model.complete(known, labels(2), rng=torch.Generator().manual_seed(1))
    assert torch.equal(made, whole)


def test_progress_can_cancel(model):
    told = []
    sample(model, "numba", n=1, progress=lambda done, total: told.append((done, total)))
    assert told == [(256, 300), (300, 300)]

    def cancel(done, total):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        sample(model, "numba", n=1, progress=cancel)


@pytest.mark.parametrize("kind", ["wavenet", "recurrent"])
@pytest.mark.parametrize("trouble", ["missing", "failing"])
def test_without_numba_there_is_one_warning_and_the_torch_step(note_fields, monkeypatch, kind, trouble):
    model = build(*CASES[kind], note_fields)
    expected = sample(model, "torch", n=1, samples=20)
    if trouble == "missing":
        for name in [name for name in sys.modules if name.startswith("synthgen.kernels.")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.delattr(f"synthgen.kernels.{kind}", raising=False)
        monkeypatch.setitem(sys.modules, "numba", None)
    else:
        monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    model.backend = "auto"
    with pytest.warns(UserWarning, match="no numba kernel") as caught:
        made = model.sample(1, labels(1), rng=torch.Generator().manual_seed(1), samples=20)
    assert len(caught) == 1
    assert torch.equal(made, expected)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.sample(1, labels(1), rng=torch.Generator().manual_seed(1), samples=20)
