import errno
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile

from synthgen import Synthesizer
from synthgen.checks import UserError
from synthgen.rendering.note import Note
from synthgen.rendering.sampler import exporting
from synthgen.rendering.sampler.exporting import Order, export

ORDER = Order(instrument="flute", keys="A0:C8", step=10, velocities=3)


@pytest.fixture(scope="module")
def synthesizer(tiny_checkpoint):
    return Synthesizer.load(tiny_checkpoint)


@pytest.fixture(scope="module")
def folders(synthesizer, tmp_path_factory):
    """An export of every kind."""
    root = tmp_path_factory.mktemp("exports")
    for kind in exporting.DESCRIPTIONS:
        export(synthesizer, ORDER, kind, root / kind)
    return root


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def manifest(folder):
    return json.loads((folder / "export.json").read_text())


def sfz_regions(path):
    """Opcodes of each region, those of <global> included."""
    common, regions = {}, []
    for line in path.read_text().splitlines():
        opcodes = dict(re.findall(r"(\w+)=(\S+)", line))
        if line.startswith("<global>"):
            common = opcodes
        elif line.startswith("<region>"):
            regions.append(common | opcodes)
    return regions


def ds_regions(path):
    root = ElementTree.parse(path).getroot()
    common = root.find("groups").attrib
    return [common | sample.attrib for sample in root.iter("sample")]


def test_sfzlint_has_nothing_to_say(folders):
    words = [Path(sys.executable).with_name("sfzlint"), "--no-pickle", folders / "sfz"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("read", "path", "names"),
    [
        (sfz_regions, "sfz/flute.sfz", ("lokey", "hikey", "lovel", "hivel")),
        (ds_regions, "dspreset/flute.dspreset", ("loNote", "hiNote", "loVel", "hiVel")),
    ],
)
def test_every_key_and_velocity_plays_exactly_one_sample(folders, read, path, names):
    hits = np.zeros((128, 128), int)
    for region in read(folders / path):
        low, high, soft, loud = (int(region[name]) for name in names)
        hits[low : high + 1, soft : loud + 1] += 1
    assert (hits[:, 1:] == 1).all()
    assert (hits[:, 0] == 0).all()


@pytest.mark.parametrize("kind", ["sfz", "dspreset"])
def test_what_a_sampler_is_told_is_what_the_manifest_says(folders, kind):
    samples = {sample["file"]: sample for sample in manifest(folders / kind)["samples"]}
    regions = sfz_regions(folders / "sfz/flute.sfz") if kind == "sfz" else ds_regions(folders / f"{kind}/flute.{kind}")
    sfz = {
        "path": "sample",
        "root": "pitch_keycenter",
        "start": "loop_start",
        "end": "loop_end",
        "level": "amp_veltrack",
    }
    ds = {"path": "path", "root": "rootNote", "start": "loopStart", "end": "loopEnd", "level": "ampVelTrack"}
    names = sfz if kind == "sfz" else ds
    assert len(regions) == len(samples) == 9
    for region in regions:
        sample = samples[region[names["path"]]]
        info = soundfile.info(folders / kind / region[names["path"]])
        assert (info.samplerate, info.frames, info.channels) == (44100, sample["samples"], 1)
        assert int(region[names["root"]]) == sample["root"]
        assert float(region[names["level"]]) == 0
        tune = float(region["tune"]) if kind == "sfz" else 100 * float(region["tuning"])
        assert tune == pytest.approx(sample["tune_cents"] or 0)
        if sample["loop"]:
            start, last = int(region[names["start"]]), int(region[names["end"]])
            assert (start, last + 1) == (sample["loop"]["start"], sample["loop"]["end"])
            assert 0 < start < last < info.frames


