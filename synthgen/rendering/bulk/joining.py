"""The last step of a render, when every shard is there: what is said of the whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from synthgen import files
from synthgen.data.layout import FAMILIES, SOURCES, Entry, write_examples
from synthgen.rendering.bulk.job import Job
from synthgen.rendering.bulk.shard_files import Totals, read_records

MANIFEST, EXAMPLES = "manifest.json", "examples.json"
KEPT = ("seed", "weights", "duration")


def join(job: Job, totals: Mapping[int, Totals]) -> Totals:
    """Write `manifest.json`, and for NSynth's layout `examples.json`; as often as you like, it is always the same.

    Args:
        job: All its shards are finished.
        totals: Of each shard.

    Returns:
        Totals of the whole.

    Raises:
        UserError: a file cannot be written.
    """
    whole = Totals()
    for shard in job.shards:
        whole.join(totals[shard.number])
    if job.layout == "nsynth":
        write_examples(job.folder / EXAMPLES, _entries(job))
    shards = [next(read_records(job, shard)) for shard in job.shards]
    names = [info.name for info in job.plan.models]
    manifest = {**job.claim, "models": names, "totals": vars(whole), "shards": shards}
    files.write_bytes(job.folder / MANIFEST, json.dumps(manifest, indent=1).encode())
    return whole


def _entries(job: Job) -> Iterator[Entry]:
    """Labels of the notes; instruments that are no model's own are numbered after all that are."""
    own = dict.fromkeys(name for info in job.plan.models for name in info.repertoire.instruments)
    others = {record["instrument"] for record in _notes(job)} - own.keys()
    numbers = {name: number for number, name in enumerate([*own, *sorted(others)])}
    several = len(job.plan.models) > 1
    for record in _notes(job):
        kept = {key: record[key] for key in KEPT if record[key] is not None}
        yield Entry(
            note_str=record["id"],
            note=record["index"],
            instrument=numbers[record["instrument"]],
            instrument_str=record["instrument"],
            pitch=record["pitch"],
            velocity=record["velocity"],
            instrument_family=FAMILIES.index(record["family"]),
            instrument_source=SOURCES.index(record["source"]),
            sample_rate=record["sample_rate"],
            extra=kept | ({"model": record["model"]} if several else {}),
        )


def _notes(job: Job) -> Iterator[dict[str, Any]]:
    for shard in job.shards:
        records = read_records(job, shard)
        next(records)
        yield from records
