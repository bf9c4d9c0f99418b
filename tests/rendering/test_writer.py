import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from synthgen import Synthesizer
from synthgen.checks import UserError
from synthgen.data.layout import read_audio, read_examples
from synthgen.rendering import workers
from synthgen.rendering.library import inspect
from synthgen.rendering.plan import Plan, grid, stem
from synthgen.rendering.request import Request
from synthgen.rendering.workers import Job
from synthgen.rendering.writer import render
from synthgen.representations import Spectrogram


@pytest.fixture(scope="module")
def model(tiny_checkpoint):
    return inspect(tiny_checkpoint)


@pytest.fixture(scope="module")
def plan(model):
    return grid(model.repertoire, instruments="flute,violin", pitches="48,60.5", velocities="25,100")


@pytest.fixture(scope="module")
def whole(model, plan, tmp_path_factory):
    """The files of a render that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "notes"
    render(model, plan, folder)
    return contents(folder)


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_render_is_in_nsynths_layout(model, plan, tmp_path):
    report = render(model, plan, tmp_path)
    entries = read_examples(tmp_path / "examples.json")
    assert len(entries) == len(plan.requests) == report.made
    assert {(e.instrument_str, e.pitch, e.velocity) for e in entries} == {
        (r.instrument, r.pitch, r.velocity) for r in plan.requests
    }
    synthesizer = Synthesizer.load(model.path)
    for entry in entries:
        audio = read_audio(tmp_path / "audio" / f"{entry.note_str}.wav", sample_rate=16000, samples=8000)
        note = synthesizer.note(entry.instrument_str, pitch=entry.pitch, velocity=entry.velocity)
        assert np.abs(audio - np.clip(note.audio, -1, 1)).max() <= 1.01 / 32768


def test_labels_say_family_source_seed_and_weights(model, tmp_path):
    blend = {"church organ": 0.75, "violin": 0.25}
    requests = [Request(instrument="flute", pitch=60.0, velocity=100.0), Request(instrument=blend, pitch=60.0, seed=4)]
    render(model, Plan(requests=tuple(map(model.repertoire.resolve, requests))), tmp_path)
    table = json.loads((tmp_path / "examples.json").read_text())
    flute, mixed = table["flute-060-100"], table["church_organ_0.75_violin_0.25-060-100-s4"]
    assert (flute["instrument"], flute["instrument_family_str"], flute["instrument_source_str"]) == (
        1,
        "flute",
        "acoustic",
    )
    assert (mixed["instrument"], mixed["instrument_family_str"], mixed["seed"]) == (3, "organ", 4)
    assert mixed["weights"] == blend


def test_flac_holds_the_same_samples(model, plan, tmp_path):
    for kind in ("wav", "flac"):
        render(model, plan, tmp_path / kind, audio_format=kind)
    for path in (tmp_path / "flac" / "audio").iterdir():
        twin = tmp_path / "wav" / "audio" / f"{path.name.removesuffix('.flac')}.wav"
        both = [read_audio(p, sample_rate=16000, samples=8000) for p in (path, twin)]
        assert np.array_equal(*both)


def test_a_finished_render_is_left_as_it_is(model, plan, tmp_path, whole):
    render(model, plan, tmp_path)
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "audio").iterdir()}
    report = render(model, plan, tmp_path)
    assert (report.made, report.kept) == (0, len(stamps))
    assert stamps == {p: p.stat().st_mtime_ns for p in (tmp_path / "audio").iterdir()}
    assert contents(tmp_path) == whole


@pytest.mark.parametrize("after", [0, 1, 5])
def test_an_interrupted_render_goes_on_to_the_same_bytes(model, plan, tmp_path, whole, monkeypatch, after):
    """Stopped as kill -9 would: a file half written, no cleaning up, no labels."""
    write, count = workers.write_audio, iter(range(100))

    def stop(path, audio, *, sample_rate):
        if next(count) == after:
            path.parent.mkdir(exist_ok=True)
            path.with_name(f".{path.name}.0badcafe.partial").write_bytes(b"RIFF")
            raise KeyboardInterrupt
        write(path, audio, sample_rate=sample_rate)

    monkeypatch.setattr(workers, "write_audio", stop)
    monkeypatch.setattr("synthgen.rendering.writer._clean", lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        render(model, plan, tmp_path)
    assert not (tmp_path / "examples.json").exists()
    assert any(name.endswith(".partial") for name in contents(tmp_path))
    monkeypatch.undo()
    report = render(model, plan, tmp_path)
    assert (report.kept, report.made) == (after, len(plan.requests) - after)
    assert contents(tmp_path) == whole


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_at_any_moment_leaves_whole_files_alone(model, plan, tmp_path, whole, monkeypatch, call):
    original = {"fsync": os.fsync, "replace": os.replace}[call]
    for moment in range(0, 2 * len(plan.requests), 5):
        folder, count = tmp_path / str(moment), iter(range(1000))

        def full(*arguments, count=count, moment=moment):
            if next(count) >= moment:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return original(*arguments)

        monkeypatch.setattr(os, call, full)
        try:
            render(model, plan, folder)
        except UserError as error:
            assert "the disk is full" in str(error)
            assert "\n" not in str(error)
        monkeypatch.undo()
        found = contents(folder)
        assert found.items() <= whole.items()
        render(model, plan, folder)
        assert contents(folder) == whole


def test_a_folder_of_another_render_is_refused(model, plan, tmp_path):
    render(model, plan, tmp_path)
    before = contents(tmp_path)
    other = grid(model.repertoire, instruments="flute", pitches="60")
    with pytest.raises(
        UserError, match=rf"holds the render of another plan \({plan.digest()[:16]}, not {other.digest()[:16]}"
    ):
        render(model, other, tmp_path)
    with pytest.raises(UserError, match=r"holds the render of another audio \(wav, not flac\); choose another --out"):
        render(model, plan, tmp_path, audio_format="flac")
    assert contents(tmp_path) == before


def test_a_folder_of_another_model_is_refused(model, plan, tmp_path):
    changed = tmp_path / "model.safetensors"
    content = model.path.read_bytes()
    changed.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    render(model, plan, tmp_path / "notes")
    with pytest.raises(UserError, match=r"holds the render of another model \([0-9a-f]{16}, not [0-9a-f]{16}\)"):
        render(inspect(changed), plan, tmp_path / "notes")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("holiday.jpg", b"", r"holds holiday.jpg, which no render made; choose an empty folder for --out"),
        ("render.json", b"{", r"render.json: is not a render's manifest; choose another --out"),
        ("render.json", b"[1]", r"holds the render of another format \(None, not 1\)"),
    ],
)
def test_a_folder_of_something_else_is_refused(model, plan, tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        render(model, plan, tmp_path)
    assert contents(tmp_path) == {name: content}


def test_a_file_is_no_folder(model, plan, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file: cannot be used \(Not a directory\); choose another --out"):
        render(model, plan, tmp_path / "file")


@pytest.mark.parametrize("count", [0, -1, 1000])
def test_a_number_of_workers_that_cannot_be(model, plan, tmp_path, count):
    with pytest.raises(UserError, match=rf"^workers={count} must be between 1 and 256$"):
        render(model, plan, tmp_path, workers=count)


def test_clipped_notes_are_counted(model, plan, tmp_path, monkeypatch):
    monkeypatch.setattr(Spectrogram, "decode", lambda *_, **__: torch.full((1, 1, 8000), 1.5))
    report = render(model, Plan(requests=plan.requests, skipped=("plan.csv, line 3: bad",)), tmp_path)
    assert str(report).splitlines() == [
        f"{tmp_path}: 8 notes rendered, 8 clipped",
        "skipped 1 bad rows, the first: plan.csv, line 3: bad",
    ]


@pytest.mark.slow
def test_workers_make_the_same_bytes(model, plan, tmp_path, whole):
    render(model, plan, tmp_path, workers=2)
    assert contents(tmp_path) == whole


@pytest.mark.slow
def test_what_stops_a_worker_is_said_in_one_line(model, plan, tmp_path, whole):
    (tmp_path / "render.json").write_bytes(whole["render.json"])
    (tmp_path / "audio").touch()
    with pytest.raises(UserError, match=r"^\S*/audio/\S+.wav: cannot write \(File exists\); [^\n]*$"):
        render(model, plan, tmp_path, workers=2)
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_a_lost_worker_stops_the_others(model, tmp_path):
    requests = grid(model.repertoire, pitches="48:72:0.1", velocities="25", instruments="flute").requests
    notes = workers.render_all(model.path, [Job(r, tmp_path / f"{stem(r)}.wav") for r in requests], workers=2)
    next(notes)
    os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
    with pytest.raises(UserError, match=r"a worker was lost \(exit code -9\); start again to go on where it was"):
        list(notes)
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_killed_and_started_again_the_command_gives_the_same_bytes(model, tmp_path):
    words = [sys.executable, "-m", "synthgen", "render", "--model", str(model.path), "--grid", "--pitches", "48:72"]
    words += ["--velocities", "25,100", "--workers", "2", "--out", str(tmp_path / "killed")]
    there = 0
    for _ in range(2):
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        while process.poll() is None and len(list(tmp_path.glob("killed/audio/*.wav"))) < there + 20:
            time.sleep(0.01)
        process.kill()
        process.wait()
        there = len(list(tmp_path.glob("killed/audio/*.wav")))
    assert 0 < there < 150
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    render(model, grid(model.repertoire, velocities="25,100"), tmp_path / "undisturbed")
    assert contents(tmp_path / "killed") == contents(tmp_path / "undisturbed")
