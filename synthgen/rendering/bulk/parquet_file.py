"""Notes as Parquet, in the form that Hugging Face's `datasets` knows audio by."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from synthgen.rendering.bulk.making import Made

if TYPE_CHECKING:
    import pyarrow

GROUP = 100
"""Notes in a row group: what is held in memory, and what a reader takes at once."""
TEXT, NUMBER, FLAG = "string", "float64", "bool"
COLUMNS = {
    "id": TEXT,
    "instrument": TEXT,
    "weights": TEXT,
    "pitch": NUMBER,
    "velocity": NUMBER,
    "seed": "int64",
    "duration": NUMBER,
    "model": TEXT,
    "family": TEXT,
    "source": TEXT,
    "sample_rate": "int32",
    "peak": NUMBER,
    "f0": NUMBER,
    "cents": NUMBER,
    "silent": FLAG,
    "clipped": FLAG,
    "off_pitch": FLAG,
}


def write_parquet(stream: io.RawIOBase, notes: Iterable[Made], *, kind: str, sample_rate: int | None) -> None:
    """Write notes with an `audio` column of bytes and a file name, and their labels.

    Audio is not decoded by the loader unless asked: `dataset.cast_column("audio", Audio())` does that.

    Args:
        stream: Takes the file.
        notes: In order.
        kind: Suffix of the audio.
        sample_rate: Of all notes, or None where models differ.
    """
    import pyarrow as pa
    from pyarrow import parquet

    schema, notes = _schema(pa, sample_rate), iter(notes)
    labels = [name for name in COLUMNS if name != "id"]
    options = {"compression": "none", "use_dictionary": ["instrument", "model", "family", "source"]}
    with parquet.ParquetWriter(stream, schema, write_statistics=labels, **options) as writer:
        while group := list(itertools.islice(notes, GROUP)):
            rows = [_row(made, kind) for made in group]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema), row_group_size=GROUP)


def _row(made: Made, kind: str) -> dict[str, Any]:
    record = made.record
    weights = None if record["weights"] is None else json.dumps(record["weights"], sort_keys=True)
    return {**record, "weights": weights, "audio": {"bytes": made.audio, "path": f"{record['id']}.{kind}"}}


def _schema(pa: pyarrow, sample_rate: int | None) -> pyarrow.Schema:
    audio = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = [("audio", audio), *((name, pa.type_for_alias(kind)) for name, kind in COLUMNS.items())]
    features = {name: {"dtype": kind, "_type": "Value"} for name, kind in COLUMNS.items()}
    about = {"info": {"features": {"audio": {"sampling_rate": sample_rate, "decode": False, "_type": "Audio"}}}}
    about["info"]["features"] |= features
    return pa.schema(columns, metadata={"huggingface": json.dumps(about)})
