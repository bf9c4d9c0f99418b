"""Render a plan into a folder in NSynth's layout, in one process or several, again and again until it is whole."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from synthgen import checks, files
from synthgen.checks import UserError
from synthgen.data.general_midi import BY_NAME
from synthgen.data.layout import FAMILIES, SOURCES, Entry, write_examples
from synthgen.rendering.library import ModelInfo
from synthgen.rendering.plan import Plan, stem
from synthgen.rendering.request import Request
from synthgen.rendering.workers import Job, render_all

if TYPE_CHECKING:
    from synthgen.heads import Sampling

MANIFEST = "render.json"
FORMAT = 1
MAX_WORKERS = 256

AudioFormat = Literal["wav", "flac"]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a render did.

    Attributes:
        folder: Where the notes are.
        made: Notes that were rendered now.
        kept: Notes that were there already.
        clipped: Notes rendered now that reached beyond [-1, 1].
        skipped: What was wrong with each row of the plan that was left out.
    """

    folder: Path
    made: int
    kept: int
    clipped: int
    skipped: tuple[str, ...] = ()

    def __str__(self) -> str:
        """A line or two for the terminal."""
        parts = [f"{self.made} notes rendered"]
        parts += [f"{self.kept} already there"] if self.kept else []
        parts += [f"{self.clipped} clipped"] if self.clipped else []
        lines = [f"{self.folder}: {', '.join(parts)}"]
        if self.skipped:
            lines.append(f"skipped {len(self.skipped)} bad rows, the first: {self.skipped[0]}")
        return "\n".join(lines)


def render(
    model: ModelInfo,
    plan: Plan,
    folder: Path,
    *,
    audio_format: AudioFormat = "wav",
    workers: int = 1,
    sampling: Sampling | None = None,
) -> Report:
    """Write `audio/*` and, at the very end, `examples.json`.

    The folder's manifest says which model and plan it holds, so that a render that was killed goes on where it was:
    audio files appear whole or not at all, and each depends on the model and its row alone. The result is the same
    byte for byte however often it was interrupted and however many workers there are.

    Args:
        model: What renders.
        plan: What to render.
        folder: New, empty, or of an earlier start of the same render.
        audio_format: 16-bit WAV, or FLAC.
        workers: Processes, of one thread each.
        sampling: See `Synthesizer.note`.

    Raises:
        UserError: the folder holds something else, a file cannot be written, or a worker was lost.
    """
    checks.between("workers", workers, 1, MAX_WORKERS)
    _claim(folder, _manifest(model, plan, audio_format, sampling))
    audio = folder / "audio"
    there = {path.name for path in audio.glob(f"*.{audio_format}")}
    jobs = [Job(request, audio / f"{stem(request)}.{audio_format}") for request in plan.requests]
    todo = [job for job in jobs if job.path.name not in there]
    try:
        clipped = sum(
            _progress(
                render_all(model.path, todo, workers=workers, sampling=sampling), len(jobs), len(jobs) - len(todo)
            )
        )
    finally:
        _clean(folder)
    write_examples(folder / "examples.json", _entries(model, plan.requests))
    return Report(folder=folder, made=len(todo), kept=len(jobs) - len(todo), clipped=clipped, skipped=plan.skipped)


def _manifest(model: ModelInfo, plan: Plan, audio_format: str, sampling: Sampling | None) -> dict[str, Any]:
    digest = model.with_files.owner.home.sha256
    drawn = {"sampling": None if sampling is None else asdict(sampling)}
    return {"format": FORMAT, "model": digest, "plan": plan.digest(), "audio": audio_format, **drawn}


def _claim(folder: Path, manifest: dict[str, Any]) -> None:
    """Make `folder` this render's own, or find that it already is.

    Raises:
        UserError: it holds another render, or something else.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        strangers = [] if content or not folder.exists() else [p for p in folder.iterdir() if not _is_partial(p)]
    except OSError as error:
        raise UserError(f"{folder}: cannot be used ({error.strerror}); choose another --out") from error
    except ValueError as error:
        raise UserError(f"{path}: is not a render's manifest; choose another --out") from error
    if strangers:
        raise UserError(f"{folder}: holds {strangers[0].name}, which no render made; choose an empty folder for --out")
    for key, value in manifest.items() if content else ():
        found = content.get(key) if isinstance(content, dict) else None
        if found != value:
            differ = f"{str(found)[:16]}, not {str(value)[:16]}"
            raise UserError(f"{folder}: holds the render of another {key} ({differ}); choose another --out")
    if not content:
        files.write_bytes(path, json.dumps(manifest, indent=1).encode())
    _clean(folder)


def _is_partial(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith(".partial")


def _clean(folder: Path) -> None:
    """Remove what a killed process was writing."""
    for place in (folder, folder / "audio"):
        for path in filter(_is_partial, place.glob(".*")):
            path.unlink(missing_ok=True)


def _progress(clipped: Iterable[bool], total: int, initial: int) -> Iterator[bool]:
    from tqdm import tqdm

    return iter(tqdm(clipped, total=total, initial=initial, unit="note", disable=None))


def _entries(model: ModelInfo, requests: Sequence[Request]) -> Iterator[Entry]:
    """Labels of the notes; blends are numbered after the model's own instruments."""
    names = [*model.repertoire.instruments]
    names += sorted({r.instrument_name for r in requests} - set(names))
    numbers = {name: number for number, name in enumerate(names)}
    for index, request in enumerate(requests):
        family, source = _kind(_loudest(request.instrument))
        weights = {} if isinstance(request.instrument, str) else {"weights": request.instrument}
        yield Entry(
            note_str=stem(request),
            note=index,
            instrument=numbers[request.instrument_name],
            instrument_str=request.instrument_name,
            pitch=request.pitch,
            velocity=request.velocity,
            instrument_family=family,
            instrument_source=source,
            sample_rate=model.sample_rate,
            extra={"seed": request.seed, **weights},
        )


def _loudest(instrument: str | Mapping[str, float]) -> str:
    return instrument if isinstance(instrument, str) else max(instrument, key=lambda name: instrument[name])


def _kind(name: str) -> tuple[int, int]:
    """Family and source: of a General MIDI program, as NSynth's names begin, or those of a synthesizer."""
    if name in BY_NAME:
        return FAMILIES.index(BY_NAME[name].family), SOURCES.index(BY_NAME[name].source)
    for pair in itertools.product(FAMILIES, SOURCES):
        if name.startswith("_".join(pair)):
            return FAMILIES.index(pair[0]), SOURCES.index(pair[1])
    return FAMILIES.index("synth_lead"), SOURCES.index("synthetic")
