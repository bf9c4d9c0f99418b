"""Networks as ONNX files, as ONNX Runtime runs them."""

import json
import sys

import numpy as np
import pytest
import torch
from toy_instruments import build

from synthgen import Synthesizer, checkpoint, cli
from synthgen.checks import UserError
from synthgen.rendering.onnx_file import session, write_onnx


@pytest.fixture(scope="module")
def exported(tiny_checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    return write_onnx(tiny_checkpoint, folder / "tiny.onnx")


@pytest.fixture(scope="module")
def ready(exported):
    return session(exported.path.read_bytes())


def run(ready, weights, pitch, velocity):
    values = (np.array([weights], np.float32), np.array([pitch], np.float32), np.array([velocity], np.float32))
    return ready.run(None, dict(zip(("instrument", "pitch", "velocity"), values, strict=True)))[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("weights", "pitch", "velocity"), [((0, 1, 0), 48.0, 25.0), ((0.3, 0, 0.7), 60.4, 80.0), ((1, 0, 0), 72.0, 127.0)]
)
def test_an_exported_network_draws_what_torch_draws(ready, tiny_checkpoint, weights, pitch, velocity):
    """Notes other than those that it was traced with; decoded, they are the same note."""
    synthesizer = Synthesizer.load(tiny_checkpoint)
    blend = {name: w for name, w in zip(synthesizer.instruments, weights, strict=True) if w}
    found = torch.from_numpy(run(ready, weights, pitch, velocity))
    assert found.shape == (1, *synthesizer.model.spec.shape)
    audio = synthesizer.representation.decode(found, rng=torch.Generator().manual_seed(0))[0, 0].numpy()
    expected = synthesizer.note(blend, pitch=pitch, velocity=velocity, seed=0).audio
    assert np.abs(audio - expected).max() < 1e-3 * np.abs(expected).max()


@pytest.mark.slow
def test_the_file_says_what_goes_in_and_what_comes_out(exported, ready):
    told = json.loads(ready.get_modelmeta().custom_metadata_map["synthgen"])
    assert told["instruments"] == ["church organ", "flute", "violin"]
    assert (told["pitches"], told["sample_rate"], told["output"]) == ([48.0, 72.0], 16000, "spectrogram")
    assert told["representation"]["n_fft"] == 256
    assert [(i.name, i.shape) for i in ready.get_inputs()] == [
        ("instrument", [1, 3]),
        ("pitch", [1]),
        ("velocity", [1]),
    ]
    assert [output.name for output in ready.get_outputs()] == ["spectrogram"]
    assert str(exported).startswith(f"{exported.path}: labels of one note -> spectrogram 2 x 128 x 126, within ")
    assert exported.difference < 1e-4
    assert [path.name for path in exported.path.parent.iterdir()] == ["tiny.onnx"]


@pytest.mark.slow
def test_a_decoder_of_waveforms_gives_audio_at_every_pitch(tmp_path, note_fields):
    """Also below the one that it was traced with."""
    model, media = build("waveform", note_fields)
    checkpoint.save(tmp_path / "wave.safetensors", model, media, {})
    report = write_onnx(tmp_path / "wave.safetensors", tmp_path / "wave.onnx")
    assert (report.output, report.shape) == ("audio", (1, 8000))
    ready = session(report.path.read_bytes())
    synthesizer = Synthesizer.load(tmp_path / "wave.safetensors")
    for pitch in (48.0, 60.5, 72.0):
        expected = synthesizer.note("flute", pitch=pitch, velocity=90).audio
        assert np.abs(run(ready, (0, 1, 0), pitch, 90.0)[0, 0] - expected).max() < 1e-3 * np.abs(expected).max()


def test_what_cannot_be_exported_is_one_line(tmp_path, note_fields, tiny_checkpoint, capsys, monkeypatch):
    model, media = build("ddsp", note_fields)
    checkpoint.save(tmp_path / "ddsp.safetensors", model, media, {})
    with pytest.raises(UserError, match="a DDSP has steps that ONNX lacks; name a model such as spectrogram"):
        write_onnx(tmp_path / "ddsp.safetensors", tmp_path / "a.onnx")
    assert cli.main(["export", "onnx", "--model", str(tiny_checkpoint), "--out", str(tmp_path / "a.wav")]) == 1
    assert capsys.readouterr().err == f"synthgen: {tmp_path}/a.wav: suffix='.wav' must be .onnx\n"
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UserError, match=r"pip install 'synthgen\[onnx\]'"):
        write_onnx(tiny_checkpoint, tmp_path / "a.onnx")
    assert not list(tmp_path.glob("*.onnx"))
