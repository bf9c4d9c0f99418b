import errno
import json
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from toy_notes import RATE, SAMPLES, make_audio, make_entries, pack, record, write_records, write_set

from synthgen.checks import UserError
from synthgen.data import cache as cache_module
from synthgen.data.archive import ArchiveSource
from synthgen.data.audio import to_int16, write_audio
from synthgen.data.cache import AUDIO, EXAMPLES, INDEX, open_cache
from synthgen.data.layout import write_examples
from synthgen.data.sources import FolderSource
from synthgen.data.tfrecord import RecordSource


class Watched(FolderSource):
    """A folder that counts how often its audio is decoded."""

    decoded = 0

    def items(self, **options):
        for item in super().items(**options):
            self.decoded += 1
            yield item


def open_one(source, folder, *, samples=SAMPLES, **options):
    return open_cache(source, sample_rate=RATE, samples=samples, folder=folder, **options)


def audio_of(cache):
    return dict(zip([entry.note_str for entry in cache.entries], cache.read(cache.rows), strict=True))


@pytest.fixture
def own_folder(tmp_path):
    """Four notes that a test may change."""
    return write_set(tmp_path / "own", make_entries(pitches=(60, 62), velocities=(100,)))


@pytest.fixture
def caches(tmp_path):
    return tmp_path / "caches"


@pytest.mark.parametrize("form", ["wav", "flac", "archive", "records"])
def test_every_form_gives_the_same_notes(tmp_path, caches, note_folder, note_entries, form):
    if form == "flac":
        source = FolderSource(write_set(tmp_path / "set", note_entries, ".flac"))
    elif form == "archive":
        source = ArchiveSource(pack(note_folder, tmp_path / "a.tar.gz"))
    elif form == "records":
        source = RecordSource(write_records(tmp_path / "a.tfrecord", note_entries[::-1]))
    else:
        source = FolderSource(note_folder)
    cache = open_one(source, caches)
    assert cache.entries == note_entries
    assert cache.skipped == ()
    for entry, audio in zip(note_entries, cache.read(cache.rows), strict=True):
        assert np.array_equal(audio, to_int16(make_audio(entry)))


def test_rows_are_read_in_any_order(note_folder, caches):
    cache = open_one(FolderSource(note_folder), caches)
    whole, rows = cache.read(cache.rows), np.array([3, 0, 3])
    assert np.array_equal(cache.read(cache.rows[rows]), whole[rows])


def test_a_warm_cache_decodes_nothing(note_folder, caches):
    source = Watched(note_folder)
    first = open_one(source, caches)
    assert source.decoded == len(first.entries)
    again = open_one(source, caches)
    assert source.decoded == len(first.entries)
    assert again.entries == first.entries
    assert np.array_equal(again.read(again.rows), first.read(first.rows))


def touch_audio(folder):
    path = sorted((folder / "audio").iterdir())[0]
    os.utime(path, ns=(1, 1))


def relabel(folder):
    path = folder / "examples.json"
    path.write_text(path.read_text().replace('"velocity": 100', '"velocity": 99'))


def add_note(folder):
    entries = make_entries(pitches=(60, 62, 64), velocities=(100,))
    write_audio(folder / "audio" / f"{entries[2].note_str}.wav", make_audio(entries[2]), sample_rate=RATE)
    write_examples(folder / "examples.json", entries[:4])


@pytest.mark.parametrize("change", [touch_audio, relabel, add_note])
def test_a_changed_set_is_read_again_and_leaves_one_cache(own_folder, caches, change):
    open_one(FolderSource(own_folder), caches)
    change(own_folder)
    source = Watched(own_folder)
    cache = open_one(source, caches)
    assert source.decoded == len(cache.entries)
    assert {entry.velocity for entry in cache.entries} == ({99.0} if change is relabel else {100.0})
    assert len([path for path in caches.iterdir() if path.is_dir()]) == 1


def cut_audio(folder):
    os.truncate(folder / AUDIO, 100)


def cut_index(folder):
    os.truncate(folder / INDEX, 20)


def lose_labels(folder):
    (folder / EXAMPLES).unlink()


def wrong_rows(folder):
    index = json.loads((folder / INDEX).read_text())
    (folder / INDEX).write_text(json.dumps({**index, "rows": [99] * len(index["rows"])}))


def wrong_kind(folder):
    (folder / INDEX).write_text("[]")


@pytest.mark.parametrize("damage", [cut_audio, cut_index, lose_labels, wrong_rows, wrong_kind])
def test_a_damaged_cache_is_built_again(note_folder, caches, damage):
    before = audio_of(open_one(FolderSource(note_folder), caches))
    damage(next(path for path in caches.iterdir() if path.is_dir()))
    source = Watched(note_folder)
    after = audio_of(open_one(source, caches))
    assert source.decoded == len(before)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_cache_outlives_the_audio_of_its_set(own_folder, caches):
    cache = open_one(FolderSource(own_folder), caches)
    shutil.rmtree(own_folder)
    shutil.rmtree(caches)
    assert cache.read(cache.rows[:1]).shape == (1, SAMPLES)


def test_an_audio_file_cut_while_in_use_is_noticed(own_folder, caches):
    cache = open_one(FolderSource(own_folder), caches)
    cut_audio(next(path for path in caches.iterdir() if path.is_dir()))
    with pytest.raises(UserError, match="cut off while in use"):
        cache.read(cache.rows)


