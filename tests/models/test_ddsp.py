from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from synthgen import checkpoint
from synthgen.checks import UserError
from synthgen.models import DDSP, MODELS
from synthgen.models.base import GenerativeModel
from synthgen.records import Batch
from synthgen.representations import Spectrogram, Waveform

WAVEFORM = Waveform(samples=4001)
CONFIG = DDSP.Config(dim=16, channels=(8, 8), strides=(8,), seed_channels=4, partials=40, bands=9, crop=30)


@pytest.fixture
def model(note_fields) -> DDSP:
    return DDSP(WAVEFORM.spec(note_fields), CONFIG).eval()


def labels(n: int) -> dict[str, torch.Tensor]:
    return {
        "instrument": torch.arange(n) % 3,
        "pitch": torch.linspace(50, 60.5, n),
        "velocity": torch.linspace(30, 120, n),
    }


def seeded(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_it_is_generative_and_draws_any_length(model):
    assert issubclass(MODELS["ddsp"], GenerativeModel)
    assert model.sample(2, labels(2), rng=seeded(0)[0]).shape == (2, 1, 4001)


def test_same_seed_same_note_whatever_the_batch(model):
    together = model.sample(3, labels(3), rng=seeded(5, 6, 7))
    alone = {name: label[1:2] for name, label in labels(3).items()}
    for rng in (seeded(6), seeded(6)[0]):
        torch.testing.assert_close(model.sample(1, alone, rng=rng), together[1:2], atol=1e-6, rtol=1e-4)
    assert not torch.equal(model.sample(1, alone, rng=seeded(7)), together[1:2])
    with pytest.raises(UserError, match="number of generators=2 must equal"):
        model.sample(3, labels(3), rng=seeded(0, 1))


@pytest.mark.parametrize("midi", [60.0, 60.5, 84.0])
def test_the_pitch_label_sets_the_fundamental(note_fields, midi):
    """Between the keys too, and beyond them; the network may detune by `cents`, here 0."""
    model = DDSP(Waveform(samples=16_000).spec(note_fields), replace(CONFIG, cents=0.0))
    x = model.sample(1, {**labels(1), "pitch": torch.tensor([midi])}, rng=seeded(0)[0])[0, 0]
    spectrum = torch.fft.rfft(x * torch.hann_window(len(x)), 8 * len(x)).abs()
    expected = 440 * 2 ** ((midi - 69) / 12)
    low, high = int(expected * 8 * 0.9), int(expected * 8 * 1.1)
    assert (low + int(spectrum[low:high].argmax())) / 8 == pytest.approx(expected, abs=0.5)


def test_labels_matter_may_be_absent_and_may_be_blends(model):
    def sound(given):
        return model.sample(1, given, rng=seeded(0))

    one = sound(labels(1))
    for name in labels(1):
        assert not torch.allclose(sound({k: v for k, v in labels(1).items() if k != name}), one)
    blend = {"instrument": torch.tensor([[0.5, 0.5, 0.0]]), "pitch": torch.eye(25)[2:3]}
    other = {"instrument": torch.tensor([[0.5, 0.5, 0.0]]), "pitch": torch.tensor([50.0])}
    torch.testing.assert_close(sound(blend), sound(other))
    unknown = {"instrument": torch.tensor([-1]), "pitch": torch.tensor([float("nan")])}
    torch.testing.assert_close(sound(unknown), sound({}))


def test_every_weight_learns(model):
    model.train()
    target = 0.1 * torch.randn(2, 1, 4001)
    withheld = {"instrument": torch.tensor([0, -1]), "pitch": torch.tensor([float("nan"), 50.0])}
    for batch in (Batch(target, labels(2)), Batch(target, withheld), Batch(target, {})):
        model.loss(batch).total.backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]


def test_gradients_reach_every_control(model):
    drawn = model.controls(labels(1), 1)
    leaves = {f.name: getattr(drawn, f.name).detach().requires_grad_() for f in fields(drawn)}
    noise = torch.randn(1, (model.frames - 1) * CONFIG.hop_length)
    target = torch.randn(1, 1, noise.shape[1])
    model.criterion(model.render(type(drawn)(**leaves), noise)[:, None], target).backward()
    audible = leaves["hz"][0] < 7700
    for name, leaf in leaves.items():
        gradient = leaf.grad[0, audible] if name in ("amplitude", "hz", "phase") else leaf.grad
        assert gradient.isfinite().all(), name
        assert (gradient != 0).float().mean() > 0.99, name


def test_a_crop_is_an_excerpt(model):
    whole = model.controls(labels(2), 2)
    whole = replace(whole, noise=torch.zeros_like(whole.noise))
    first, hop = torch.tensor([0, 11]), CONFIG.hop_length
    crop = model.render(whole.crop(first, 21, hop_length=hop), torch.zeros(2, 20 * hop))
    full = model.render(whole, torch.zeros(2, (model.frames - 1) * hop))
    for i, start in enumerate((first * hop).tolist()):
        torch.testing.assert_close(crop[i], full[i, start : start + 20 * hop], atol=1e-6, rtol=0)


def test_crops_and_noise_in_training_follow_the_global_seed(model):
    model.train()
    batch, losses = Batch(0.1 * torch.randn(2, 1, 4001), labels(2)), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        losses.append(model.loss(batch).total.item())
    assert losses[0] == losses[1] != losses[2]


def test_it_learns_a_tone_and_its_detuning(note_fields):
    torch.manual_seed(0)
    model = DDSP(WAVEFORM.spec(note_fields), replace(CONFIG, crop=0))
    given = {"instrument": torch.tensor([0]), "pitch": torch.tensor([69.0]), "velocity": torch.tensor([100.0])}
    t = torch.arange(4001) / 16_000
    hz = 440 * 2 ** (20 / 1200)
    x = 0.2 * sum(torch.sin(6.283185307 * k * hz * t) / k for k in range(1, 5)) + 1e-4 * torch.randn(4001)
    batch, first = Batch(x[None, None], given), None
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(80):
        loss = model.loss(batch)
        first = loss.total.item() if first is None else first
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
    assert loss.total.item() < 0.6 * first
    controls = model.eval().controls(given, 1)
    assert controls.cents.mean().item() == pytest.approx(20, abs=5)


def test_a_checkpoint_holds_all_of_it(model, tmp_path):
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, model, WAVEFORM, {})
    loaded = checkpoint.load(path)
    assert loaded.model.config == CONFIG
    given = {"rng": seeded(3)[0]}
    again = model.sample(1, labels(1), rng=seeded(3)[0])
    assert torch.equal(loaded.model.sample(1, labels(1), **given), again)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ("instrument", "pich")}, "label of the model='pich' is not known; did you mean 'pitch'"),
        ({"pitch": "instrument"}, "pitch='instrument' must be a label with MIDI pitches"),
        ({"channels": (10**9, 8)}, "channels=1000000000 must be between 1 and 8192"),
        ({"strides": ()}, "number of strides=0 must equal number of channels - 1=1"),
        ({"partials": 0}, "partials=0 must be between"),
        ({"bands": 1}, "bands=1 must be between 2"),
        ({"crop": -1}, "crop=-1 must be between"),
        ({"cents": float("nan")}, "cents=nan must be between"),
    ],
)
def test_impossible_configs_are_named(note_fields, change, message):
    with pytest.raises(UserError, match=message):
        DDSP(WAVEFORM.spec(note_fields), replace(CONFIG, **change))


def test_spectrograms_are_refused(note_fields):
    with pytest.raises(UserError, match="DDSP makes waveforms"):
        DDSP(Spectrogram().spec(note_fields), CONFIG)
