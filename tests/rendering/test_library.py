import json
import shutil
import struct

import pytest

from synthgen.checks import UserError
from synthgen.rendering import library


@pytest.fixture
def shelf(tmp_path, tiny_checkpoint, monkeypatch):
    """A place for bundled models that holds `tiny` alone."""
    shutil.copy(tiny_checkpoint, tmp_path / "tiny.safetensors")
    monkeypatch.setattr(library, "PRETRAINED", tmp_path)
    return tmp_path


def _rewrite(path, change):
    """Change the JSON that a checkpoint carries."""
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    described = json.loads(header["__metadata__"]["synthgen"])
    change(described)
    header["__metadata__"]["synthgen"] = json.dumps(described)
    packed = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(packed)) + packed + content[8 + size :])


def test_a_model_is_found_by_name_file_and_folder(shelf, tiny_checkpoint):
    assert library.bundled() == ["tiny"]
    assert library.find("tiny") == shelf / "tiny.safetensors"
    assert library.find(tiny_checkpoint) == library.find(tiny_checkpoint.parent) == tiny_checkpoint


def test_what_a_model_plays_is_read_from_its_file(tiny_checkpoint):
    info = library.inspect(tiny_checkpoint)
    assert info.repertoire.instruments == ("church organ", "flute", "violin")
    assert (info.repertoire.pitches, info.repertoire.velocities[0]) == ((48, 72), 25)
    assert (info.sample_rate, info.samples) == (16000, 8000)
    assert str(info).endswith(": 3 instruments, pitches 48 to 72, 0.5 s at 16000 Hz")


def test_the_checkpoint_of_a_run_is_called_after_its_folder(tiny_checkpoint):
    assert library.inspect(tiny_checkpoint).name == tiny_checkpoint.parent.name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tinny", r"^model='tinny' is not known; did you mean 'tiny'\?$"),
        ("runs/none", r"^runs/none: no such checkpoint; give a file, the folder of a run, or a bundled model's name$"),
        ("none.safetensors", r"^none.safetensors: no such checkpoint"),
    ],
)
@pytest.mark.usefixtures("shelf")
def test_a_model_that_is_not_there(name, message):
    with pytest.raises(UserError, match=message):
        library.find(name)


def test_a_folder_without_a_checkpoint(tmp_path):
    with pytest.raises(UserError, match=r": holds no model.safetensors; name the folder of a training run"):
        library.find(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["model"]["spec"].update(fields=[]),
        lambda d: d["model"]["spec"].update(fields=7),
        lambda d: d["model"]["spec"]["fields"][1].update(values=[]),
        lambda d: d["representation"].update(config={"width": 3}),
        lambda d: d["representation"]["config"].update(sample_rate="fast"),
        lambda d: d.update(model=None),
    ],
)
def test_a_model_of_something_else_is_refused_in_one_line(change, shelf):
    path = shelf / "tiny.safetensors"
    _rewrite(path, change)
    with pytest.raises(UserError, match=r"tiny.safetensors: makes no notes \(it lacks .*\); name a model of notes$"):
        library.inspect("tiny")


def test_a_pickle_is_refused(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(UserError, match=r"model.pt: not a synthgen checkpoint"):
        library.inspect(path)