def lose(path):
    path.unlink()


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def stereo(path):
    soundfile.write(path, np.zeros((SAMPLES, 2)), RATE)


def rate(path):
    soundfile.write(path, np.zeros(SAMPLES), 44100)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [(lose, "no such file"), (cut, "cut off"), (stereo, "channels=2"), (rate, "sample_rate=44100")],
)
def test_a_bad_note_stops_or_is_skipped_and_counted(own_folder, caches, capsys, spoil, message):
    path = own_folder / "audio" / "organ-060-100.wav"
    spoil(path)
    for _ in range(2):
        with pytest.raises(UserError, match=rf"^{path}: .*{message}.*; or leave bad notes out by --data.skip-bad$"):
            open_one(FolderSource(own_folder), caches)
        assert [p.name for p in caches.iterdir() if p.is_dir()] == []
    cache = open_one(FolderSource(own_folder), caches, skip_bad=True)
    assert len(cache.entries) == 3
    assert len(cache.skipped) == 1
    assert message in cache.skipped[0]
    assert "bad notes left out: 1, first" in capsys.readouterr().err
    with pytest.raises(UserError, match=f"{message}.*--data.skip-bad"):
        open_one(FolderSource(own_folder), caches)


def test_labels_without_audio_in_an_archive_are_bad_notes(tmp_path, own_folder, caches):
    paths = sorted(own_folder.rglob("*.*"))
    archive = pack(own_folder, tmp_path / "a.tar.gz", [p for p in paths if p.name != "flute-060-100.wav"])
    with pytest.raises(UserError, match=r"there is no audio of note 'flute-060-100'.*--data.skip-bad"):
        open_one(ArchiveSource(archive), caches)
    assert len(open_one(ArchiveSource(archive), caches, skip_bad=True).entries) == 3


def test_a_damaged_record_is_skipped(tmp_path, caches, note_entries):
    path = write_records(tmp_path / "a.tfrecord", note_entries)
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    cache = open_one(RecordSource(path), caches, skip_bad=True)
    assert len(cache.entries) == len(note_entries) - 1
    assert "record 1: damaged" in cache.skipped[0]


def test_a_note_cannot_come_twice(tmp_path, caches, note_entries):
    path = write_records(tmp_path / "a.tfrecord", [*note_entries, note_entries[0]])
    with pytest.raises(UserError, match=f"note '{note_entries[0].note_str}' appears more than once"):
        open_one(RecordSource(path), caches)


def test_a_set_without_a_good_note_is_refused(tmp_path, caches, own_folder):
    (tmp_path / "a.tfrecord").write_bytes(record(b""))
    with pytest.raises(UserError, match=r"no good note in it, first .*record 1"):
        open_one(RecordSource(tmp_path / "a.tfrecord"), caches, skip_bad=True)
    write_examples(own_folder / "examples.json", [])
    with pytest.raises(UserError, match="no good note in it; give a set"):
        open_one(FolderSource(own_folder), caches)
    shutil.rmtree(own_folder / "audio")
    with pytest.raises(UserError, match="audio: cannot read"):
        open_one(FolderSource(own_folder), caches)


def test_another_length_has_its_own_cache_and_is_checked(own_folder, caches):
    open_one(FolderSource(own_folder), caches)
    with pytest.raises(UserError, match="length=400 samples must be 800"):
        open_one(FolderSource(own_folder), caches, samples=800)
    assert open_one(Watched(own_folder), caches).samples == SAMPLES


def test_a_full_disk_is_one_line_and_leaves_nothing(own_folder, caches, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(cache_module.os, "fsync", full)
        with pytest.raises(UserError, match="the disk is full; free some space"):
            open_one(FolderSource(own_folder), caches)
    assert [path for path in caches.iterdir() if path.is_dir()] == []


def test_what_a_killed_builder_left_is_removed(own_folder, caches):
    open_one(FolderSource(own_folder), caches)
    (done,) = (path for path in caches.iterdir() if path.is_dir())
    left_over = caches / f".{done.name}.0123abcd.partial"
    left_over.mkdir()
    touch_audio(own_folder)
    open_one(FolderSource(own_folder), caches)
    assert not left_over.exists()


def test_of_two_builders_one_works_and_one_waits(own_folder, caches):
    source, opened = Watched(own_folder), []
    threads = [threading.Thread(target=lambda: opened.append(open_one(source, caches))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert source.decoded == 4
    assert [len(cache.entries) for cache in opened] == [4, 4]


def test_the_cache_lies_beside_the_notes_or_with_the_user(own_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    open_one(FolderSource(own_folder), None)
    assert (own_folder / ".synthgen-cache").is_dir()
    assert not (tmp_path / "user").exists()
    shutil.rmtree(own_folder / ".synthgen-cache")
    monkeypatch.setattr(cache_module, "_writable", lambda folder: False)
    open_one(FolderSource(own_folder), None)
    assert [path.name.startswith("own-400-16000-") for path in (tmp_path / "user/synthgen").iterdir() if path.is_dir()]


def test_a_place_that_cannot_be_written_is_named(own_folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=rf"^{tmp_path}/file.*: cannot write .*--data.cache"):
        open_one(FolderSource(own_folder), Path(tmp_path / "file"))
