from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from synthgen.checks import UserError
from synthgen.data import fluid, soundfont
from synthgen.data.layout import FAMILIES, SOURCES, read_audio, read_examples

ROOT = Path(__file__).parents[2]
CHURCH_ORGAN, GUITAR, VIOLIN = 19, 24, 40


@pytest.fixture(scope="session")
def font(test_data):
    """The SoundFont named by SYNTHGEN_SOUNDFONT, or a small one; its absence fails only where nothing may be absent."""
    path = test_data / "soundfonts" / "florestan-subset.sf2"
    try:
        fluid.Fluid(path, gain=1.2)
    except UserError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"cannot test the SoundFont builder: {error}")
        pytest.skip(str(error))
    return path


@pytest.fixture(scope="session")
def player(font):
    return fluid.Fluid(font, gain=1.2)


def spectrum(audio):
    """Magnitudes at steps of 1 Hz of the second second."""
    return np.abs(np.fft.rfft(audio[16000:32000] * np.hanning(16000)))


def build(font, out, **options):
    options = {"programs": "church organ,24", "pitches": "57,69", "velocities": "50,127", "workers": 1, **options}
    return soundfont.build(soundfont.Config(soundfont=font, out=out, **options))


def contents(out):
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}


@pytest.mark.parametrize(("program", "pitch", "hz"), [(VIOLIN, 69, 440), (VIOLIN, 57, 220), (GUITAR, 69, 440)])
def test_a_note_has_its_peaks_at_multiples_of_its_frequency(player, program, pitch, hz):
    magnitudes = spectrum(player.note(program, pitch, 100))
    fundamental = magnitudes[hz // 2 : hz * 3 // 2].argmax() + hz // 2
    assert abs(fundamental - hz) <= 2
    assert abs(magnitudes.argmax() / fundamental - round(magnitudes.argmax() / fundamental)) < 0.02


def test_an_octave_higher_is_twice_the_frequency(player):
    low, high = (spectrum(player.note(GUITAR, pitch, 100)).argmax() for pitch in (69, 81))
    assert high == pytest.approx(2 * low, abs=3)


def test_a_note_is_as_loud_as_its_velocity(player):
    peaks = [np.abs(player.note(VIOLIN, 69, velocity)).max() for velocity in (10, 25, 50, 75, 100, 127)]
    assert peaks == sorted(peaks)
    assert 0 < peaks[0] < 0.01 < peaks[-1] < 1


def test_a_note_falls_silent_after_its_release(player):
    audio = player.note(VIOLIN, 69, 127)
    assert audio.shape == (fluid.SAMPLES,)
    assert audio.dtype == np.float32
    held, released = np.abs(audio[:48000]).max(), np.abs(audio[-1600:]).max()
    assert released < 0.1 * held


def test_a_note_is_the_same_whatever_was_played_before(font, player):
    first = fluid.Fluid(font, gain=1.2).note(GUITAR, 60, 100)
    for program, pitch, velocity in [(CHURCH_ORGAN, 36, 127), (VIOLIN, 90, 127), (GUITAR, 60, 1), (38, 40, 100)]:
        player.note(program, pitch, velocity)
        assert np.array_equal(player.note(GUITAR, 60, 100), first)


def test_bright_notes_do_not_fold_into_the_band(player):
    """A sawtooth lead's lines lie at multiples of the fundamental: what lies between them is far below."""
    magnitudes = spectrum(player.note(90, 88, 100))
    hz = 440 * 2 ** ((88 - 69) / 12)
    distance = np.abs((np.arange(len(magnitudes)) / hz + 0.5) % 1 - 0.5)
    assert magnitudes[(distance > 0.3) & (np.arange(len(magnitudes)) > 300)].max() < 0.03 * magnitudes.max()


def test_a_build_is_a_data_set_in_nsynths_layout(font, tmp_path):
    out = tmp_path / "out"
    report = build(font, out)
    entries = read_examples(out / "examples.json")
    assert [entry.note_str for entry in entries] == [
        f"{stem}-{pitch:03d}-{velocity:03d}"
        for stem in ("acoustic_guitar_nylon_acoustic_024", "church_organ_acoustic_019")
        for pitch in (57, 69)
        for velocity in (50, 127)
    ]
    labels = {
        (e.instrument_str, e.instrument, FAMILIES[e.instrument_family], SOURCES[e.instrument_source]) for e in entries
    }
    assert labels == {("acoustic guitar (nylon)", 24, "guitar", "acoustic"), ("church organ", 19, "organ", "acoustic")}
    assert sorted(entry.note for entry in entries) == list(range(8))
    for entry in entries:
        audio = read_audio(out / "audio" / f"{entry.note_str}.wav", sample_rate=16000, samples=64000)
        assert np.abs(audio).max() > soundfont.SILENT_PEAK
    assert sorted(path.name for path in out.iterdir()) == ["audio", "examples.json", "report.csv"]
    assert "8 notes of 2 instruments" in str(report)


def test_the_files_hold_the_notes_as_played(font, player, tmp_path):
    build(font, tmp_path / "out", programs="40", pitches="69", velocities="100", format="flac")
    audio = read_audio(tmp_path / "out/audio/violin_acoustic_040-069-100.flac", sample_rate=16000, samples=64000)
    assert np.abs(audio - player.note(VIOLIN, 69, 100)).max() <= 0.51 / 32768


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_the_number_of_workers(font, tmp_path):
    for workers in (1, 2):
        build(font, tmp_path / str(workers), programs="all", pitches="36:84:24", velocities="30,127", workers=workers)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


class Killed(BaseException):
    """Stands for a signal that ends the process."""


def test_a_killed_build_goes_on_where_it_was(font, tmp_path, monkeypatch):
    build(font, tmp_path / "whole")
    render, rendered = soundfont._render, []

    def dying(job, unit):
        if len(rendered) == 1:
            raise Killed
        rendered.append(unit)
        return render(job, unit)

    monkeypatch.setattr(soundfont, "_render", dying)
    out = tmp_path / "out"
    with pytest.raises(Killed):
        build(font, out)
    assert not (out / "examples.json").exists()
    with pytest.raises(UserError, match="unfinished build with other settings"):
        build(font, out, gain=1.0)
    again = []
    monkeypatch.setattr(soundfont, "_render", lambda job, unit: again.append(unit) or render(job, unit))
    build(font, out)
    assert len(rendered) == len(again) == 1
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.slow
def test_a_build_killed_with_its_workers_at_work_goes_on(font, tmp_path):
    options = {"programs": "all", "pitches": "24:96:8", "velocities": "127", "workers": 2}
    call = f"import pathlib, sys; sys.path.insert(0, {str(ROOT)!r}); from synthgen.data import soundfont as s; s.build("
    call += (
        f"s.Config(soundfont=pathlib.Path({str(font)!r}), out=pathlib.Path({str(tmp_path / 'out')!r}), **{options}))"
    )
    with subprocess.Popen([sys.executable, "-c", call]) as process:
        while process.poll() is None and len(list((tmp_path / "out" / ".building").glob("[0-9]*.json"))) < 3:
            time.sleep(0.01)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "out" / "examples.json").exists()
    build(font, tmp_path / "out", **options)
    build(font, tmp_path / "whole", **options)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_what_is_dropped_is_counted(font, tmp_path, monkeypatch):
    """Every outcome at once: the player is told what to play."""
    t = np.arange(64000) / 16000
    tones = {60: 0.5, 61: 1.2, 62: 0.0, 63: 0.5, 64: 0.5}
    semitones = {63: 0.9, 64: 12}

    def note(_, program, pitch, velocity):
        hz = 440 * 2 ** ((pitch + semitones.get(pitch, 0) - 69) / 12)
        return (tones[pitch] * velocity / 127 * np.sin(2 * np.pi * hz * t)).astype(np.float32)

    monkeypatch.setattr(fluid.Fluid, "note", note)
    report = build(font, tmp_path / "out", programs="40", pitches="60:64", velocities="64,127")
    assert dict(report.kept) == {"tuned": 3, "octave": 2}
    assert dict(report.dropped) == {"clipped": 1, "silent": 2, "mistuned": 2}
    assert len(read_examples(tmp_path / "out" / "examples.json")) == 5
    options = {"programs": "40", "pitches": "60:64", "velocities": "64,127", "mistuned": "keep", "octave": "drop"}
    assert dict(build(font, tmp_path / "other", **options).kept) == {"tuned": 3, "mistuned": 2}


