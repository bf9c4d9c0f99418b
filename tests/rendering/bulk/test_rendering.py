import importlib.metadata
import json
import os

import numpy as np
import pytest
import torch
from toy_plans import HERE, LAYOUTS, contents, names, prepared, requests

from synthgen import Synthesizer
from synthgen.checks import UserError
from synthgen.data.layout import read_audio, read_examples
from synthgen.rendering.bulk import shard_files
from synthgen.rendering.bulk.drawn import grid
from synthgen.rendering.bulk.engines import Local
from synthgen.rendering.bulk.job import Job
from synthgen.rendering.bulk.reading import read
from synthgen.rendering.bulk.rendering import Share, render
from synthgen.rendering.library import inspect
from synthgen.representations import Spectrogram


@pytest.fixture(scope="module")
def whole(job, tmp_path_factory):
    """The files of a render that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "notes"
    render(job(folder), HERE)
    return contents(folder)


def test_a_render_is_in_nsynths_layout(model, plan, job, tmp_path):
    report = render(job(tmp_path), HERE)
    entries = read_examples(tmp_path / "examples.json")
    assert len(entries) == len(plan) == report.made
    asked = {(r.instrument, r.pitch, r.velocity) for r in requests(plan)}
    assert {(e.instrument_str, e.pitch, e.velocity) for e in entries} == asked
    synthesizer = Synthesizer.load(model.path)
    for entry in entries:
        audio = read_audio(tmp_path / "audio" / f"{entry.note_str}.wav", sample_rate=16000, samples=8000)
        note = synthesizer.note(entry.instrument_str, pitch=entry.pitch, velocity=entry.velocity)
        assert np.abs(audio - np.clip(note.audio, -1, 1)).max() <= 1.01 / 32768


def test_labels_say_family_source_seed_and_weights(model, tmp_path):
    lines = 'flute,60,100,,\n"violin=0.25,church organ=0.75",60,100,4,0.2\n'
    (tmp_path / "plan.csv").write_text(f"instrument,pitch,velocity,seed,duration\n{lines}")
    render(Job(plan=read(tmp_path / "plan.csv", model), folder=tmp_path / "out"), HERE)
    table = json.loads((tmp_path / "out" / "examples.json").read_text())
    flute, mixed = table["flute-060-100"], table["church_organ_0.75_violin_0.25-060-100-s4-d0.2"]
    labels = (flute["instrument"], flute["instrument_family_str"], flute["instrument_source_str"], flute["seed"])
    assert labels == (1, "flute", "acoustic", 0)
    assert "duration" not in flute
    assert (mixed["instrument"], mixed["instrument_family_str"], mixed["seed"]) == (3, "organ", 4)
    assert (mixed["weights"], mixed["duration"]) == ({"church organ": 0.75, "violin": 0.25}, 0.2)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_rendered_is_a_plan_of_the_same_notes(model, job, tmp_path, layout):
    pytest.importorskip("pyarrow")
    render(job(tmp_path / "first", layout=layout), HERE)
    path = tmp_path / "first" / "examples.json"
    if layout == "parquet":
        path = min((tmp_path / "first" / "data").iterdir())
    elif layout == "webdataset":  # its records are lines, after one about the shard
        path = tmp_path / "plan.jsonl"
        path.write_text((tmp_path / "first" / "shards" / "000000.jsonl").read_text().split("\n", 1)[1])
    again = read(path, model)
    render(Job(plan=again, folder=tmp_path / "second", audio="wav"), HERE)
    render(job(tmp_path / "third"), HERE)
    second, third = (contents(tmp_path / name / "audio") for name in ("second", "third"))
    assert second.items() <= third.items()
    assert len(second) == (8 if layout == "nsynth" else 3)


def test_flac_holds_the_same_samples(job, tmp_path):
    for kind in ("wav", "flac"):
        render(job(tmp_path / kind, audio=kind), HERE)
    for path in (tmp_path / "flac" / "audio").iterdir():
        twin = tmp_path / "wav" / "audio" / f"{path.name.removesuffix('.flac')}.wav"
        both = [read_audio(p, sample_rate=16000, samples=8000) for p in (path, twin)]
        assert np.array_equal(*both)


def test_a_finished_render_is_left_as_it_is(job, tmp_path, whole):
    render(job(tmp_path), HERE)
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "audio").iterdir()}
    report = render(job(tmp_path), HERE)
    assert (report.made, report.kept) == (0, len(stamps))
    assert stamps == {p: p.stat().st_mtime_ns for p in (tmp_path / "audio").iterdir()}
    assert contents(tmp_path) == whole


def test_fresh_makes_all_anew(job, tmp_path, whole):
    render(job(tmp_path), HERE)
    report = render(job(tmp_path), HERE, fresh=True)
    assert (report.made, report.kept) == (8, 0)
    assert contents(tmp_path) == whole


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_that_was_taken_away_is_made_again(job, tmp_path, layout):
    pytest.importorskip("pyarrow")
    render(job(tmp_path, layout=layout), HERE)
    before = contents(tmp_path)
    taken = shard_files.audio_file(job(tmp_path), "flute-048-025")
    if layout != "nsynth":
        taken = shard_files.data_file(job(tmp_path, layout=layout), job(tmp_path).shards[1])
    taken.unlink()
    assert render(job(tmp_path, layout=layout), HERE).made == 3
    assert contents(tmp_path) == before


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("after", [0, 4, 7])
def test_an_interrupted_render_goes_on_to_the_same_bytes(job, tmp_path, monkeypatch, layout, after):
    """Stopped as kill -9 would: a file half written, no cleaning up, no labels."""
    pytest.importorskip("pyarrow")
    render(job(tmp_path / "whole", layout=layout), HERE)
    this, made = job(tmp_path / "killed", layout=layout), prepared(job(tmp_path / "killed", layout=layout))

    class Killed:
        def run(self, job, shards, tell):
            monkeypatch.setattr(os, "replace", lambda *_: None)
            for shard in shards:
                if shard.stop > after:
                    job.partial.mkdir(exist_ok=True)
                    (job.partial / f".notes-{shard.name}.tar.0badcafe.partial").write_bytes(b"RIFF")
                    (job.partial / f".{shard.name}.0badcafe.partial").mkdir()
                    raise KeyboardInterrupt
                monkeypatch.undo()
                shard_files.write_shard(job, shard, made[shard.start : shard.stop])

    clean, calls = shard_files.clean, iter(range(9))
    monkeypatch.setattr("synthgen.rendering.bulk.rendering.clean", lambda *a: next(calls) or clean(*a))
    with pytest.raises(KeyboardInterrupt):
        render(this, Killed())
    monkeypatch.undo()
    assert not (this.folder / "manifest.json").exists()
    report = render(this, HERE)
    assert (report.kept, report.made) == (after // 3 * 3, 8 - after // 3 * 3)
    assert contents(this.folder) == contents(tmp_path / "whole")


def test_ranks_make_disjoint_shards_and_the_last_joins_them(job, tmp_path, whole):
    for rank, made in [(2, 2), (0, 3), (0, 0), (1, 3)]:
        report = render(job(tmp_path), HERE, share=Share(rank=rank, world=3))
        assert report.made == made
        assert bool(report.missing) == (rank != 1)
        assert (tmp_path / "manifest.json").exists() == (rank == 1)
    assert render(job(tmp_path), HERE, share=Share(rank=0, world=3)).missing == 0
    assert contents(tmp_path) == whole


def test_a_rank_leaves_alone_what_another_is_writing(job, tmp_path):
    render(job(tmp_path), HERE, share=Share(rank=0, world=3))
    (tmp_path / ".partial").mkdir(exist_ok=True)
    other = tmp_path / ".partial" / ".000001.jsonl.0badcafe.partial"
    own = tmp_path / ".partial" / ".000002.jsonl.0badcafe.partial"
    other.touch(), own.touch()
    render(job(tmp_path), HERE, share=Share(rank=2, world=3))
    assert (other.exists(), own.exists()) == (True, False)


@pytest.mark.parametrize(
    ("share", "message"),
    [
        ({"rank": 3, "world": 3}, "^rank=3 must be between 0 and 2$"),
        ({"rank": -1}, "^rank=-1 must be between 0 and 0$"),
        ({"world": 0}, "^world=0 must be between 1 and 1e\\+06$"),
    ],
)
def test_a_share_that_cannot_be(share, message):
    with pytest.raises(UserError, match=message):
        Share(**share)


def test_a_folder_of_another_render_is_refused(model, plan, job, tmp_path):
    render(job(tmp_path), HERE)
    before = contents(tmp_path)
    other = grid(model, instruments="flute", pitches="60")
    hashes = rf"{plan.digest()[:16]}, not {other.digest()[:16]}"
    with pytest.raises(UserError, match=rf"holds the render of another plan \({hashes}\); choose another --out"):
        render(job(tmp_path, plan=other), HERE)
    with pytest.raises(UserError, match=r"holds the render of another audio \(wav, not flac\); choose another --out"):
        render(job(tmp_path, audio="flac"), HERE)
    with pytest.raises(UserError, match=r"holds the render of another shard size \(3, not 4\)"):
        render(job(tmp_path, shard_size=4), HERE)
    assert contents(tmp_path) == before


def test_a_folder_of_another_model_is_refused(model, job, tmp_path):
    changed = tmp_path / "model.safetensors"
    content = model.path.read_bytes()
    changed.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    render(job(tmp_path / "notes"), HERE)
    other = grid(inspect(changed), instruments="flute,violin", pitches="48,60.5", velocities="25,100")
    with pytest.raises(UserError, match=r"holds the render of another model \([0-9a-f]{16}, not [0-9a-f]{16}\)"):
        render(job(tmp_path / "notes", plan=other), HERE)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("holiday.jpg", b"", r"holds holiday.jpg, which no render made; choose an empty folder for --out"),
        ("render.json", b"{", r"render.json: is not a render's manifest; choose another --out"),
        ("render.json", b"[1]", r"holds the render of another format \(None, not 2\)"),
        ("render.json", b"null", r"holds render.json, which no render made"),
    ],
)
def test_a_folder_of_something_else_is_refused(job, tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        render(job(tmp_path), HERE)
    assert contents(tmp_path) == {name: content}


def test_a_file_is_no_folder(job, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file: cannot be used \(Not a directory\); choose another --out"):
        render(job(tmp_path / "file"), HERE)


def test_a_record_that_is_damaged_is_made_again(job, tmp_path, whole):
    render(job(tmp_path), HERE)
    for number, content in enumerate([b"{", b"[]\n", b""]):
        (tmp_path / "shards" / f"{number:06d}.jsonl").write_bytes(content)
    assert render(job(tmp_path), HERE).made == 8
    assert contents(tmp_path) == whole


@pytest.mark.parametrize("count", [0, -1, 10_000])
def test_a_number_of_workers_that_cannot_be(count):
    with pytest.raises(UserError, match=rf"^workers={count} must be between 1 and 1024$"):
        Local(count)


@pytest.mark.parametrize("size", [0, 10_000_000])
def test_a_shard_size_that_cannot_be(job, tmp_path, size):
    with pytest.raises(UserError, match=rf"^shard_size={size} must be between 1 and 1e\+06$"):
        job(tmp_path, shard_size=size)


def test_a_package_that_is_missing_is_one_line(job, tmp_path, monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(UserError, match=r"^parquet needs \w+; pip install 'synthgen\[parquet\]'$"):
        render(job(tmp_path / "out", layout="parquet"), HERE)
    assert list(tmp_path.iterdir()) == []


def test_too_many_files_are_refused(model, tmp_path):
    many = grid(model, pitches="48:72:0.01", velocities="1:127")
    with pytest.raises(UserError, match=r"format=nsynth makes 914781 files, at most 500000") as refused:
        Job(plan=many, folder=tmp_path)
    assert "choose webdataset or parquet" in str(refused.value)


def test_what_is_amiss_is_counted(model, plan, tmp_path, monkeypatch):
    monkeypatch.setattr(Spectrogram, "decode", lambda *_, **__: torch.full((1, 1, 8000), 1.5))
    (tmp_path / "plan.csv").write_text("instrument,pitch,velocity\nflute,60,100\nflute,61,100\nflute,1,1\n")
    job = Job(plan=read(tmp_path / "plan.csv", model, skip_bad=True), folder=tmp_path / "out")
    report = render(job, HERE)
    first = f"{tmp_path}/plan.csv, line 4, column pitch: pitch=1 must be between 48 and 72 (C3 to C5)"
    assert str(report).splitlines() == [
        f"{tmp_path}/out: 2 notes rendered, 2 clipped",
        f"skipped 1 bad rows, the first: {first}",
    ]
    checked = str(render(job, HERE, checked=True))
    assert "of 2 notes 0 are silent, 2 clipped, 0 more than 50 cents off, 2 without a clear pitch" in checked
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["totals"] == {"notes": 2, "silent": 0, "clipped": 2, "off_pitch": 0, "unmeasured": 2}


def test_the_manifest_says_where_the_bytes_come_from(model, plan, job, tmp_path):
    pytest.importorskip("pyarrow")
    render(job(tmp_path, layout="parquet"), HERE)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["model"] == model.with_files.owner.home.sha256
    assert manifest["plan"] == plan.digest()
    assert {"synthgen", "torch", "numpy", "soundfile", "pyarrow"} == manifest["versions"].keys()
    assert [shard["notes"] for shard in manifest["shards"]] == [3, 3, 2]
    records = [json.loads(line) for p in sorted(tmp_path.glob("shards/*")) for line in p.read_text().splitlines()]
    notes = [record for record in records if "id" in record]
    assert [note["id"] for note in notes] == names(plan)
    assert all({"peak", "f0", "seed", "pitch", "model"} <= note.keys() for note in notes)
