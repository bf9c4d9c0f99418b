"""A model judged on held-out notes, beside what needs no model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Literal

import torch
from tqdm import tqdm

from synthgen import checks
from synthgen.checks import UserError
from synthgen.data.layout import Entry
from synthgen.data.nsynth import NSynth
from synthgen.models.base import GenerativeModel
from synthgen.representations.base import AudioRepresentation
from synthgen.threads import one_thread

from .baselines import Baselines
from .distance import RESOLUTIONS
from .gain import Gain
from .judging import COMPARED, Judge, Judgement
from .loudness import rank_correlation
from .pitch import PitchShares, verdict
from .player import Player

BASELINES = ("nearest", "mean", "silence")
TIMED_NOTES = 9
REAL, GENERATED = "real", "generated"


@dataclass(frozen=True, kw_only=True)
class Report:
    """Judgements of held-out notes, and their summary.

    Attributes:
        data: Where the notes come from.
        seed: Seed of the notes that were generated and, where not all were judged, of their choice.
        left_out: Number of notes that were passed over because the model or the training part lacks the instrument.
        times_real_time: Seconds of audio generated per second on one thread, batch 1; not compared between reports.
        notes: One judgement a note, by name.
    """

    data: dict[str, Any]
    seed: int
    left_out: int
    times_real_time: float = field(compare=False)
    notes: tuple[Judgement, ...]

    def distance(self, compared: str) -> float:
        """Mean multi-resolution log-spectral distance in dB of one of `COMPARED` from the real notes."""
        return fmean(note.distance(compared) for note in self.notes)

    def distance_at(self, compared: str, n_fft: int) -> float:
        """The same at one of `RESOLUTIONS`."""
        return fmean(note.distance(compared, n_fft) for note in self.notes)

    def gain(self, compared: str, n_fft: int | None = None) -> Gain | None:
        """How far the generated notes' distance lies below that of `compared`, at one of `RESOLUTIONS` or all.

        Its interval is over pairs of instrument and pitch.
        """
        ours, theirs = ([note.distance(k, n_fft) for note in self.notes] for k in (GENERATED, compared))
        return Gain.of(ours, theirs, [(note.instrument, note.pitch) for note in self.notes])

    def nearer(self, compared: str) -> float:
        """Share of notes on which the generated note lies nearer to the real one than `compared` does."""
        return fmean(note.distance("generated") < note.distance(compared) for note in self.notes)

    def pitch(self, which: str) -> PitchShares:
        """Pitch of the ``real`` or the ``generated`` notes."""
        return PitchShares.of([note.cents[which] for note in self.notes])

    def pitch_kept(self, *, sustained: bool = False) -> float | None:
        """Share of generated notes within 50 cents, among those (`sustained` ones) whose real note is; None if none."""
        notes = [note for note in self.notes if note.sustained or not sustained]
        passing = [note.cents[GENERATED] for note in notes if verdict(note.cents[REAL]) == "within"]
        return PitchShares.of(passing).within if passing else None

    def loudness(self, which: str) -> float | None:
        """Spearman's correlation of level and velocity, mean over the (instrument, pitch) pairs of `pairs`."""
        found = [rank_correlation([n.velocity for n in p], [n.levels[which] for n in p]) for p in self.pairs()]
        return fmean(found) if found else None

    def pairs(self) -> list[list[Judgement]]:
        """The notes of each (instrument, pitch) pair that has several velocities."""
        grouped: dict[tuple[str, float], list[Judgement]] = {}
        for note in self.notes:
            grouped.setdefault((note.instrument, note.pitch), []).append(note)
        return [notes for notes in grouped.values() if len({note.velocity for note in notes}) > 1]

    def table(self) -> str:
        """The summary as Markdown tables that are aligned as they stand."""
        return "\n\n".join(_markdown(rows) for rows in (self._distance_rows(), self._note_rows(), self._total_rows()))

    def instrument_table(self) -> str:
        """Multi-resolution distances of each instrument in Markdown, those first where the model gains least."""
        grouped: dict[str, list[Judgement]] = {}
        for note in self.notes:
            grouped.setdefault(note.instrument, []).append(note)
        means = {i: {k: fmean(n.distance(k) for n in notes) for k in COMPARED} for i, notes in grouped.items()}
        order = sorted(means, key=lambda i: means[i]["nearest"] - means[i]["generated"])
        rows = [[i, str(len(grouped[i])), *(f"{mean:.2f}" for mean in means[i].values())] for i in order]
        return _markdown([["instrument", "notes", *COMPARED], *rows])

    def summary(self) -> dict[str, Any]:
        """The figures as JSON scalars and dictionaries."""
        return {
            "data": self.data,
            "seed": self.seed,
            "notes": len(self.notes),
            "left_out": self.left_out,
            "log_spectral_distance_db": {
                k: {"multi": self.distance(k), **{str(n): self.distance_at(k, n) for n in RESOLUTIONS}}
                for k in COMPARED
            },
            "below": {k: gain and gain.to_json() for k in BASELINES for gain in [self.gain(k)]},
            "pitch": {which: self.pitch(which).to_json() for which in (REAL, GENERATED)},
            "pitch_kept": self.pitch_kept(),
            "pitch_kept_sustained": self.pitch_kept(sustained=True),
            "loudness": {which: self.loudness(which) for which in (REAL, GENERATED)},
            "pairs": len(self.pairs()),
            "times_real_time": self.times_real_time,
        }

    def to_json(self) -> dict[str, Any]:
        """The summary, and each note's judgement under ``each``."""
        return {**self.summary(), "each": [note.to_json() for note in self.notes]}

    def _distance_rows(self) -> Iterator[list[str]]:
        below = "generated is below it by (95 %)"
        yield ["log-spectral distance, dB", "multi-resolution", below, "1024/256", below, "nearer on"]
        for key, words in COMPARED.items():
            gains, nearer = [None, None], ""
            if key in BASELINES:
                gains, nearer = [self.gain(key), self.gain(key, 1024)], f"{_percent(self.nearer(key))} of notes"
            pairs = zip((self.distance(key), self.distance_at(key, 1024)), gains, strict=True)
            yield [words, *(cell for mean, gain in pairs for cell in (f"{mean:.2f}", str(gain or ""))), nearer]

    def _note_rows(self) -> Iterator[list[str]]:
        yield ["notes", "within 50 cents", "octave errors", "otherwise off", "silent", "level with velocity (Spearman)"]
        for which in (REAL, GENERATED):
            shares = self.pitch(which)
            figures = map(_percent, (shares.within, shares.octave, shares.off, shares.silent))
            yield [which, *figures, _number(self.loudness(which))]

    def _total_rows(self) -> Iterator[list[str]]:
        yield ["further figures", ""]
        for which in (False, True):
            kept, notes = self.pitch_kept(sustained=which), ", of sustained notes" if which else ""
            words = f"generated within 50 cents where the real note is{notes}"
            yield [words, "-" if kept is None else _percent(kept)]
        yield ["speed, one thread, batch 1", f"{self.times_real_time:.1f}x real time"]
        yield ["notes, pairs of instrument and pitch", f"{len(self.notes)}, {len(self.pairs())}"]
        yield ["notes left out, of unknown instruments", str(self.left_out)]


