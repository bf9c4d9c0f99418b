import shutil
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile

from synthgen import __version__, cli
from synthgen.checks import UserError
from synthgen.data.layout import read_examples
from synthgen.rendering import library

HEAVY = ("torch", "librosa", "gradio", "scipy", "matplotlib", "numba")


@pytest.fixture(autouse=True)
def _tiny_is_bundled(tmp_path_factory, tiny_checkpoint, monkeypatch):
    shelf = tmp_path_factory.mktemp("shelf")
    for name in ("tiny", "spectrogram"):
        shutil.copy(tiny_checkpoint, shelf / f"{name}.safetensors")
    monkeypatch.setattr(library, "PRETRAINED", shelf)


@pytest.fixture
def refused(capsys):
    """Run a command that must fail, and return its one line."""

    def run(*words):
        assert cli.main([str(word) for word in words]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        (line,) = captured.err.splitlines()
        return line

    return run


NOTE = ("note", "--instrument", "flute", "--pitch", "A4")


def test_models_are_listed(capsys):
    assert cli.main(["models"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{name}: 3 instruments, pitches 48 to 72, 0.5 s at 16000 Hz" for name in ("spectrogram", "tiny")
    ]


def test_instruments_are_listed_one_a_line(capsys):
    assert cli.main(["instruments", "--model", "tiny"]) == 0
    assert capsys.readouterr().out == "church organ\nflute\nviolin\n"


def test_a_note_is_written(tmp_path, capsys):
    path = tmp_path / "a4.wav"
    assert cli.main([*NOTE, "--model", "tiny", "--velocity", "100", "--seed", "0", "--out", str(path)]) == 0
    assert capsys.readouterr().out.startswith(f"{path}: instrument flute, pitch 69, velocity 100, seed 0, 0.5 s at")
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.frames, info.subtype) == (16000, 1, 8000, "PCM_16")


def test_the_same_command_gives_the_same_file(tmp_path):
    blend = ["note", "--instrument", "flute=0.5,church organ=0.5", "--pitch", "57.5", "--out"]
    for name in ("one.wav", "two.wav"):
        assert cli.main([*blend, str(tmp_path / name)]) == 0
    assert (tmp_path / "one.wav").read_bytes() == (tmp_path / "two.wav").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--instrument", "fluet"), "instrument='fluet' is not known; did you mean 'flute'?"),
        (
            ("--instrument", "flute=0.5,violin=0.4"),
            "weights of a blend (flute=0.5, violin=0.4) sum up to 0.9; they must",
        ),
        (("--pitch", "999"), "pitch=999 must be between 48 and 72 (C3 to C5)"),
        (("--pitch", "X"), "pitch='X' must be a MIDI number such as 69 or 57.5, or a note such as A4, C#3 or Bb2"),
        (("--velocity", "0"), "velocity=0 must be a number between 1 and 127"),
        (("--velocity", "-5"), "velocity=-5 must be a number between 1 and 127"),
        (("--seed", "-1"), "seed=-1 must be a whole number between 0 and 2 ** 63 - 1"),
        (("--model", "tinny"), "model='tinny' is not known; did you mean 'tiny'?"),
        (("--model", "runs/none"), "runs/none: no such checkpoint; give a file"),
        (("--out", "a4.mp3"), "a4.mp3: suffix='.mp3' must be .wav or .flac"),
        (("--out", "/dev/null/a4.wav"), "/dev/null/a4.wav: cannot write ("),
    ],
)
def test_a_bad_note_is_refused(refused, tmp_path, words, message):
    assert refused(*NOTE, "--out", tmp_path / "a4.wav", *words).startswith(f"synthgen: {message}")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_model_is_refused(refused, tmp_path, tiny_checkpoint):
    path = tmp_path / "half.safetensors"
    path.write_bytes(tiny_checkpoint.read_bytes()[:-100])
    assert refused(*NOTE, "--model", path, "--out", tmp_path / "a4.wav").startswith(f"synthgen: {path}: damaged checkp")


def test_clipping_is_mentioned(tmp_path, capsys, monkeypatch):
    from synthgen.rendering.note import Note

    monkeypatch.setattr(Note, "clipped", 3)
    assert cli.main([*NOTE, "--out", str(tmp_path / "a4.wav")]) == 0
    assert (
        capsys.readouterr().err
        == f"synthgen: {tmp_path / 'a4.wav'}: 3 samples reached beyond [-1, 1] and were clipped\n"
    )


def test_a_plan_is_rendered(tmp_path, capsys):
    (tmp_path / "plan.csv").write_text("instrument,pitch,velocity\nflute,60,100\nflute,999,100\nviolin,A3,25\n")
    words = ["render", str(tmp_path / "plan.csv"), "--out", str(tmp_path / "out"), "--model", "tiny", "--audio", "flac"]
    assert cli.main([*words, "--skip-bad"]) == 0
    assert "2 notes rendered\nskipped 1 bad rows, the first: " in capsys.readouterr().out
    names = [entry.note_str for entry in read_examples(tmp_path / "out" / "examples.json")]
    assert names == ["flute-060-100", "violin-057-025"]
    assert sorted(p.name for p in (tmp_path / "out" / "audio").iterdir()) == [f"{name}.flac" for name in names]


