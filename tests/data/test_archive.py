import gzip
import tarfile

import numpy as np
import pytest
from toy_notes import RATE, SAMPLES, add_bytes, make_audio, pack

from synthgen.checks import UserError
from synthgen.data.archive import ArchiveSource
from synthgen.data.audio import to_int16


def decode_all(path, samples=SAMPLES):
    source = ArchiveSource(path)
    audio = dict(item.decode() for item in source.items(sample_rate=RATE, samples=samples))
    return source.entries(), audio


@pytest.mark.parametrize("labels", ["first", "last"])
def test_labels_and_audio_come_back_wherever_the_labels_lie(tmp_path, note_folder, note_entries, labels):
    paths = sorted(note_folder.rglob("*.*"), key=lambda path: (path.suffix == ".json") == (labels == "last"))
    entries, audio = decode_all(pack(note_folder, tmp_path / "a.tar.gz", paths))
    assert entries == note_entries
    assert all(np.array_equal(audio[e.note_str], to_int16(make_audio(e))) for e in note_entries)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_an_interrupted_download_is_refused(tmp_path, note_folder, share):
    content = pack(note_folder, tmp_path / "a.tar.gz").read_bytes()
    (tmp_path / "a.tar.gz").write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match=r"a\.tar\.gz: cut off or damaged .*; download it again") as error:
        decode_all(tmp_path / "a.tar.gz")
    assert "\n" not in str(error.value)


def test_a_wrong_checksum_is_refused(tmp_path, note_folder):
    content = bytearray(pack(note_folder, tmp_path / "a.tar.gz").read_bytes())
    content[-8] ^= 1
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(UserError, match=r"cut off or damaged .*CRC"):
        decode_all(tmp_path / "a.tar.gz")


@pytest.mark.parametrize("name", ["/audio/a.wav", "../audio/a.wav", "x/../../audio/a.wav"])
def test_paths_that_leave_the_archive_are_refused(tmp_path, name):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        add_bytes(tar, name, b"x")
    with pytest.raises(UserError, match="holds the unsafe path"):
        decode_all(tmp_path / "a.tar.gz")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


def test_links_hidden_files_and_other_files_are_passed_over(tmp_path, note_folder, note_entries):
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        link = tarfile.TarInfo("nsynth/audio/link.wav")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        add_bytes(tar, "nsynth/audio/._flute.wav", b"x")
        add_bytes(tar, "nsynth/readme.txt", b"x")
        tar.add(note_folder, "nsynth")
    entries, audio = decode_all(path)
    assert entries == note_entries
    assert set(audio) == {entry.note_str for entry in note_entries}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "there is no examples.json in it"),
        ({"a/examples.json": b"{}", "b/examples.json": b"{}"}, "b/examples.json: a second examples.json"),
        ({"a/examples.json": b"{"}, "a/examples.json: not valid JSON"),
        ({"audio/x.wav": b"x"}, "audio/x.wav: not a readable WAV or FLAC file"),
        ({"audio/x.wav": bytes(200_000)}, "audio/x.wav: too large for a note of 400 samples"),
        ({"audio/a\\b.wav": b"x"}, "note name .* must be a plain file name"),
    ],
)
def test_a_bad_file_is_named(tmp_path, files, message):
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            add_bytes(tar, name, content)
    with pytest.raises(UserError, match=rf"^{path}:.*{message}"):
        decode_all(path)


def test_labels_that_would_fill_the_memory_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("synthgen.data.archive.MAX_EXAMPLES_BYTES", 10)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        add_bytes(tar, "a/examples.json", bytes(11))
    with pytest.raises(UserError, match="11 bytes is too large"):
        decode_all(tmp_path / "a.tar.gz")


@pytest.mark.parametrize("content", [b"no archive", gzip.compress(b"no tar archive" * 100)])
def test_another_kind_of_file_is_refused(tmp_path, content):
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(UserError, match="cut off or damaged"):
        decode_all(tmp_path / "a.tar.gz")
