"""Plans of a model that is not there."""

from pathlib import Path

from synthgen.rendering.bulk.engines import Local, maker
from synthgen.rendering.bulk.shard_files import write_shard
from synthgen.rendering.library import ModelInfo
from synthgen.rendering.request import Repertoire

HERE = Local(1)
LAYOUTS = ["nsynth", "webdataset", "parquet"]
REPERTOIRE = Repertoire(instruments=("church organ", "flute"), pitches=(48.0, 72.0), velocities=(25.0, 127.0))


def info(repertoire, name="toy"):
    return ModelInfo(name=name, path=Path("toy"), repertoire=repertoire, sample_rate=16000, samples=8000)


def rows(plan):
    return [plan.row(index) for index in range(len(plan))]


def requests(plan):
    return [row.request for row in rows(plan)]


def names(plan):
    return [row.name for row in rows(plan)]


def prepared(job):
    """All notes of a job, made already."""
    return list(maker(job).make(rows(job.plan)))


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


class Prepared:
    """An engine that has made all notes of a job beforehand."""

    def __init__(self, job):
        self.notes = prepared(job)

    def run(self, job, shards, tell):
        for shard in shards:
            write_shard(job, shard, self.notes[shard.start : shard.stop])
