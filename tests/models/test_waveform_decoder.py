from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from synthgen import checkpoint
from synthgen.checks import UserError
from synthgen.losses.spectral import WaveformError
from synthgen.models import MODELS, Decoder, WaveformDecoder
from synthgen.records import Axis, Batch, DataSpec
from synthgen.representations import Spectrogram, Waveform

RATE = 16_000
PLANE = Decoder.Config(dim=16, channels=(16, 8), strides=((4, 4),), patch=(1, 4), seed_channels=4, periodic="pitch")
LINE = Decoder.Config(dim=16, channels=(16, 16), strides=((4,),), patch=(1,), seed_channels=4)
SMALL = WaveformDecoder.Config(body=PLANE, n_fft=256, hop_length=64)
CASES = {
    "source": SMALL,
    "spectrum": replace(SMALL, head="spectrum"),
    "two voices": replace(SMALL, voices=(1.0, 0.5)),
    "frames alone": replace(SMALL, body=LINE),
    "frames alone, spectrum": replace(SMALL, body=LINE, head="spectrum"),
}
ERROR = WaveformError()


def build(note_fields, config=SMALL, samples=2000, criterion=ERROR) -> WaveformDecoder:
    return WaveformDecoder(Waveform(samples=samples).spec(note_fields), config, criterion)


@pytest.fixture(params=CASES.values(), ids=CASES)
def model(request, note_fields) -> WaveformDecoder:
    return build(note_fields, request.param).eval()


def labels(n: int) -> dict[str, torch.Tensor]:
    return {
        "instrument": torch.arange(n) % 3,
        "pitch": torch.linspace(50, 60.5, n),
        "velocity": torch.linspace(30, 120, n),
    }


def fit(model, batch, *, steps, lr=0.02) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        model.loss(batch).total.backward()
        optimizer.step()
    model.eval()


@torch.no_grad()
def test_it_begins_with_the_cnn_of_a_decoder_of_magnitudes(note_fields):
    spectrogram = Spectrogram(samples=2000, n_fft=256, hop_length=64, phase="griffin_lim")
    decoder = Decoder(spectrogram.spec(note_fields), PLANE).eval()
    for head, maps in (("source", [0, 1]), ("spectrum", [0])):
        model = build(note_fields, replace(SMALL, head=head)).eval()
        before = model.source.tuning.weight.clone()
        model.begin_with(decoder)
        drawn = model.body(model.encoder(labels(2), 2), labels(2))
        for i in range(len(drawn[0])):
            expected = decoder(labels(2), 2)[:, 0] if i in maps else torch.zeros_like(drawn[:, i])
            torch.testing.assert_close(drawn[:, i], expected)
        assert torch.equal(model.source.tuning.weight, before)
    others = [
        Decoder(spectrogram.spec(note_fields), replace(PLANE, dim=8)),
        Decoder(spectrogram.spec(note_fields[::-1]), PLANE),
        build(note_fields),
    ]
    for other in others:
        with pytest.raises(UserError, match="the decoder's CNN or labels are not this model's"):
            build(note_fields).begin_with(other)


def tones(midi: torch.Tensor, samples: int) -> torch.Tensor:
    """Three partials each, (B, 1, T)."""
    seconds = torch.arange(samples) / RATE
    radians = 2 * torch.pi * 440 * 2 ** ((midi[:, None] - 69) / 12) * seconds
    return (sum(torch.sin(k * radians + k) / k for k in (1, 2, 3)) * 0.2)[:, None]


@pytest.mark.parametrize("samples", [256, 777, 2000])
def test_any_length_is_drawn(note_fields, samples):
    model = build(note_fields, samples=samples)
    drawn = model.sample(3, labels(3), rng=torch.Generator())
    assert drawn.shape == (3, 1, samples)
    assert drawn.isfinite().all()


def test_an_example_does_not_depend_on_its_batch(model):
    together = model.sample(3, labels(3), rng=torch.Generator())
    alone = model.sample(1, {k: v[1:2] for k, v in labels(3).items()}, rng=torch.Generator())
    torch.testing.assert_close(together[1:2], alone, atol=1e-6, rtol=1e-4)


def test_labels_matter_may_be_absent_withheld_or_blended(model):
    one = model(labels(1), 1)
    for name in labels(1):
        others = {k: v for k, v in labels(1).items() if k != name}
        assert not torch.allclose(model(others, 1), one)
    withheld = model({**labels(2), "pitch": torch.tensor([float("nan"), 50.0])}, 2)
    assert withheld.isfinite().all()
    torch.testing.assert_close(
        withheld[1], model({k: v[1:] for k, v in labels(2).items()} | {"pitch": torch.tensor([50.0])}, 1)[0]
    )
    blend = model({**labels(1), "instrument": torch.tensor([[0.5, 0.5, 0.0]])}, 1)
    assert blend.isfinite().all()
    assert not torch.allclose(blend, one)


