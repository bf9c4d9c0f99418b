import shutil

import pytest
from toy_notes import pack, write_records

from synthgen.checks import UserError
from synthgen.data.archive import ArchiveSource
from synthgen.data.locate import find_official, find_one
from synthgen.data.sources import FolderSource
from synthgen.data.tfrecord import RecordSource


@pytest.fixture
def downloads(tmp_path, note_folder, note_entries):
    """NSynth's three parts, each in another form."""
    shutil.copytree(note_folder, tmp_path / "nsynth-train")
    pack(note_folder, tmp_path / "nsynth-valid.jsonwav.tar.gz")
    write_records(tmp_path / "nsynth-test.tfrecord", note_entries)
    return tmp_path


def test_every_form_is_found(downloads):
    assert isinstance(find_one(downloads / "nsynth-train"), FolderSource)
    assert isinstance(find_one(downloads / "nsynth-valid.jsonwav.tar.gz"), ArchiveSource)
    assert isinstance(find_one(downloads / "nsynth-test.tfrecord"), RecordSource)


@pytest.mark.parametrize("root", ["", "nsynth-train", "nsynth-valid.jsonwav.tar.gz", "nsynth-test.tfrecord"])
def test_official_parts_are_found_from_any_of_them(downloads, root):
    parts = find_official(downloads / root)
    assert list(parts) == ["train", "valid", "test"]
    assert [type(source) for source in parts.values()] == [FolderSource, ArchiveSource, RecordSource]


def test_an_unpacked_set_goes_before_its_archive(downloads, note_folder):
    pack(note_folder, downloads / "nsynth-train.jsonwav.tar.gz")
    assert isinstance(find_official(downloads)["train"], FolderSource)


def test_a_folder_of_one_set_is_that_set(tmp_path, note_folder):
    pack(note_folder, tmp_path / "nsynth-test.jsonwav.tar.gz")
    assert isinstance(find_one(tmp_path), ArchiveSource)


def test_what_cannot_be_found_is_named(downloads, tmp_path):
    with pytest.raises(UserError, match=r"nowhere: no such file or folder; check --data.root"):
        find_one(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"holds several sets \(nsynth-test, nsynth-train, nsynth-valid\); give one"):
        find_one(downloads)
    with pytest.raises(UserError, match=r"audio: there is no examples\.json"):
        find_one(downloads / "nsynth-train" / "audio")
    with pytest.raises(UserError, match=r"readme\.txt: is no folder in NSynth's layout"):
        (tmp_path / "readme.txt").write_text("")
        find_one(tmp_path / "readme.txt")
    (downloads / "nsynth-test.tfrecord").unlink()
    with pytest.raises(
        UserError, match="there is no nsynth-test for the official split; `synthgen data nsynth --split test"
    ):
        find_official(downloads)


def test_other_sets_have_no_official_split(note_folder):
    with pytest.raises(UserError, match=r"is no nsynth-train, -valid or -test; use --data.split completion"):
        find_official(note_folder)
