"""What builders of NSynth's layout share: a folder that is finished only with its `examples.json`, and their report."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from synthgen import files
from synthgen.checks import UserError
from synthgen.data.layout import Entry, write_examples

EXAMPLES, AUDIO, REPORT = "examples.json", "audio", "report.csv"
_STATE, _SETTINGS = ".building", "settings.json"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What became of one note: a line of `report.csv`.

    Attributes:
        source: The file or program that it came from.
        note: Its name in the data set, empty where it is not in it.
        outcome: ``tuned``, or what is remarkable about it.
        instrument: Name, empty where unknown.
        pitch: MIDI pitch, None where unknown.
        velocity: MIDI velocity, None where unknown.
        cents: Measured minus expected pitch, None where not measured.
        detail: What a person may want to know.
    """

    source: str
    note: str
    outcome: str
    instrument: str = ""
    pitch: float | None = None
    velocity: float | None = None
    cents: int | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a builder kept and dropped; printed as two or three lines.

    Attributes:
        out: The data set's folder.
        rows: One a note, kept or not.
    """

    out: Path
    rows: tuple[Row, ...]

    @property
    def kept(self) -> Counter[str]:
        """Number of notes in the data set by outcome."""
        return Counter(row.outcome for row in self.rows if row.note)

    @property
    def dropped(self) -> Counter[str]:
        """Number of notes that were left out by reason."""
        return Counter(row.outcome for row in self.rows if not row.note)

    def __str__(self) -> str:
        instruments = len({row.instrument for row in self.rows if row.note})
        return (
            f"{self.out}: {self.kept.total()} notes of {instruments} instruments ({_listed(self.kept)})\n"
            f"dropped {self.dropped.total()} notes ({_listed(self.dropped)}); each is in {self.out / REPORT}"
        )


def begin(out: Path, settings: dict[str, Any]) -> Path:
    """Prepare `out` for a build, or for going on with one that was interrupted; the folder of its working state.

    Args:
        out: Folder of the data set.
        settings: All that the result depends on, as JSON values: an unfinished build goes on only with the same.

    Raises:
        UserError: the folder holds something else.
    """
    if (out / EXAMPLES).exists():
        raise UserError(f"{out}: already holds a data set; choose another --out, or delete it")
    state = out / _STATE
    if (state / _SETTINGS).is_file():
        if (state / _SETTINGS).read_bytes() != _encoded(settings):
            raise UserError(f"{out}: holds an unfinished build with other settings; repeat those, or delete the folder")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: is not an empty folder; choose another --out")
    else:
        files.write_bytes(state / _SETTINGS, _encoded(settings))
    return state


def unfinished(out: Path) -> bool:
    """Whether a build has begun in `out` and not ended."""
    return (out / _STATE).exists()


def finish(out: Path, entries: Iterable[Entry], rows: Iterable[Row]) -> Report:
    """Write the report and, last, the labels that make the data set whole; the report.

    Raises:
        UserError: no note was kept, or the disk is full.
    """
    entries, report = list(entries), Report(out=out, rows=tuple(rows))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(f.name for f in fields(Row))
    table.writerows(astuple(row) for row in report.rows)
    files.write_bytes(out / REPORT, text.getvalue().encode())
    if not entries:
        raise UserError(f"{out}: no note was kept ({_listed(report.dropped)}); {out / REPORT} names the reasons")
    write_examples(out / EXAMPLES, entries)
    shutil.rmtree(out / _STATE)
    return report


def sha256(path: Path) -> str:
    """Checksum of a file of any size, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _encoded(settings: dict[str, Any]) -> bytes:
    return json.dumps(settings, indent=1, sort_keys=True).encode()


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{n} {outcome}" for outcome, n in counts.most_common()) or "none"