def test_the_samples_are_the_models_notes(folders, synthesizer):
    """Up to a loop's cross-fade, with no delay; near half of its rate a resampler may let go of what there is."""
    for sample in manifest(folders / "sfz")["samples"]:
        note = synthesizer.note("flute", pitch=sample["root"], velocity=sample["velocity"]).audio
        audio, _ = soundfile.read(folders / "sfz" / sample["file"])
        count = (sample["loop"]["end"] * 9 // 10 if sample["loop"] else len(audio)) // 441
        one, other = below(5000, audio[: 441 * count], 44100), below(5000, note[: 160 * count], 16000)
        assert abs(np.vdot(one, other)) / np.linalg.norm(one) / np.linalg.norm(other) > 0.999
        assert np.vdot(one, other).real > 0.999 * abs(np.vdot(one, other))
        assert np.abs(audio).max() == pytest.approx(sample["peak"], abs=1e-4)


def below(hz, audio, rate):
    """The spectrum of a recording up to a frequency."""
    return np.fft.rfft(audio * np.hanning(len(audio)))[: int(hz * len(audio) / rate)]


def test_the_manifest_says_where_the_instrument_comes_from(folders, tiny_checkpoint):
    for kind in exporting.DESCRIPTIONS:
        told = manifest(folders / kind)
        assert told["model"]["sha256"] == hashlib.sha256(tiny_checkpoint.read_bytes()).hexdigest()
        assert (told["instrument"], told["seed"], told["export"]) == ("flute", 0, kind)
        assert {sample["root"] for sample in told["samples"]} == {48, 58, 68}
        assert {sample["velocity"] for sample in told["samples"]} == {25, 76, 127}
        assert {"synthgen", "python", "torch", "numpy", "soxr"} <= told["versions"].keys()
        assert sorted(told["files"]) == sorted(contents(folders / kind))
        preview = soundfile.info(folders / kind / "preview.wav")
        assert preview.samplerate == 44100
        assert 5 < preview.duration < 30


def test_the_same_order_gives_the_same_bytes_and_replaces_an_earlier_export(folders, synthesizer, tmp_path):
    export(synthesizer, Order(instrument="violin", step=24, velocities=1), "sfz", tmp_path / "out")
    export(synthesizer, ORDER, "sfz", tmp_path / "out")
    assert contents(tmp_path / "out") == contents(folders / "sfz")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.slow
def test_processes_make_the_same_bytes_and_fail_in_one_line(folders, synthesizer, tmp_path):
    export(synthesizer, ORDER, "sfz", tmp_path / "out", workers=2)
    assert contents(tmp_path / "out") == contents(folders / "sfz")
    with pytest.raises(UserError, match="workers=257 must be between 0 and 256"):
        export(synthesizer, ORDER, "sfz", tmp_path / "other", workers=257)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_blend_at_the_models_own_rate(synthesizer, tmp_path):
    order = Order(instrument="flute=0.5,violin=0.5", step=24, velocities=1, sample_rate=16000)
    report = export(synthesizer, order, "dspreset", tmp_path / "out")
    assert str(report).startswith(f"{tmp_path}/out/flute_0.5_violin_0.5.dspreset: 2 samples (2 keys x 1 velocities), ")
    assert manifest(tmp_path / "out")["instrument"] == {"flute": 0.5, "violin": 0.5}
    assert soundfile.info(tmp_path / "out/samples/048-100.wav").samplerate == 16000


def test_loud_notes_are_turned_down_together(synthesizer, tmp_path, monkeypatch):
    def loud(_, requests, **__):
        tone = np.sin(2 * np.pi * 261.6 * np.arange(8000) / 16000).astype(np.float32)
        return [Note(audio=tone * np.float32(r.velocity / 63.5), sample_rate=16000) for r in requests]

    monkeypatch.setattr(Synthesizer, "notes", loud)
    report = export(synthesizer, Order(instrument="flute", step=24, sample_rate=16000), "sfz", tmp_path / "out")
    told = manifest(tmp_path / "out")
    assert "all turned down by 6.0 dB" in str(report)
    assert told["gain_db"] == pytest.approx(-6.02, abs=0.05)
    peaks = {sample["velocity"]: sample["peak"] for sample in told["samples"]}
    assert peaks[127] == pytest.approx(1, abs=1e-3)
    assert peaks[25] == pytest.approx(25 / 127, abs=5e-3)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ({"instrument": "fluet"}, "did you mean 'flute'"),
        ({"step": 0}, "step=0 must be between 1 and 24"),
        ({"velocities": 17}, "velocities=17 must be between 1 and 16"),
        ({"keys": "100:108"}, "keys='100:108' must hold a key that the model plays: 48 to 72"),
        ({"sample_rate": 48000}, "sample_rate=48000 must be between 16000 and 44100"),
        ({"sample_rate": 8000}, "sample_rate=8000 must be between 16000 and 44100"),
        ({"seed": -1}, "seed=-1 must be a whole number"),
    ],
)
def test_what_cannot_be_exported_is_said_in_a_line(synthesizer, tmp_path, order, message):
    with pytest.raises(UserError, match=message):
        export(synthesizer, Order(**{"instrument": "flute", **order}), "sfz", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_more_samples_than_memory_should_hold_are_refused(synthesizer, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "MOST_SAMPLES", 8)
    with pytest.raises(UserError, match="3 keys x 3 velocities are more than 8 samples; widen --step or lower"):
        export(synthesizer, ORDER, "sfz", tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "content"),
    [("thesis.txt", "precious"), ("export.json", "{"), ("export.json", "[1]"), ("export.json", '{"format": 2}')],
)
def test_a_folder_of_something_else_is_left_alone(synthesizer, tmp_path, name, content):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text(content)
    with pytest.raises(UserError, match=rf"out: holds {name}, which no export made; choose another folder"):
        export(synthesizer, ORDER, "sfz", tmp_path / "out")
    assert contents(tmp_path) == {f"out/{name}": content.encode()}