def evaluate(
    model: GenerativeModel,
    representation: AudioRepresentation,
    data: NSynth,
    *,
    part: Literal["test", "valid"] = "test",
    limit: int | None = None,
    seed: int = 0,
    workers: int = 1,
) -> Report:
    """Judge a model on held-out notes; all but the speed is the same whenever it is repeated.

    Args:
        model: In eval mode.
        representation: Turns its examples into waveforms.
        data: The set whose training part the model has learned from.
        part: Which held-out notes.
        limit: Judge about so many notes, whole (instrument, pitch) pairs at random; None judges all.
        seed: Seed of every generated note, and of the choice.
        workers: Threads that judge side by side, one core each.

    Raises:
        UserError: the model and the training part know none of the instruments.
    """
    checks.one_of("part", part, ("test", "valid"))
    checks.between("workers", workers, 1, 1024)
    checks.between("limit", 1 if limit is None else limit, 1, 10**9)
    notes, baselines = getattr(data, part), Baselines(data.train, sample_rate=representation.sample_rate)
    known = baselines.instruments.intersection(model.spec.field("instrument").names)
    eligible = [index for index, entry in enumerate(notes.entries) if entry.instrument_str in known]
    if not eligible:
        raise UserError(
            f"no instrument of the {part} notes is known to both model and training notes; split by 'completion'"
        )
    chosen = choose(notes.entries, eligible, limit=limit, seed=seed)
    judge = Judge(Player(model=model, representation=representation, seed=seed), notes, baselines)
    timed = [judge.labels(index) for index in chosen[:: max(1, len(chosen) // TIMED_NOTES)]][: TIMED_NOTES + 1]
    speed = judge.player.times_real_time(timed)
    judgements = sorted(_judge_all(judge, chosen, workers), key=lambda judgement: judgement.note_str)
    return Report(
        data=notes.provenance(),
        seed=seed,
        left_out=len(notes) - len(eligible),
        times_real_time=speed,
        notes=tuple(judgements),
    )


def choose(entries: Sequence[Entry], eligible: Sequence[int], *, limit: int | None, seed: int) -> list[int]:
    """Those of the `eligible` indices to judge: whole (instrument, pitch) pairs until there are `limit` notes."""
    pairs: dict[tuple[str, float], list[int]] = {}
    for index in eligible:
        pairs.setdefault((entries[index].instrument_str, entries[index].pitch), []).append(index)
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(seed)).tolist()
    every, chosen = [pairs[key] for key in sorted(pairs)], []
    for number in order:
        if limit is not None and len(chosen) >= limit:
            break
        chosen += every[number]
    return sorted(chosen)


def _judge_all(judge: Judge, chosen: Sequence[int], workers: int) -> list[Judgement]:
    """Judge group by group, because the notes of an instrument and velocity share their mean spectrogram."""
    groups: dict[tuple[str, float], list[int]] = {}
    for index in chosen:
        entry = judge.notes.entries[index]
        groups.setdefault((entry.instrument_str, entry.velocity), []).append(index)
    judgements: list[Judgement] = []
    bar = tqdm(desc="judging", total=len(chosen), unit=" notes", disable=None)
    pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
    with one_thread(), bar, pool:
        try:
            for found in pool.map(judge, groups.values()):
                judgements += found
                bar.update(len(found))
        finally:
            pool.shutdown(cancel_futures=True)
    return judgements


def _markdown(rows: Iterable[list[str]]) -> str:
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    table.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(c.ljust(width) for c, width in zip(row, widths, strict=True))} |" for row in table)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
