import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from toy_instruments import build, made_up, tone

from synthgen import Synthesizer, checkpoint
from synthgen.checks import UserError
from synthgen.rendering.adapted import read
from synthgen.rendering.bulk.drawn import grid
from synthgen.rendering.bulk.engines import Local
from synthgen.rendering.bulk.job import Job
from synthgen.rendering.bulk.reading import read as read_plan
from synthgen.rendering.bulk.rendering import render
from synthgen.rendering.request import Request


@pytest.fixture
def saved(tiny, tmp_path):
    adapted = made_up(tiny, tuple(np.linspace(-1, 1, 64).tolist()), "my harp")
    return adapted.save(tmp_path / "harp.instrument")


def test_a_file_holds_the_instrument_exactly(tiny, record, tmp_path, short_fit):
    adapted = tiny.adapt([record("a.wav", tone(220))], name="new")
    path = adapted.save(tmp_path / "sub" / "new.instrument")
    assert read(path) == adapted
    assert path.stat().st_size < 20_000
    notes = [tiny.note(i, pitch=61, seed=1).audio.tobytes() for i in (adapted, path, str(path))]
    assert len(set(notes)) == 1
    assert len({tiny.note(path, pitch=p, velocity=v).audio.tobytes() for p, v in [(61, 90), (62, 90), (61, 30)]}) == 3


def test_another_model_refuses_it(saved, tiny, tmp_path, note_fields):
    model, media = build("waveform", note_fields)
    checkpoint.save(tmp_path / "other.safetensors", model, media, {})
    message = rf"^{saved}: was fitted to model '{tiny.name}' \(\w{{8}}\) and means nothing to 'other' \(\w{{8}}\); "
    with pytest.raises(UserError, match=message):
        Synthesizer.load(tmp_path / "other.safetensors").note(saved, pitch=60)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(format="x"), r"its format is 'x', this version reads 'synthgen-instrument-1'"),
        (lambda c: c.update(vector="x"), r"instrument.vector='x' must be a list"),
        (lambda c: c.update(vector=[float("nan")]), r"instrument.vector\[0\]=nan must be a finite number"),
        (lambda c: c.pop("model"), r"instrument lacks field model"),
        (lambda c: c.update(name="../x"), r"must be a plain file name"),
    ],
)
def test_a_damaged_file_is_refused(saved, tiny, change, message):
    content = json.loads(saved.read_text())
    change(content)
    saved.write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"^{saved}: not an adapted instrument \(.*{message}"):
        tiny.note(saved, pitch=60)


def test_what_is_no_instrument_is_refused(tiny, tmp_path, saved):
    with pytest.raises(UserError, match=r"none.instrument: cannot read \(No such file or directory\); make it with"):
        tiny.note("none.instrument", pitch=60)
    (tmp_path / "wav.instrument").write_bytes(b"RIFF\xff")
    with pytest.raises(UserError, match=r"wav.instrument: not an adapted instrument"):
        tiny.note(tmp_path / "wav.instrument", pitch=60)
    with pytest.raises(UserError, match=r"x.json: suffix='.json' must be .instrument"):
        read(saved).save(tmp_path / "x.json")
    short = replace(read(saved), vector=(1.0, 2.0))
    with pytest.raises(UserError, match=r"size of my harp.instrument=2 must equal that of the model's instruments=64"):
        tiny.note(short, pitch=60)


def test_a_repertoire_alone_opens_no_files(saved, tiny):
    """What a page asks for is resolved by it, and must not reach the disk."""
    with pytest.raises(UserError, match=r"^instrument='.*harp.instrument' is not known; "):
        tiny.info.repertoire.resolve(Request(instrument=str(saved), pitch=60))
    with pytest.raises(UserError, match=r"^instrument='my harp.instrument' must be one of the model's own here"):
        tiny.info.repertoire.resolve(Request(instrument=read(saved), pitch=60))