def test_what_was_put_into_an_export_is_not_lost(folders, synthesizer, tmp_path):
    out = tmp_path / "out"
    export(synthesizer, Order(instrument="violin", step=24, velocities=1), "sfz", out)
    (out / "samples" / "mine.wav").write_bytes(b"precious")
    before = contents(out)
    with pytest.raises(UserError, match=r"out: holds samples/mine\.wav, which no export made"):
        export(synthesizer, ORDER, "sfz", out)
    assert contents(out) == before


@pytest.mark.parametrize("out", ["/dev/null/out", "/dev/null", "/proc/out"])
def test_a_place_that_cannot_be_written_is_one_line(synthesizer, out):
    with pytest.raises(UserError, match=rf"^{out}: [^\n]+; choose another[^\n]*$"):
        export(synthesizer, ORDER, "sfz", Path(out))


@pytest.mark.parametrize("call", ["fsync", "rename", "replace"])
@pytest.mark.parametrize("earlier", [False, True])
def test_a_full_disk_at_any_moment_leaves_what_was_there(synthesizer, tmp_path, monkeypatch, call, earlier):
    order = Order(instrument="violin", step=24, velocities=1)
    out = tmp_path / "out"
    if earlier:
        export(synthesizer, Order(instrument="flute", step=24, velocities=1), "sf2", out)
    before, original = contents(tmp_path), getattr(os, call)
    for moment in range(0, 12, 1 if call == "rename" else 3):
        count = iter(range(1000))

        def full(*arguments, count=count, moment=moment):
            if next(count) == moment:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return original(*arguments)

        monkeypatch.setattr(os, call, full)
        try:
            export(synthesizer, order, "sfz", out)
        except UserError as error:
            assert re.fullmatch(rf"{out}[^\n]*: the disk is full[^\n]*", str(error))
            monkeypatch.undo()
            assert contents(tmp_path) == before
        else:
            break
    monkeypatch.undo()
    export(synthesizer, order, "sfz", out)
    assert (out / "violin.sfz").exists()


@pytest.mark.slow
def test_a_bundled_model_is_exported_in_tune(tmp_path):
    """What the samples sound like once they are tuned, by a measurement in another place than the export's."""
    from synthgen.data.tuning import measure

    export(Synthesizer.load("ddsp"), Order(instrument="flute", step=12, velocities=2), "sfz", tmp_path / "out")
    told = manifest(tmp_path / "out")
    assert told["sustains"]
    assert len(told["samples"]) == 12
    for sample in told["samples"]:
        audio, rate = soundfile.read(tmp_path / "out" / sample["file"])
        hz = 440 * 2 ** ((sample["root"] - 69) / 12)
        assert measure(audio[rate // 2 :], sample_rate=rate, hz=hz).cents + sample["tune_cents"] == pytest.approx(
            0, abs=3
        )
        assert sample["loop"]["likeness"] > 0.9
