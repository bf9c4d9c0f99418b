import json
import shutil

import numpy as np
import pytest
import torch
from toy_notes import SAMPLES, make_audio, make_entries, pack, write_records, write_set

from synthgen.checks import UserError
from synthgen.data.layout import FAMILIES, QUALITIES, SOURCES
from synthgen.data.loading import batches
from synthgen.data.nsynth import NSynth, as_in_training
from synthgen.representations import Waveform

REPRESENTATION = Waveform(samples=SAMPLES)


@pytest.fixture
def load(tmp_path):
    def load(root, **options):
        return NSynth(NSynth.Config(root=root, cache=tmp_path / "caches", **options), REPRESENTATION)

    return load


@pytest.fixture
def official(tmp_path):
    """Three parts with instruments of their own, as in NSynth."""
    write_set(tmp_path / "nsynth-train", make_entries(("flute", "organ")))
    valid = write_set(tmp_path / "valid" / "nsynth-valid", make_entries(("harp",), velocities=(100,)))
    pack(valid, tmp_path / "nsynth-valid.jsonwav.tar.gz")
    write_records(tmp_path / "nsynth-test.tfrecord", make_entries(("oboe", "flute"), pitches=(108,)))
    return tmp_path


def names(part):
    return [entry.note_str for entry in part.entries]


def everything(dataset):
    return sorted(name for part in (dataset.train, dataset.valid, dataset.test) for name in names(part))


def test_fields_describe_the_notes_in_training(load, note_folder):
    dataset = load(note_folder)
    fields = {field.name: field for field in dataset.fields}
    assert fields["instrument"].names == ("flute", "organ")
    assert fields["pitch"].values == tuple(sorted({entry.pitch for entry in dataset.train.entries}))
    assert fields["velocity"].values == (50.0, 127.0)
    assert (fields["instrument_family"].names, fields["instrument_source"].names) == (FAMILIES, SOURCES)
    assert (fields["qualities"].kind, fields["qualities"].names) == ("multihot", QUALITIES)
    assert dataset.spec == REPRESENTATION.spec(dataset.fields) == dataset.train.spec


def test_batches_hold_the_notes_and_their_labels(load, note_folder):
    dataset = load(note_folder)
    indices = torch.tensor([5, 0, 5])
    batch = dataset.train.batch(indices)
    assert (batch.x.shape, batch.x.dtype) == ((3, 1, SAMPLES), torch.float32)
    for i, index in enumerate(indices.tolist()):
        entry = dataset.train.entries[index]
        assert np.array_equal(batch.x[i, 0].numpy(), make_audio(entry))
        labels = {name: values[i].tolist() for name, values in batch.labels.items()}
        assert labels == {
            "instrument": ("flute", "organ").index(entry.instrument_str),
            "pitch": entry.pitch,
            "velocity": entry.velocity,
            "instrument_family": entry.instrument_family,
            "instrument_source": entry.instrument_source,
            "qualities": list(entry.qualities),
        }
    kinds = {name: values.dtype for name, values in batch.labels.items()}
    assert {name for name, kind in kinds.items() if kind == torch.int64} == {
        *("instrument", "instrument_family", "instrument_source"),
    }
    assert all(kind in (torch.int64, torch.float32) for kind in kinds.values())


def test_parts_are_complete_and_held_out_pairs_are_not_trained_on(load, note_folder, note_entries):
    dataset = load(note_folder)
    assert everything(dataset) == sorted(entry.note_str for entry in note_entries)
    trained = {(entry.instrument_str, entry.pitch) for entry in dataset.train.entries}
    assert not [
        e for part in (dataset.valid, dataset.test) for e in part.entries if (e.instrument_str, e.pitch) in trained
    ]
    assert (len(dataset.train), len(dataset.valid), len(dataset.test)) == (12, 2, 2)


def test_the_form_of_the_set_changes_nothing(load, tmp_path, note_folder, note_entries):
    folder = load(note_folder)
    for other in (pack(note_folder, tmp_path / "a.tar.gz"), write_records(tmp_path / "a.tfrecord", note_entries[::-1])):
        dataset = load(other)
        assert dataset.split_hash == folder.split_hash
        assert torch.equal(dataset.test.batch(torch.arange(2)).x, folder.test.batch(torch.arange(2)).x)


def test_provenance_names_the_split_and_no_place_on_the_machine(load, note_folder):
    dataset = load(note_folder, velocities=(50,), pitches=(60, 64))
    provenance = dataset.valid.provenance()
    assert provenance == {
        "name": "nsynth-tiny",
        "part": "valid",
        "notes": 1,
        "skipped": 0,
        "split": "completion",
        "seed": 0,
        "split_hash": dataset.split_hash,
        "filters": {"pitches": [60, 64], "velocities": [50]},
    }


def test_a_models_notes_are_found_again_in_the_whole_set(load, note_folder):
    trained_on = load(note_folder, velocities=(50,), pitches=(60, 64), seed=3)
    provenance = {"data": json.loads(json.dumps(trained_on.train.provenance()))}
    whole = load(note_folder).config
    assert NSynth(as_in_training(whole, provenance), REPRESENTATION).split_hash == trained_on.split_hash
    assert as_in_training(whole, {}) == whole


