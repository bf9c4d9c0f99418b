"""Synthesizers of models that draw one sample after the other."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from synthgen import Synthesizer, checkpoint, cli
from synthgen.checks import UserError
from synthgen.heads import Sampling
from synthgen.models import WaveNet
from synthgen.models.autoregressive import CHUNK
from synthgen.representations import MuLaw

SAMPLES = 1500


@pytest.fixture(scope="module")
def path(tmp_path_factory, note_fields):
    representation = MuLaw(samples=SAMPLES)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = WaveNet(
            representation.spec(note_fields), WaveNet.Config(dim=6, channels=5, skip_channels=7, blocks=1, layers=3)
        )
        with torch.no_grad():
            model.out.weight.mul_(20)
    path = tmp_path_factory.mktemp("drawn") / "model.safetensors"
    checkpoint.save(path, model, representation, {"data": {"name": "none"}, "steps": 0})
    return path


@pytest.fixture(scope="module", params=["auto", "torch"])
def synthesizer(request, path):
    synthesizer = Synthesizer.load(path)
    synthesizer.model.backend = request.param
    return synthesizer


def test_a_note_does_not_depend_on_its_company(synthesizer):
    asked = [("flute", 50), ("violin", "C#4", 30, 5), ({"flute": 0.5, "violin": 0.5}, 57.5, 100, 3)]
    together = synthesizer.notes(asked)
    alone = [synthesizer.notes([one])[0] for one in reversed(asked)][::-1]
    assert [n.audio.tobytes() for n in together] == [n.audio.tobytes() for n in alone]
    assert together[1].audio.tobytes() == synthesizer.note("violin", pitch=61, velocity=30, seed=5).audio.tobytes()
    assert len({n.audio.tobytes() for n in together}) == 3


def test_the_seed_and_the_sampling_are_heard(synthesizer):
    plain, other = (synthesizer.note("flute", pitch=60, seed=seed).audio for seed in (0, 1))
    likeliest = [
        synthesizer.note("flute", pitch=60, seed=seed, sampling=Sampling(top_k=1)).audio.tobytes() for seed in (0, 1)
    ]
    assert plain.tobytes() != other.tobytes()
    assert likeliest[0] == likeliest[1] != plain.tobytes()


def test_a_model_may_have_a_temperature_of_its_own(path, tmp_path):
    loaded = checkpoint.load(path)
    loaded.model.config = replace(loaded.model.config, temperature=0.3)
    checkpoint.save(tmp_path / "cool.safetensors", loaded.model, loaded.representation, loaded.provenance)
    plain, cool = Synthesizer.load(path), Synthesizer.load(tmp_path / "cool.safetensors")

    def sound(synthesizer, sampling=None):
        return synthesizer.note("flute", pitch=60, sampling=sampling).audio.tobytes()

    assert sound(cool) == sound(plain, Sampling(temperature=0.3)) != sound(plain)
    assert sound(cool, Sampling(top_k=9)) == sound(plain, Sampling(temperature=0.3, top_k=9))
    assert sound(cool, Sampling(temperature=1.0)) == sound(plain)


def test_progress_is_told_and_may_end_the_note(synthesizer):
    told = []
    synthesizer.note("flute", pitch=60, progress=lambda done, total: told.append((done, total)))
    assert told == [(CHUNK, SAMPLES), (SAMPLES, SAMPLES)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesizer.note("flute", pitch=60, progress=stop)


def test_goes_on_from_a_recording(synthesizer, tmp_path):
    whole = synthesizer.note("flute", pitch=60, seed=4).audio
    soundfile.write(tmp_path / "begin.wav", whole[:700], 16_000, subtype="FLOAT")
    request = {"instrument": "flute", "pitch": 60, "seed": 4}
    for beginning in (whole[:700], tmp_path / "begin.wav", str(tmp_path / "begin.wav")):
        note = synthesizer.complete(beginning, request)
        np.testing.assert_array_equal(note.audio, whole)
    other = synthesizer.complete(whole[:700], {**request, "seed": 5}).audio
    np.testing.assert_array_equal(other[:700], whole[:700])
    assert (other[700:] != whole[700:]).any()


@pytest.mark.parametrize(
    ("audio", "rate", "message"),
    [
        (np.zeros(0), 16_000, "begin.wav: empty; it must hold at least one sample"),
        (np.zeros(SAMPLES), 16_000, "begin.wav: the beginning of 1500 samples must be shorter than the whole of 1500"),
        (np.zeros(9), 8_000, "begin.wav: sample_rate=8000 must be 16000"),
        (np.zeros((9, 2)), 16_000, "begin.wav: channels=2 must be 1"),
    ],
)
def test_a_beginning_that_cannot_be_gone_on_from_is_named(path, tmp_path, capsys, audio, rate, message):
    soundfile.write(tmp_path / "begin.wav", audio, rate)
    out = tmp_path / "out.wav"
    words = [
        "--model",
        path,
        "--instrument",
        "flute",
        "--pitch",
        60,
        "--beginning",
        tmp_path / "begin.wav",
        "--out",
        out,
    ]
    assert cli.main(["note", *map(str, words)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--temperature", "0"], "temperature=0 must be above 0"),
        (["--temperature", "-1"], "temperature=-1.0 must be between 0 and 100"),
        (["--temperature", "nan"], "temperature=nan must be between 0 and 100"),
        (["--top-k", "0"], "top_k=0 must be between 1 and"),
        (["--top-p", "2"], "top_p=2"),
        (["--beginning", "nowhere.wav"], "nowhere.wav: no such file; name one that exists"),
    ],
)
def test_bad_sampling_is_one_line(path, tmp_path, capsys, words, message):
    out = tmp_path / "out.wav"
    note = ["note", "--model", str(path), "--instrument", "flute", "--pitch", "60", "--out", str(out)]
    assert cli.main([*note, *words]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not out.exists()


def test_a_note_drawn_on_the_command_line(path, tmp_path):
    files = [tmp_path / f"{name}.wav" for name in "ab"]
    for file in files:
        words = ["--model", path, "--instrument", "flute", "--pitch", "A3", "--temperature", 0.9, "--top-k", 50]
        assert cli.main(["note", *map(str, words), "--out", str(file)]) == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    assert soundfile.info(files[0]).frames == SAMPLES


def test_a_render_draws_as_it_is_told_whatever_the_workers(path, tmp_path, capsys):
    def render(folder, *words):
        grid = ["--grid", "--instruments", "flute,violin", "--pitches", "48:64:3", "--velocities", "25,100"]
        return cli.main(["render", *grid, "--model", str(path), "--out", str(tmp_path / folder), *words])

    def notes(folder):
        return {file.name: file.read_bytes() for file in (tmp_path / folder / "audio").iterdir()}

    cool = ["--temperature", "0.5"]
    assert [render("cool", *cool), render("two", *cool, "--workers", "2"), render("plain")] == [0, 0, 0]
    assert notes("cool") == notes("two")
    assert len(notes("cool")) == 24  # more than are drawn side by side
    assert not set(notes("cool").values()) & set(notes("plain").values())
    capsys.readouterr()
    assert render("cool") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "holds the render of another sampling" in line


def test_a_model_that_draws_nothing_says_so(tiny_checkpoint):
    synthesizer = Synthesizer.load(tiny_checkpoint)
    with pytest.raises(UserError, match=r"^model '.*' takes no temperature, top_k or top_p"):
        synthesizer.note("flute", pitch=60, sampling=Sampling(temperature=0.5))
    with pytest.raises(UserError, match=r"^model '.*' cannot go on from a recording"):
        synthesizer.complete(np.zeros(10), ("flute", 60))
