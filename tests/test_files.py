from __future__ import annotations

import errno
import os

import pytest

from synthgen import files
from synthgen.checks import UserError


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    files.write_bytes(path, b"old")
    with pytest.raises(ZeroDivisionError), files.atomic(path) as partial:
        partial.write_bytes(b"new")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"a\.txt: the disk is full; free some space"):
        files.write_bytes(tmp_path / "a.txt", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        files.write_bytes(tmp_path / "file" / "a.txt", b"new")
