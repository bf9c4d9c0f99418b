"""The commands that export instruments and play songs."""

import json
import shutil
import subprocess
import sys

import mido
import pytest
import soundfile

from synthgen import cli
from synthgen.rendering import library


@pytest.fixture(autouse=True)
def _tiny_is_bundled(tmp_path_factory, tiny_checkpoint, monkeypatch):
    shelf = tmp_path_factory.mktemp("shelf")
    shutil.copy(tiny_checkpoint, shelf / "spectrogram.safetensors")
    monkeypatch.setattr(library, "PRETRAINED", shelf)


@pytest.fixture
def song(tmp_path):
    file = mido.MidiFile()
    messages = [mido.Message("program_change", program=41)]
    for channel, key in ((0, 60), (9, 36), (0, 30)):
        messages.append(mido.Message("note_on", channel=channel, note=key, velocity=90))
        messages.append(mido.Message("note_off", channel=channel, note=key, time=480))
    file.tracks.append(mido.MidiTrack(messages))
    file.save(tmp_path / "song.mid")
    return tmp_path / "song.mid"


FEW = ("--step", "24", "--velocities", "1")


@pytest.mark.parametrize(("kind", "suffix"), [("sfz", "sfz"), ("dspreset", "dspreset"), ("sf2", "sf2")])
def test_an_instrument_is_exported(tmp_path, capsys, kind, suffix):
    assert cli.main(["export", kind, "--instrument", "church organ", "--out", str(tmp_path / "out"), *FEW]) == 0
    path = tmp_path / "out" / f"church_organ.{suffix}"
    assert capsys.readouterr().out.startswith(f"{path}: 2 samples (2 keys x 1 velocities), ")
    assert path.is_file()


@pytest.mark.parametrize(
    ("blend", "expected"),
    [
        ("violin=0.25", {"flute": 0.75, "violin": 0.25}),
        ("flute=0.5,violin=0.5", {"flute": 0.5, "violin": 0.5}),
        ("church organ=0.2, violin=0.3", {"church organ": 0.2, "flute": 0.5, "violin": 0.3}),
    ],
)
def test_a_blend_leaves_the_rest_to_the_instrument(tmp_path, blend, expected):
    words = ["export", "sfz", "--instrument", "flute", "--blend", blend, "--out", str(tmp_path / "out"), *FEW]
    assert cli.main(words) == 0
    assert json.loads((tmp_path / "out/export.json").read_text())["instrument"] == pytest.approx(expected)


def test_a_song_is_played(tmp_path, song, capsys):
    assert cli.main(["midi", str(song), "--out", str(tmp_path / "song.wav")]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{tmp_path}/song.wav: ")
    assert "2 notes of 2 made, turned " in captured.out
    assert captured.err.splitlines()[-3:] == [
        "synthgen: program 41 (viola) is played by 'violin'",
        "synthgen: 1 notes of drums (channel 10) are left out",
        "synthgen: 1 notes outside 48 to 72 are transposed",
    ]
    info = soundfile.info(tmp_path / "song.wav")
    assert (info.samplerate, info.channels) == (16000, 1)
    assert 1 < info.duration < 6


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("export", "sfz", "--instrument", "fluet"), "instrument='fluet' is not known; did you mean 'flute'?"),
        (("export", "sfz", "--instrument", "flute", "--blend", "violin=x"), "blend='violin=x' must read NAME=WEIGHT"),
        (("export", "sfz", "--instrument", "flute", "--blend", "violin=1"), "blend='violin=1' must leave some of the"),
        (("export", "sf2", "--instrument", "flute", "--step", "99"), "step=99 must be between 1 and 24"),
        (("export", "sf2", "--instrument", "flute", "--keys", "abc"), "pitch='abc' must be a MIDI number"),
        (("midi", "none.mid"), "none.mid: cannot read (No such file or directory); name a MIDI file"),
        (("midi", "SONG", "--program-map", "41=viola"), "instrument='viola' is not known; did you mean 'violin'?"),
    ],
)
def test_what_cannot_be_done_is_one_line(tmp_path, song, capsys, words, message):
    out = tmp_path / "out.wav"
    assert cli.main([*(str(song) if word == "SONG" else word for word in words), "--out", str(out)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"synthgen: {message}")
    assert captured.err.count("\n") == 1
    assert not out.exists()


def test_a_song_in_an_unknown_format_is_refused_before_it_is_played(song, capsys):
    assert cli.main(["midi", str(song), "--out", "song.mp3"]) == 1
    assert capsys.readouterr().err == "synthgen: song.mp3: suffix='.mp3' must be .wav or .flac\n"


def test_a_word_that_two_commands_begin_with_is_no_command(capsys):
    assert cli.main(["export"]) == 2
    assert "'export' is not a command; did you mean 'synthgen export sf" in capsys.readouterr().err
    assert cli.main(["export", "--help"]) == 0
    assert "export dspreset" in capsys.readouterr().out


def test_help_imports_nothing_heavy():
    code = "import sys; from synthgen.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not {"torch", "mido", "scipy", "soxr", "numpy.fft"} & set(done.stderr.split())
