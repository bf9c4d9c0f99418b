import hashlib
import io
import json
import tarfile

import numpy as np
import pytest
import soundfile
from toy_plans import HERE, contents, names, requests

from synthgen.rendering.bulk.rendering import render


@pytest.mark.filterwarnings("ignore")
def test_hugging_face_loads_it(job, plan, tmp_path):
    datasets = pytest.importorskip("datasets")
    render(job(tmp_path / "set", layout="parquet"), HERE)
    loaded = datasets.load_dataset(str(tmp_path / "set"), cache_dir=str(tmp_path / "cache"))["train"]
    assert loaded.features["audio"] == datasets.Audio(sampling_rate=16000, decode=False)
    loaded = loaded.cast_column("audio", datasets.Audio(decode=False))
    assert len(loaded) == len(plan)
    for row, name, request in zip(loaded, names(plan), requests(plan), strict=True):
        labels = (row["id"], row["instrument"], row["pitch"], row["velocity"], row["seed"])
        assert labels == (name, request.instrument, request.pitch, request.velocity, request.seed)
        audio, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="float32")
        assert (len(audio), rate, row["audio"]["path"]) == (8000, 16000, f"{name}.flac")
        assert np.abs(audio).max() == pytest.approx(min(row["peak"], 1), abs=1e-4)


def test_tar_shards_are_what_webdataset_expects(job, plan, tmp_path):
    render(job(tmp_path, layout="webdataset"), HERE)
    shards = sorted(tmp_path.glob("*.tar"))
    assert [path.name for path in shards] == [f"notes-00000{n}.tar" for n in range(3)]
    found = {}
    for path in shards:
        with tarfile.open(path) as archive:
            for member in archive:
                key, suffix = member.name.split(".")
                found.setdefault(key, {})[suffix] = archive.extractfile(member).read()
                assert (member.mtime, member.uid, member.uname) == (0, 0, "")
    assert list(found) == [f"{index:09d}" for index in range(len(plan))]
    labels = [json.loads(note["json"]) for note in found.values()]
    assert [label["id"] for label in labels] == names(plan)
    assert all(soundfile.info(io.BytesIO(note["flac"])).frames == 8000 for note in found.values())
    manifest = json.loads(contents(tmp_path)["manifest.json"])
    assert [shard["sha256"] for shard in manifest["shards"]] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in shards
    ]