def test_resolving_twice_changes_nothing(saved, tiny):
    repertoire = tiny.info.with_files
    once = repertoire.resolve(Request(instrument=f"flute=0.5,{saved}=0.5", pitch="A3"))
    assert once == repertoire.resolve(once)
    assert once.instrument == {"flute": 0.5, "my harp.instrument": 0.5}
    assert once.adapted == (read(saved),)
    assert pickle.loads(pickle.dumps(once)) == once  # as a render's workers get it
    assert repertoire.resolve(Request(instrument={"flute": 1.0, saved: 0.0}, pitch=60)).adapted == ()


def test_it_is_rendered_from_plans_and_grids(saved, tiny, tmp_path):
    plan = tmp_path / "plan.csv"
    plan.write_text(f'instrument,pitch,velocity\n{saved},60,100\nflute,60,100\n"flute=0.5,{saved}=0.5",60,100\n')
    report = render(Job(plan=read_plan(plan, tiny.info), folder=tmp_path / "out"), Local(1))
    assert report.made == 3
    entries = json.loads((tmp_path / "out" / "examples.json").read_text())
    names = ["my harp.instrument", "flute", "flute=0.5,my harp.instrument=0.5"]
    assert {e["instrument_str"] for e in entries.values()} == set(names)
    audio, _ = soundfile.read(tmp_path / "out" / "audio" / "my_harp.instrument-060-100.wav", dtype="float32")
    np.testing.assert_allclose(audio, tiny.note(saved, pitch=60).audio.clip(-1, 1), atol=1e-4)
    of_grid = grid(tiny.info, instruments=f"{saved},flute", pitches="60", velocities="100")
    assert [of_grid.row(i) for i in range(2)] == [read_plan(plan, tiny.info).row(i) for i in range(2)]


def test_a_render_goes_on_with_the_same_instrument_only(saved, tiny, tmp_path):
    def again():
        plan = grid(tiny.info, instruments=str(saved), pitches="60", velocities="100")
        return render(Job(plan=plan, folder=tmp_path / "out"), Local(1))

    again()
    assert again().kept == 1
    replace(read(saved), vector=(0.5,) * 64).save(saved)
    with pytest.raises(UserError, match=r"holds the render of another plan"):
        again()


def test_two_instruments_of_one_name_are_told_apart(saved, tiny, tmp_path):
    twin = replace(read(saved), vector=(0.5,) * 64).save(tmp_path / "twin.instrument")
    with pytest.raises(UserError, match=r"twin.instrument: another instrument is called so; rename one in its file"):
        tiny.note({saved: 0.5, twin: 0.5}, pitch=60)
    (tmp_path / "plan.csv").write_text(f"instrument,pitch,velocity\n{saved},60,100\n{twin},61,100\n")
    with pytest.raises(UserError, match=r"plan.csv: two instruments are called my harp.instrument; rename one of them"):
        read_plan(tmp_path / "plan.csv", tiny.info)


@pytest.mark.usefixtures("short_fit")
def test_the_command_writes_an_instrument_that_the_others_play(record, tmp_path, tiny_checkpoint, capsys):
    from synthgen import cli

    sounds = [str(record(f"{hz}.wav", tone(hz))) for hz in (220, 330)]
    model, out = ["--model", str(tiny_checkpoint)], tmp_path / "bells.instrument"
    assert cli.main(["adapt", *sounds, "--pitches", "A3", "measure", *model, "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{out}: bells for model ")
    assert lines[2].startswith("330.wav: pitch 64.02, velocity ")
    assert lines[2].endswith("; pitch measured")
    note = ["note", "--instrument", str(out), "--pitch", "60", *model, "--out", str(tmp_path / "note.wav")]
    assert cli.main(note) == 0
    assert soundfile.info(tmp_path / "note.wav").frames == 8000
    everything = ["--grid", "--instruments", f"flute,{out}", "--pitches", "60", "--velocities", "100"]
    assert cli.main(["render", *everything, *model, "--out", str(tmp_path / "set")]) == 0
    assert cli.main(["adapt", *sounds, *model]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "synthgen: name is missing; give --name, or a file as --out"
