import json
from dataclasses import replace

import pytest
from toy_tones import INSTRUMENTS, VELOCITIES, Oracle

from synthgen.checks import UserError
from synthgen.data.nsynth import NSynth
from synthgen.evaluation.judging import COMPARED
from synthgen.evaluation.report import choose, evaluate
from synthgen.records import Field


@pytest.fixture(scope="module")
def judged(tones, waveform):
    """The report on a model that is right but for its configuration."""

    def report(**config):
        return evaluate(Oracle(tones.spec, Oracle.Config(**config)), waveform, tones)

    return report


@pytest.fixture(scope="module")
def perfect(judged):
    return judged()


def test_the_very_notes_are_perfect(perfect, tones):
    assert [note.note_str for note in perfect.notes] == sorted(e.note_str for e in tones.test.entries)
    assert perfect.distance("generated") == perfect.distance("round_trip") == 0
    assert perfect.pitch("generated").within == perfect.pitch_kept() == 1
    assert perfect.loudness("generated") == perfect.loudness("real") == 1
    assert [perfect.nearer(key) for key in ("nearest", "mean", "silence")] == [1, 1, 1]
    gain = perfect.gain("nearest")
    assert (gain.share, gain.low, gain.high) == (1, 1, 1)
    assert perfect.left_out == 0
    assert perfect.data == tones.test.provenance()


def test_baselines_rank_as_they_should(perfect):
    assert 0 < perfect.distance("nearest") < perfect.distance("silence")
    assert 0 < perfect.distance("mean") < perfect.distance("silence")
    for key in COMPARED:
        mean = sum(perfect.distance_at(key, n_fft) for n_fft in (512, 1024, 2048)) / 3
        assert perfect.distance(key) == pytest.approx(mean)


def test_another_octave_is_an_octave_error(judged):
    report = judged(semitones=12)
    assert report.pitch("generated").octave == 1
    assert report.pitch("real").within == 1
    assert report.pitch_kept() == 0


def test_a_model_deaf_to_velocity_is_found_out(judged):
    report = judged(velocity=75.0)
    assert report.loudness("generated") == 0
    assert report.loudness("real") == 1


def test_silence_is_judged_as_silence(judged):
    report = judged(gain=0.0)
    assert report.pitch("generated").silent == 1
    assert report.distance("generated") == report.distance("silence")
    assert report.nearer("silence") == report.gain("silence").share == 0


def test_repeated_or_shared_between_threads_it_is_the_same(tones, waveform, perfect):
    model = Oracle(tones.spec)
    assert evaluate(model, waveform, tones, workers=3) == perfect == evaluate(model, waveform, tones)


def test_a_model_that_numbers_its_instruments_otherwise(tones, waveform, perfect):
    names = ("tuba", *reversed(INSTRUMENTS))
    fields = [Field(name="instrument", kind="category", size=4, names=names), *tones.fields[1:3]]
    report = evaluate(Oracle(replace(tones.spec, fields=tuple(fields))), waveform, tones)
    assert report == perfect


def test_notes_of_unknown_instruments_are_left_out(tones, waveform):
    (held_out, *_), count = tones.valid.entries, len(tones.valid)
    known = held_out.instrument_str
    fields = [Field(name="instrument", kind="category", size=1, names=(known,)), *tones.fields[1:3]]
    report = evaluate(Oracle(replace(tones.spec, fields=tuple(fields))), waveform, tones, part="valid")
    assert {note.instrument for note in report.notes} == {known}
    assert report.left_out == count - len(report.notes)
    fields[0] = Field(name="instrument", kind="category", size=1, names=("tuba",))
    with pytest.raises(UserError, match="no instrument of the valid notes is known"):
        evaluate(Oracle(replace(tones.spec, fields=tuple(fields))), waveform, tones, part="valid")


def test_a_limit_keeps_pairs_whole(tones):
    entries = tones.train.entries
    for limit in (1, 4, 1000, None):
        chosen = choose(entries, range(len(entries)), limit=limit, seed=0)
        pairs = {(entries[i].instrument_str, entries[i].pitch) for i in chosen}
        assert len(chosen) == len(pairs) * len(VELOCITIES)
        assert len(chosen) == len(entries) if limit in (1000, None) else limit <= len(chosen) < limit + 3
    first, other = (choose(entries, range(len(entries)), limit=9, seed=seed) for seed in (0, 1))
    assert first == choose(entries, range(len(entries)), limit=9, seed=0) != other


@pytest.mark.parametrize(("option", "line"), [({"limit": 0}, "limit=0 must"), ({"part": "train"}, "part='train'")])
def test_impossible_options(tones, waveform, option, line):
    with pytest.raises(UserError, match=line):
        evaluate(Oracle(tones.spec), waveform, tones, **option)


def test_one_velocity_says_nothing_of_loudness(tone_folder, waveform):
    data = NSynth(NSynth.Config(root=tone_folder, velocities=(127.0,)), waveform)
    report = evaluate(Oracle(data.spec), waveform, data)
    assert report.loudness("generated") is None
    assert report.pairs() == []
    assert "| generated | 100.0 %" in report.table()


def test_the_table_is_aligned_and_the_json_is_json(judged):
    report = judged(semitones=1)
    for block in report.table().split("\n\n"):
        rows = block.splitlines()
        assert len({len(row) for row in rows}) == 1
        assert set(rows[1]) == {"|", "-", " "}
    assert f"{report.distance('nearest'):.2f}" in report.table()
    values = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert values["log_spectral_distance_db"]["nearest"]["multi"] == report.distance("nearest")
    assert values["pitch"]["generated"]["off"] == 1
    assert len(values["each"]) == values["notes"] == len(report.notes)
    assert values["data"]["split_hash"] == report.data["split_hash"]


def test_instruments_are_listed_worst_first(tones, waveform):
    class OutOfTune(Oracle):
        def sample(self, n, labels, *, rng):
            wrong = labels["instrument"].item() == 1
            return Oracle(self.spec, self.Config(semitones=1.0 if wrong else 0.01)).sample(n, labels, rng=rng)

    report = evaluate(OutOfTune(tones.spec), waveform, tones, part="valid")
    rows = [row.strip("| ").split(" | ")[0].strip() for row in report.instrument_table().splitlines()[2:]]
    assert sorted(rows) == sorted({e.instrument_str for e in tones.valid.entries})
    assert rows[0] == "flute"