def test_programs_that_the_soundfont_lacks_are_an_error_only_if_they_are_asked_for(font, tmp_path):
    with pytest.raises(UserError, match=r"florestan-subset\.sf2: has no program 0, 1;"):
        build(font, tmp_path / "out", programs="0-2")
    report = build(font, tmp_path / "out", programs="all", pitches="60", velocities="100")
    assert 10 < report.kept.total() < 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pitches": "999"}, "pitches=999"),
        ({"velocities": "0"}, "velocities=0"),
        ({"programs": "fluet"}, "did you mean 'flute'"),
        ({"gain": 0.0}, "gain=0.0"),
        ({"workers": -1}, "workers=-1"),
    ],
)
def test_bad_options_are_named_before_anything_is_written(font, tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        build(font, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_is_left_alone(font, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match="not an empty folder"):
        build(font, tmp_path / "out")
    assert (tmp_path / "out" / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw[: len(raw) // 2], "cut off"),
        (lambda raw: b"RIFF" + raw[4:8] + b"WAVE" + raw[12:], "not a SoundFont"),
        (lambda raw: b"", "not a SoundFont"),
        (lambda raw: raw[:12] + bytes(len(raw) - 12), "damaged"),
    ],
)
def test_a_damaged_soundfont_is_one_line(font, tmp_path, change, message):
    path = tmp_path / "bad.sf2"
    path.write_bytes(change(font.read_bytes()))
    with pytest.raises(UserError, match=rf"bad\.sf2: .*{message}"):
        fluid.Fluid(path, gain=1.0)


def test_a_missing_soundfont_says_where_to_get_one(font, tmp_path):
    with pytest.raises(UserError, match=r"none\.sf3: cannot read .*apt install"):
        build(tmp_path / "none.sf3", tmp_path / "out")


def test_a_missing_fluidsynth_says_what_to_install(font, monkeypatch):
    fluid._libraries.cache_clear()
    monkeypatch.setitem(sys.modules, "fluidsynth", None)
    with pytest.raises(UserError, match=r"pip install 'synthgen\[soundfont\]'"):
        fluid.Fluid(font, gain=1.0)


def test_a_full_disk_is_one_line_and_leaves_no_data_set(font, tmp_path, monkeypatch):
    def full(path, _):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(type(tmp_path), "write_bytes", full)
    with pytest.raises(UserError, match="the disk is full"):
        build(font, tmp_path / "out")
    assert not (tmp_path / "out" / "examples.json").exists()


def test_the_report_lists_every_note(font, tmp_path):
    build(font, tmp_path / "out")
    lines = (tmp_path / "out" / "report.csv").read_text().splitlines()
    assert lines[0].split(",")[:5] == ["source", "note", "outcome", "instrument", "pitch"]
    assert len(lines) == 9
    assert json.loads((tmp_path / "out" / "examples.json").read_text()).keys() == {
        line.split(",")[1] for line in lines[1:]
    }