def test_every_weight_learns(model):
    model.train()
    withheld = {"instrument": torch.tensor([0, -1]), "pitch": torch.tensor([float("nan"), 50.0])}
    target = 0.1 * torch.randn(2, *model.spec.shape)
    for batch in (Batch(target, labels(2)), Batch(target, withheld), Batch(target, {})):
        model.loss(batch).total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name
        assert parameter.grad.isfinite().all(), name


def test_half_precision_leaves_the_spectrum_exact(note_fields):
    """Phases in bfloat16 would be noise after a few frames."""
    model = build(note_fields).eval()
    with torch.inference_mode():
        exact = model(labels(1), 1)
        with torch.autocast("cpu", torch.bfloat16):
            rough = model(labels(1), 1)
    assert (rough - exact).norm() < 0.1 * exact.norm()


@pytest.mark.parametrize("head", ["source", "spectrum"])
def test_a_learned_a4_has_its_peak_at_440_hz_and_moves_with_its_label(note_fields, head):
    midi = torch.tensor([60.0, 69.0])
    model = build(note_fields, replace(SMALL, head=head), samples=6000)
    batch = Batch(tones(midi, 6000), {"instrument": torch.tensor([1, 1]), "pitch": midi})
    first = model.loss(batch).total.item()
    fit(model, batch, steps=150)
    assert model.loss(batch).total.item() < 0.6 * first
    asked = torch.tensor([60.0, 69.0, 69.25])
    drawn = model.sample(3, {"instrument": torch.tensor([1] * 3), "pitch": asked}, rng=torch.Generator())[:, 0]
    peaks = torch.fft.rfft(drawn * torch.hann_window(6000)).abs().argmax(1) * RATE / 6000
    torch.testing.assert_close(peaks, torch.tensor([261.63, 440.0, 446.40]), atol=RATE / 6000, rtol=0)


def test_tuning_is_learned(note_fields):
    """An instrument that is 15 cents sharp of its labels is drawn so: its third partial is loudest there."""
    midi = torch.tensor([65.0])
    model = build(note_fields, samples=6000)
    fit(model, Batch(tones(midi + 0.15, 6000), {"pitch": midi}), steps=120)
    drawn = model.sample(1, {"pitch": midi}, rng=torch.Generator())[0, 0] * torch.hann_window(6000)
    hz = 3 * 440 * 2 ** ((midi - 69 + torch.tensor([-0.15, 0.0, 0.15])) / 12)
    turns = torch.exp(2j * torch.pi * hz[:, None] * torch.arange(6000) / RATE)
    flat, labelled, sharp = (drawn * turns).sum(1).abs()
    assert sharp > 2 * labelled
    assert sharp > 2 * flat


def test_a_checkpoint_plays_the_same(note_fields, tmp_path):
    model = build(note_fields).eval()
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, model, Waveform(samples=2000), {})
    loaded = checkpoint.load(path)
    assert type(loaded.model) is MODELS["waveform_decoder"] is WaveformDecoder
    assert torch.equal(loaded.model(labels(2), 2), model(labels(2), 2))


def test_the_decoder_draws_samples_itself_too(note_fields):
    """`Decoder` with one axis: sub-pixel samples, the head without a transform."""
    config = replace(LINE, channels=(16, 8, 8), strides=((8,), (8,)), patch=(8,), periodic="")
    model = Decoder(Waveform(samples=2000).spec(note_fields), config, ERROR)
    batch = Batch(tones(torch.tensor([60.0]), 2000), {"pitch": torch.tensor([60.0])})
    first = model.loss(batch).total.item()
    fit(model, batch, steps=20)
    assert model.loss(batch).total.item() < first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_fft": 10**9}, "n_fft=1000000000 must be between"),
        ({"n_fft": 255}, "n_fft=255 must be divisible by 2"),
        ({"n_fft": 4096}, "samples=2000 must be between 4096"),
        ({"hop_length": 200}, "hop_length=200 must be between 1 and 128"),
        ({"head": "pqmf"}, "head='pqmf' is not known"),
        ({"pitch": "pich"}, "pitch='pich' is not known; did you mean 'pitch'"),
        ({"voices": ()}, "number of voices=0"),
        ({"voices": (0.0,)}, "voices=0.0 must be between"),
        ({"body": replace(PLANE, body="mlp")}, "body='mlp' is not known"),
        ({"body": replace(PLANE, dim=0)}, "dim=0 must be between"),
        ({"body": replace(LINE, periodic="pitch")}, "leave it empty in a body over frames alone"),
    ],
)
def test_impossible_configs_are_named(note_fields, change, message):
    with pytest.raises(UserError, match=message):
        build(note_fields, replace(SMALL, **change))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (Spectrogram().spec(), "channels of the example=2"),
        (DataSpec(shape=(1, 8, 8), axes=(Axis(unit="hz"), Axis(unit="seconds"))), "axis='hz seconds' is not known"),
    ],
)
def test_only_waveforms_are_drawn(note_fields, spec, message):
    with pytest.raises(UserError, match=message):
        WaveformDecoder(replace(spec, fields=note_fields), SMALL)