def test_a_grid_is_rendered(tmp_path):
    words = ["--instruments", "flute,violin", "--pitches", "48:72:12", "--velocities", "25", "--out", str(tmp_path)]
    assert cli.main(["render", "--grid", *words]) == 0
    assert len(read_examples(tmp_path / "examples.json")) == 6


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give one of a PLAN, a CSV file or the like, --grid, and --random N"),
        (("plan.csv", "--grid"), "give one of a PLAN, a CSV file or the like, --grid, and --random N"),
        (("plan.csv", "--pitches", "60"), "--pitches must come with --grid or --random; the PLAN names"),
        (("none.csv",), "none.csv: cannot read (No such file or directory); give a CSV of columns"),
        (("--grid", "--workers", "0"), "workers=0 must be between 1 and 1024"),
        (("--grid", "--pitches", "60:999"), "pitch=999 must be between 48 and 72"),
        (("--grid", "--random", "5"), "give one of a PLAN, a CSV file or the like, --grid, and --random N"),
        (("--grid", "--rank", "2", "--world", "2"), "rank=2 must be between 0 and 1"),
        (("--grid", "--address", "auto"), "--address must come with --engine ray"),
        (("--grid", "--resume", "--fresh"), "give either --resume, the default, or --fresh"),
        (("--grid", "--device", "cdua"), "device='cdua' cannot be used here (Expected one of cpu, cuda"),
        (("--grid", "--dry-run", "--rate", "0"), "rate=0.0 must be between 1e-09 and 1e+09"),
        (("--grid", "--dry-run", "--measure", "0"), "measure=0 must be between 1 and 10000"),
    ],
)
def test_a_bad_render_is_refused(refused, tmp_path, words, message):
    assert refused("render", *words, "--out", tmp_path / "out").startswith(f"synthgen: {message}")
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_says_what_it_would_take(tmp_path, capsys):
    words = ["render", "--random", "100000", "--model", "tiny", "--dry-run", "--out", str(tmp_path / "out")]
    assert cli.main([*words, "--workers", "2", "--rate", "10"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "100000 notes, 13.9 hours of sound, in 1000 shards of 100",
        "size on disk about 1.69 GB (nsynth, wav)",
        "time about 83.3 min with 2 processes, at 10 notes/s each, as given",
    ]
    assert cli.main([*words, "--format", "parquet"]) == 0
    assert "README's machine" in capsys.readouterr().out
    assert cli.main([*words, "--measure", "2"]) == 0
    assert "notes/s each, measured with 2 notes" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_torchrun_says_which_part_to_render(tmp_path, monkeypatch, capsys):
    words = ["render", "--grid", "--pitches", "48:50", "--velocities", "25", "--model", "tiny", "--shard-size", "3"]
    for rank, message in (("1", "3 notes rendered\nother ranks render 6 more notes"), ("0", "6 notes rendered\n")):
        for name, value in {"TORCHELASTIC_RUN_ID": "x", "RANK": rank, "WORLD_SIZE": "2"}.items():
            monkeypatch.setenv(name, value)
        assert cli.main([*words, "--out", str(tmp_path / "out")]) == 0
        assert message in capsys.readouterr().out
    assert len(read_examples(tmp_path / "out" / "examples.json")) == 9


def test_a_dry_run_needs_no_torch(tmp_path):
    code = "import sys; from synthgen import cli; cli.main(sys.argv[1:]); sys.exit('torch' in sys.modules)"
    words = ["render", "--random", "100000", "--dry-run", "--out", str(tmp_path / "out")]
    subprocess.run([sys.executable, "-c", code, *words], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "synthgen: 'no command' is not a command\n"),
        (("nte",), "synthgen: 'nte' is not a command; did you mean 'synthgen note'?\n"),
        (("data", "foldr"), "synthgen: 'data foldr' is not a command; did you mean 'synthgen data folder'?\n"),
    ],
)
def test_a_command_that_does_not_exist(capsys, words, message):
    assert cli.main(list(words)) == 2
    assert capsys.readouterr().err.startswith(message)


@pytest.mark.parametrize("words", [["note"], ["note", "--pich", "60"], ["render", "--out", "x", "--format", "mp3"]])
def test_bad_usage_exits_with_2(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize("name", cli.OWN)
def test_every_command_has_help(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([name, "--help"])
    assert stopped.value.code == 0
    assert f"usage: synthgen {name}" in capsys.readouterr().out


def test_the_version_is_told(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"synthgen {__version__}\n"


def test_builders_are_given_their_options(capsys, monkeypatch):
    @dataclass(frozen=True, kw_only=True)
    class Config:
        out: Path

    module = types.SimpleNamespace(Config=Config, build=lambda config: f"built {config.out}")
    monkeypatch.setitem(sys.modules, "synthgen.data.folder", module)
    assert cli.main(["data", "folder", "--out", "notes"]) == 0
    assert capsys.readouterr().out == "built notes\n"


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (UserError("plan.csv, line 3: bad"), 1, "synthgen: plan.csv, line 3: bad\n"),
        (PermissionError(13, "Permission denied", "x.wav"), 1, "synthgen: x.wav: Permission denied\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 1, ""),
    ],
)
def test_what_stops_a_command_is_no_traceback(capsys, monkeypatch, error, status, line):
    def fail(_):
        raise error

    monkeypatch.setattr(cli.OWN["models"], "run", fail)
    monkeypatch.setattr(cli, "_drop_output", lambda: None)
    assert cli.main(["models"]) == status
    assert capsys.readouterr().err == line


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["data", "--help"], ["models"], ["instruments"]])
def test_light_commands_import_nothing_heavy(words, tiny_checkpoint):
    words = words + ["--model", str(tiny_checkpoint)] * (words == ["instruments"])
    code = (
        f"import sys; from synthgen.cli import main; assert main({words!r}) == 0; print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not set(HEAVY) & set(done.stderr.split())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_the_output_is_one_line():
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-m", "synthgen", "--help"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "synthgen: output: No space left on device\n")


def test_a_reader_that_leaves_is_no_error():
    words = [sys.executable, "-m", "synthgen", "--help"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.wait() == 1
    assert process.stderr.read() == b""
    process.stderr.close()