@pytest.mark.parametrize("root", ["", "nsynth-train", "nsynth-test.tfrecord"])
def test_official_parts(load, official, root):
    dataset = load(official / root, split="official")
    assert [len(part) for part in (dataset.train, dataset.valid, dataset.test)] == [16, 4, 4]
    assert dataset.fields[0].names == ("flute", "organ")
    assert dataset.valid.batch(torch.arange(4)).labels["instrument"].tolist() == [-1] * 4
    assert sorted(dataset.test.batch(torch.arange(4)).labels["instrument"].tolist()) == [-1, -1, 0, 0]


def test_bad_notes_of_all_parts_are_counted(load, official, capsys):
    (official / "nsynth-train" / "audio" / "flute-060-050.wav").unlink()
    dataset = load(official, split="official", skip_bad=True)
    assert len(dataset.train) == 15
    assert len(dataset.skipped) == 1
    assert dataset.train.provenance()["skipped"] == 1
    assert "bad notes left out: 1, first" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("filters", "keep"),
    [
        ({"sources": ("electronic",)}, lambda e: e.instrument_source == 1),
        ({"families": ("flute",)}, lambda e: e.instrument_family == 2),
        ({"families": ("flute", "organ")}, lambda e: True),
        ({"instruments": ("organ",)}, lambda e: e.instrument_str == "organ"),
        ({"pitches": (62, 66)}, lambda e: 62 <= e.pitch <= 66),
        ({"velocities": (127,)}, lambda e: e.velocity == 127),
        ({"qualities": ("bright", "reverb")}, lambda e: e.qualities[0] and e.qualities[8]),
        (
            {"qualities": ("bright",), "instruments": ("flute",), "velocities": (50,)},
            lambda e: e.note_str[:5] + e.note_str[-3:] == "flute050",
        ),
    ],
)
def test_filters(load, note_folder, note_entries, filters, keep):
    assert everything(load(note_folder, **filters)) == sorted(e.note_str for e in note_entries if keep(e))


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"families": ("flut",)}, "data.families='flut' is not known; did you mean 'flute'?"),
        ({"families": ("vocal",)}, "data.families='vocal' is not known; choose one of flute, organ"),
        ({"sources": ("accoustic",)}, "data.sources='accoustic' is not known; did you mean 'acoustic'?"),
        ({"instruments": ("orgn",)}, "data.instruments='orgn' is not known; did you mean 'organ'?"),
        ({"velocities": (60,)}, "data.velocities='60' is not known; did you mean '50'?"),
        ({"qualities": ("brigt",)}, "data.qualities='brigt' is not known; did you mean 'bright'?"),
        ({"pitches": (90, 100)}, "data: no note of the set passes all filters; widen data.pitches"),
        ({"pitches": (70, 60)}, "data.pitches=70 60 must be the lowest and the highest pitch; swap them"),
        ({"instruments": ("flute",), "families": ("organ",)}, "no note of the set passes all filters"),
        ({"pitches": (60, 60)}, r"2 \(instrument, pitch\) pairs are too few"),
        ({"split": "oficial"}, "data.split='oficial' is not known; did you mean 'official'?"),
        ({"split": "official"}, "is no nsynth-train, -valid or -test"),
    ],
)
def test_what_names_nothing_is_refused(load, note_folder, filters, message):
    with pytest.raises(UserError, match=message) as error:
        load(note_folder, **filters)
    assert "\n" not in str(error.value)


def test_an_official_part_that_a_filter_empties_is_named(load, official):
    with pytest.raises(UserError, match="no note of valid passes all filters"):
        load(official, split="official", instruments=("flute",))


def test_another_rate_or_length_than_the_representation_is_named(note_folder, tmp_path):
    config = NSynth.Config(root=note_folder, cache=tmp_path)
    with pytest.raises(UserError, match="length=400 samples must be 64000"):
        NSynth(config, Waveform())
    with pytest.raises(UserError, match="sample_rate=16000 must be 8000"):
        NSynth(config, Waveform(samples=SAMPLES, sample_rate=8000))


def test_the_notes_are_not_needed_once_they_are_open(load, tmp_path, note_folder):
    folder = tmp_path / "own"
    shutil.copytree(note_folder, folder)
    dataset = load(folder)
    shutil.rmtree(folder)
    assert len(next(batches(dataset.train, batch_size=7, seed=0))) == 7


def test_the_real_excerpt(test_data, tmp_path):
    config = NSynth.Config(root=test_data / "nsynth/nsynth-test", cache=tmp_path)
    dataset = NSynth(config, Waveform())
    assert len(everything(dataset)) == 60
    peaks = dataset.train.batch(torch.arange(len(dataset.train))).x.abs().amax((1, 2))
    assert ((peaks > 0.001) & (peaks <= 1)).all()
    (archive,) = [pack(config.root, tmp_path / "nsynth-test.jsonwav.tar.gz")]
    packed = NSynth(NSynth.Config(root=archive, cache=tmp_path), Waveform())
    records = write_records(
        tmp_path / "nsynth-test.tfrecord",
        packed.train.entries,
        lambda entry: packed.train.batch(torch.tensor([names(packed.train).index(entry.note_str)])).x[0, 0].numpy(),
    )
    recorded = NSynth(NSynth.Config(root=records, cache=tmp_path), Waveform())
    assert packed.split_hash == dataset.split_hash
    assert everything(recorded) == sorted(names(dataset.train))
    name = recorded.train.entries[0].note_str
    expected = dataset.train.batch(torch.tensor([names(dataset.train).index(name)])).x[0]
    assert torch.equal(recorded.train.batch(torch.tensor([0])).x[0], expected)
