"""The commands for recordings and models of codes, and the other commands with such models."""

import json
import os
import shutil

import mido
import numpy as np
import pytest
import soundfile

from synthgen import cli
from synthgen.rendering import library
from synthgen.rendering.sound_codes import read

RATE = 16_000


@pytest.fixture(autouse=True)
def _both_are_bundled(tmp_path_factory, tiny_checkpoint, coded_checkpoint, monkeypatch):
    shelf = tmp_path_factory.mktemp("shelf")
    shutil.copy(tiny_checkpoint, shelf / "spectrogram.safetensors")
    shutil.copy(coded_checkpoint, shelf / "vqvae.safetensors")
    monkeypatch.setattr(library, "PRETRAINED", shelf)


@pytest.fixture
def record(tmp_path):
    """Write a sine in both channels to a file and return its path."""

    def write(name, *, seconds=0.4, rate=44_100, hz=330.0, level=0.3):
        wave = (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).clip(-1, 1)
        soundfile.write(tmp_path / name, np.stack([wave, wave], axis=1), rate)
        return tmp_path / name

    return write


def refusal(capsys, *words):
    """The one line of a command that must fail."""
    assert cli.main([str(word) for word in words]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()[-1]


def test_a_recording_is_encoded_and_played_again(record, tmp_path, capsys):
    path, codes, direct, again = record("a.wav"), *(tmp_path / name for name in ("x.codes", "y.wav", "z.flac"))
    assert cli.main(["encode", str(path), "--out", str(codes)]) == 0
    assert capsys.readouterr().out.startswith(f"{codes}: a.wav: 4 x 26 codes of 16, 0.4 s at 16000 Hz, 1040 bits")
    assert cli.main(["resynthesize", str(path), "--model", "vqvae", "--seed", "3", "--out", str(direct)]) == 0
    assert cli.main(["resynthesize", str(codes), "--seed", "3", "--out", str(again)]) == 0
    assert capsys.readouterr().out.endswith(f"{again}: recording a.wav, model vqvae, seed 3, 0.4 s at 16000 Hz\n")
    first, second = (soundfile.read(file)[0] for file in (direct, again))
    assert len(first) == 0.4 * RATE
    np.testing.assert_array_equal(first, second)
    assert read(codes).samples == 0.4 * RATE


def test_sounds_between_two_recordings_are_written(record, tmp_path, capsys):
    a, b = record("a.wav"), record("b.wav", hz=500, seconds=0.6)
    assert cli.main(["interpolate", str(a), str(b), "--steps", "3", "--out", str(tmp_path / "mid.wav")]) == 0
    files = [tmp_path / f"mid-{i}.wav" for i in range(3)]
    assert [line.split(": ")[0] for line in capsys.readouterr().out.splitlines()] == list(map(str, files))
    assert {soundfile.info(file).frames for file in files} == {0.6 * RATE}
    assert cli.main(["interpolate", str(a), str(b), "--share", "0.5", "--out", str(tmp_path / "half.wav")]) == 0
    assert (tmp_path / "half.wav").read_bytes() == files[1].read_bytes() != files[0].read_bytes()


def test_a_note_goes_on_from_a_recording_or_its_codes(record, tmp_path, capsys):
    path, codes = record("a.wav"), tmp_path / "a.codes"
    assert cli.main(["encode", str(path), "--out", str(codes)]) == 0
    for name, beginning in (("a", path), ("b", codes)):
        words = ["--instrument", "flute", "--pitch", "A3", "--beginning", beginning, "--out", tmp_path / f"{name}.flac"]
        assert cli.main(["note", "--model", "vqvae", *map(str, words)]) == 0
    assert (tmp_path / "a.flac").read_bytes() == (tmp_path / "b.flac").read_bytes()
    assert soundfile.info(tmp_path / "a.flac").frames == 8000


def test_clipping_is_remarked_on(record, tmp_path, capsys):
    path, out = record("loud.wav", level=3), tmp_path / "out.wav"
    for words in (["resynthesize", path], ["note", "--instrument", "flute", "--pitch", "60", "--beginning", path]):
        assert cli.main([*map(str, words), "--model", "vqvae", "--out", str(out)]) == 0
        lines = capsys.readouterr().err.splitlines()
        assert f"synthgen: {path}: clipped, which adds partials that were not played" in lines


def test_bad_recordings_are_one_line(record, tmp_path, capsys):
    out, short, silent = tmp_path / "out.wav", record("short.wav", seconds=0.05), record("silent.wav", level=0)
    text = tmp_path / "text.wav"
    text.write_text("no sound")
    bad = {
        short: "too short: lasts 0.050 s, less than 0.1 s",
        silent: "silent: its peak is 0.00000 of full scale",
        tmp_path / "none.wav": "missing: no such file",
        text: "unreadable: ",
        tmp_path / "none.codes": "cannot read (No such file or directory); make it with 'synthgen encode'",
    }
    for path, message in bad.items():
        assert refusal(capsys, "resynthesize", path, "--out", out).startswith(f"synthgen: {path}: {message}")
    long = record("long.wav", seconds=0.5)
    line = refusal(
        capsys, "note", "--model", "vqvae", "--instrument", "flute", "--pitch", 60, "--beginning", long, "--out", out
    )
    assert line == "synthgen: long.wav: a beginning of 0.5 s must be shorter than the model's notes of 0.5 s"
    assert not out.exists()


def test_bad_codes_are_one_line(record, tmp_path, capsys):
    codes, out = tmp_path / "x.codes", tmp_path / "out.wav"
    assert cli.main(["encode", str(record("a.wav")), "--out", str(codes)]) == 0
    capsys.readouterr()
    whole = codes.read_bytes()
    codes.write_bytes(whole[:-1])
    assert refusal(capsys, "resynthesize", codes, "--out", out).startswith(
        f"synthgen: {codes}: not a file of codes, or"
    )
    codes.write_bytes(whole[:-2] + b"\xff\x7f")
    line = refusal(capsys, "resynthesize", codes, "--out", out)
    assert line.startswith(f"synthgen: {codes}: codes from ") and "to 32767 must lie between 0 and 15" in line
    text = json.dumps(read_fingerprint(whole))
    codes.write_bytes(whole.replace(text[1:-1].encode(), b"f" * 64))
    line = refusal(capsys, "resynthesize", codes, "--out", out)
    assert line.startswith(
        f"synthgen: {codes}: these are codes of model 'vqvae' (autoencoder ffffffff) and mean nothing"
    )
    assert not out.exists()


def read_fingerprint(content):
    start = content.index(b"coded_by") + len(b'coded_by\\": \\"')
    return content[start : start + 64].decode()


def test_bad_options_are_one_line(record, tmp_path, capsys, monkeypatch):
    path = record("a.wav")
    monkeypatch.setattr("synthgen.checkpoint.load", lambda *_, **__: pytest.fail("it began"))
    out = {suffix: tmp_path / f"out.{suffix}" for suffix in ("mp3", "wav", "codes")}
    assert refusal(capsys, "encode", path, "--out", out["wav"]).endswith("out.wav: suffix='.wav' must be .codes")
    for words in (["resynthesize", path], ["interpolate", path, path]):
        assert refusal(capsys, *words, "--out", out["mp3"]).endswith("out.mp3: suffix='.mp3' must be .wav or .flac")
    assert "model='vqvea' is not known; did you mean 'vqvae'?" in refusal(
        capsys, "encode", path, "--model", "vqvea", "--out", out["codes"]
    )


def test_a_model_without_codes_is_one_line(record, tmp_path, capsys):
    path, message = record("a.wav"), "model 'spectrogram' has no codes; choose one that does, such as vqvae"
    for words in (["encode", path], ["resynthesize", path], ["interpolate", path, path]):
        out = tmp_path / ("x.codes" if words[0] == "encode" else "x.wav")
        assert refusal(capsys, *words, "--model", "spectrogram", "--out", out).startswith(f"synthgen: {message}")
    assert "share=2.0 must be between 0 and 1" in refusal(
        capsys, "interpolate", path, path, "--share", 2, "--out", tmp_path / "x.wav"
    )


def test_a_target_that_cannot_be_written_is_one_line(record, tmp_path, capsys, monkeypatch):
    path = record("a.wav")
    for command, name in (("encode", "x.codes"), ("resynthesize", "x.wav")):
        out = path / name  # inside a file
        assert refusal(capsys, command, path, "--out", out).startswith(f"synthgen: {out}: cannot write (")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for command, name in (("encode", "x.codes"), ("resynthesize", "x.wav")):
        line = refusal(capsys, command, path, "--out", tmp_path / name)
        assert line.startswith(f"synthgen: {tmp_path / name}: the disk is full; ")
    assert not [file for file in tmp_path.iterdir() if file != path]


def test_a_prior_cannot_be_adapted(record, tmp_path, capsys):
    line = refusal(capsys, "adapt", record("a.wav"), "--model", "vqvae", "--out", tmp_path / "new.instrument")
    assert line.startswith("synthgen: model 'vqvae' draws one code after the other and cannot be adapted; choose one")


def test_models_of_codes_render_export_and_play_songs(tmp_path, capsys):
    def notes(folder, *words):
        grid = ["--grid", "--instruments", "flute,violin", "--pitches", "48:64:8", "--velocities", "100"]
        assert cli.main(["render", *grid, "--model", "vqvae", "--out", str(tmp_path / folder), *words]) == 0
        return {file.name: file.read_bytes() for file in (tmp_path / folder / "audio").iterdir()}

    first = notes("plain")
    assert len(first) == 6
    assert len(set(first.values())) > 1
    assert first == notes("again")
    assert first != notes("cool", "--top-k", "1")
    few = ["--step", "24", "--velocities", "1", "--out", str(tmp_path / "sfz")]
    assert cli.main(["export", "sfz", "--instrument", "flute", "--model", "vqvae", *few]) == 0
    song = mido.MidiFile()
    on, off = (mido.Message(kind, note=60, velocity=90, time=t) for kind, t in (("note_on", 0), ("note_off", 480)))
    song.tracks.append(mido.MidiTrack([mido.Message("program_change", program=73), on, off]))
    song.save(tmp_path / "song.mid")
    assert cli.main(["midi", str(tmp_path / "song.mid"), "--model", "vqvae", "--out", str(tmp_path / "song.wav")]) == 0
    assert np.abs(soundfile.read(tmp_path / "song.wav")[0]).max() > 0
