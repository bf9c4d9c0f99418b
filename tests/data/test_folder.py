from __future__ import annotations

import csv

import numpy as np
import pytest
import soundfile

from synthgen.checks import UserError
from synthgen.data import folder
from synthgen.data.layout import FAMILIES, read_audio, read_examples


def tone(hz, rate=16000, seconds=0.6):
    t = np.arange(int(seconds * rate)) / rate
    return (0.3 * sum(np.sin(2 * np.pi * hz * k * t) / k for k in (1, 2, 3, 4)) * np.exp(-t)).astype(np.float32)


@pytest.fixture
def samples(tmp_path):
    """One sample of every way to say a label, and one of every kind that is dropped."""
    root = tmp_path / "samples"
    for name, audio, rate in [
        ("guitar_acoustic_001-060-025.wav", tone(261.63), 16000),
        ("Flute_A4_v100.wav", tone(440, 44100), 44100),
        ("bassoon/110.0.wav", np.stack([tone(110, 22050)] * 2, 1), 22050),
        ("bassoon/110.3.flac", tone(110.3), 16000),
        ("celtic_harp/take1.wav", tone(196), 16000),
        ("zither_A3.wav", tone(330), 16000),
        ("quiet_A3.wav", 1e-5 * tone(220), 16000),
        ("tiny_A3.wav", tone(220, seconds=0.01), 16000),
        ("noise.wav", 0.1 * np.random.default_rng(0).standard_normal(9600).astype(np.float32), 16000),
    ]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / name, audio, rate)
    (root / "broken_A4.wav").write_bytes(b"no audio at all")
    cut = (root / "Flute_A4_v100.wav").read_bytes()[:-9000]
    (root / "cut_A4.wav").write_bytes(cut)
    (root / "notes.txt").write_text("not a sample")
    (root / "._Flute_A4.wav").write_bytes(b"a file that macOS leaves behind")
    return root


def build(samples, tmp_path, **options):
    return folder.build(folder.Config(folder=samples, out=tmp_path / "out", **options))


def by_source(report):
    return {row.source: row for row in report.rows}


def test_every_sample_is_kept_as_labelled_or_dropped_with_a_reason(samples, tmp_path):
    report = build(samples, tmp_path)
    entries = {entry.note_str: entry for entry in read_examples(tmp_path / "out" / "examples.json")}
    labels = {
        name: (e.instrument_str, e.pitch, e.velocity, FAMILIES[e.instrument_family]) for name, e in entries.items()
    }
    assert labels == {
        "guitar_acoustic_001-060-025": ("guitar_acoustic_001", 60, 25, "guitar"),
        "flute-069-100": ("flute", 69, 100, "flute"),
        "bassoon-045-100": ("bassoon", 45, 100, "reed"),
        "bassoon-045-100-2": ("bassoon", 45, 100, "reed"),
        "celtic_harp-055-100": ("celtic harp", 55, 100, "string"),
        "zither-057-100": ("zither", 57, 100, "synth_lead"),
    }
    for name in entries:
        audio = read_audio(tmp_path / "out" / "audio" / f"{name}.wav", sample_rate=16000, samples=64000)
        assert 0.1 < np.abs(audio).max() < 0.7
    dropped = {row.source: row.outcome for row in report.rows if not row.note}
    assert dropped == {
        "broken_A4.wav": "unreadable",
        "cut_A4.wav": "cut off",
        "noise.wav": "no pitch",
        "quiet_A3.wav": "silent",
        "tiny_A3.wav": "too short",
    }
    assert by_source(report)["zither_A3.wav"].outcome == "mistuned"
    assert by_source(report)["celtic_harp/take1.wav"].detail == "pitch measured"
    assert "6 notes of 5 instruments" in str(report)
    with (tmp_path / "out" / "report.csv").open() as stream:
        assert {row["source"]: row["outcome"] for row in csv.DictReader(stream)} == {
            row.source: row.outcome for row in report.rows
        }
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["audio", "examples.json", "report.csv"]


def test_instruments_are_numbered_and_notes_too(samples, tmp_path):
    build(samples, tmp_path)
    entries = read_examples(tmp_path / "out" / "examples.json")
    assert sorted(entry.note for entry in entries) == list(range(6))
    assert len({(entry.instrument, entry.instrument_str) for entry in entries}) == 5


def test_options_say_what_names_do_not(samples, tmp_path):
    options = {"velocity": 64, "middle_c": "C3", "family": "string", "source": "synthetic", "format": "flac"}
    build(samples, tmp_path, mistuned="drop", **options)
    entries = {entry.note_str: entry for entry in read_examples(tmp_path / "out" / "examples.json")}
    assert {"flute-081-100", "bassoon-045-064"} < set(entries)
    assert "zither-069-064" not in entries
    assert {FAMILIES[entry.instrument_family] for entry in entries.values()} == {"string"}
    assert (tmp_path / "out" / "audio" / "flute-081-100.flac").is_file()


def test_a_table_chooses_and_labels_the_files(samples, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text(
        "file,instrument,pitch,velocity\nnoise.wav,wind,60,10\nbassoon/110.0.wav,Fagott,,\ngone.wav,x,60,\n"
    )
    report = build(samples, tmp_path, labels=table)
    names = [entry.note_str for entry in read_examples(tmp_path / "out" / "examples.json")]
    assert names == ["Fagott-045-100", "wind-060-010"]
    assert by_source(report)["gone.wav"].outcome == "missing"


def test_two_builds_are_byte_identical(samples, tmp_path):
    for name in ("one", "two"):
        folder.build(folder.Config(folder=samples, out=tmp_path / name))
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / n).rglob("*") if p.is_file()} for n in ("one", "two"))
    assert one == two


def test_the_first_bad_sample_may_stop_the_build(samples, tmp_path):
    with pytest.raises(UserError, match=r"broken_A4\.wav: .*--bad drop"):
        build(samples, tmp_path, bad="stop")
    assert not (tmp_path / "out" / "examples.json").exists()


def test_a_folder_of_which_nothing_can_be_kept_is_an_error_with_the_reasons(samples, tmp_path):
    with pytest.raises(UserError, match=r"no note was kept \(9 too short, 1 unreadable, 1 cut off\)"):
        build(samples, tmp_path, shortest=3.9)
    assert not (tmp_path / "out" / "examples.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"velocity": 0}, "velocity=0 must be between 1 and 127"),
        ({"family": "strings"}, "did you mean 'string'"),
        ({"source": "acustic"}, "did you mean 'acoustic'"),
        ({"shortest": -1.0}, "shortest=-1"),
    ],
)
def test_bad_options_are_named(samples, tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        build(samples, tmp_path, **options)
    assert not (tmp_path / "out").exists()


def test_bad_folders_are_named(samples, tmp_path):
    with pytest.raises(UserError, match="none: no such folder"):
        build(tmp_path / "none", tmp_path)
    with pytest.raises(UserError, match="lies within --in"):
        folder.build(folder.Config(folder=samples, out=samples / "out"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no samples"):
        build(tmp_path / "empty", tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match="not an empty folder"):
        build(samples, tmp_path)
    (tmp_path / "out" / "examples.json").write_text("{}")
    with pytest.raises(UserError, match="already holds a data set"):
        build(samples, tmp_path)
