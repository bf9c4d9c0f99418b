"""What an autoencoder of notes keeps of held-out ones, and how it uses its codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from synthgen.data.nsynth import Notes
from synthgen.models.codes import AudioCodes
from synthgen.representations.base import AudioRepresentation

from .distance import multi_resolution_distance
from .pictures import Pair
from .pitch import PitchShares, deviation, sustains, verdict
from .samples import spread, write_pairs

HEARD = ("real", "uncoded", "decoded")


@dataclass(frozen=True, kw_only=True)
class CodingReport:
    """Held-out notes, their codes and what these decode to.

    Attributes:
        notes: Number of notes.
        distance: Mean multi-resolution log-spectral distance in dB of the decoded notes from the real ones.
        uncoded_distance: The same where the representation within is not coded.
        pitch: Pitch of the ``real``, the ``uncoded`` and the ``decoded`` notes.
        pitch_kept: Share of decoded notes within 50 cents, among those whose real note is; None where there is none.
        sustained_kept: The same of notes that sound on, see `pitch.sustains`.
        used: Share of the codes that these notes take.
        perplexity: Number of evenly used codes of the same entropy.
        levels: Number of codes.
        bits_per_second: What codes take if all are equally likely.
    """

    notes: int
    distance: float
    uncoded_distance: float
    pitch: dict[str, PitchShares]
    pitch_kept: float | None
    sustained_kept: float | None
    used: float
    perplexity: float
    levels: int
    bits_per_second: float

    def table(self) -> str:
        """The figures as a Markdown table."""
        rows = [f"| {name} | {value} |" for name, value in self._rows()]
        return "\n".join(["| decoded notes | |", "|---|---|", *rows])

    def to_json(self) -> dict[str, Any]:
        """All figures."""
        return asdict(self)

    def _rows(self) -> Iterator[tuple[str, str]]:
        yield "notes", str(self.notes)
        yield "log-spectral distance, dB", f"{self.distance:.2f}"
        yield "the same without codes", f"{self.uncoded_distance:.2f}"
        for which, shares in self.pitch.items():
            yield f"{which} notes within 50 cents", f"{100 * shares.within:.1f} %"
        for which, kept in {"": self.pitch_kept, ", of sustained notes": self.sustained_kept}.items():
            share = "-" if kept is None else f"{100 * kept:.1f} %"
            yield f"decoded within 50 cents where the real note is{which}", share
        yield "codes used", f"{100 * self.used:.1f} % of {self.levels}"
        yield "perplexity", f"{self.perplexity:.0f}, {self.perplexity / self.levels:.2f} of the codes"
        yield "bits per second", f"{self.bits_per_second:.0f}"


def evaluate_coding(
    representation: AudioCodes, notes: Notes, *, limit: int | None = None, seed: int = 0
) -> CodingReport:
    """Code and decode held-out notes.

    Args:
        representation: Of the autoencoder to judge.
        notes: Held-out notes.
        limit: Judge so many, of all instruments in turn; None judges all.
        seed: Seed of the choice.
    """
    cents: dict[str, list[float | None]] = {which: [] for which in HEARD}
    distances: dict[str, list[float]] = {which: [] for which in HEARD}
    found, long = [], []
    for index in tqdm(spread(notes.entries, limit or len(notes), seed=seed), desc="decoding", disable=None):
        real = notes.batch(torch.tensor([index])).x
        found.append(representation.encode(real))
        long.append(sustains(real[0, 0].numpy(), sample_rate=representation.sample_rate))
        uncoded = _decode(representation.inner, representation.inner.encode(real))
        sounds = (real, uncoded, _decode(representation, found[-1]))
        for which, sound in zip(HEARD, sounds, strict=True):
            midi, rate = notes.entries[index].pitch, representation.sample_rate
            cents[which].append(deviation(sound[0, 0].numpy(), sample_rate=rate, midi=midi))
            distances[which].append(multi_resolution_distance(sound, real).item())
    kept = [i for i, cent in enumerate(cents["real"]) if verdict(cent) == "within"]
    figures = representation.autoencoder.health(torch.cat(found))
    return CodingReport(
        notes=len(found),
        distance=fmean(distances["decoded"]),
        uncoded_distance=fmean(distances["uncoded"]),
        pitch={which: PitchShares.of(values) for which, values in cents.items()},
        pitch_kept=_within([cents["decoded"][i] for i in kept]),
        sustained_kept=_within([cents["decoded"][i] for i in kept if long[i]]),
        used=figures["used"].item(),
        perplexity=figures["perplexity"].item(),
        levels=representation.levels,
        bits_per_second=representation.bits_per_second,
    )


def write_decoded(representation: AudioCodes, notes: Notes, folder: Path, *, step: int, count: int = 6) -> None:
    """Write decoded notes beside the real ones, as `samples.write_samples` does generated ones."""
    pairs = []
    for index in spread(notes.entries, count):
        real = notes.batch(torch.tensor([index])).x
        decoded = _decode(representation, representation.encode(real))
        pairs.append(Pair(entry=notes.entries[index], real=real[0, 0].numpy(), generated=decoded[0, 0].numpy()))
    write_pairs(pairs, folder, step=step, sample_rate=representation.sample_rate)


def _within(cents: list[float | None]) -> float | None:
    return PitchShares.of(cents).within if cents else None


@torch.inference_mode()
def _decode(representation: AudioRepresentation, x: Tensor) -> Tensor:
    return representation.decode(x, rng=torch.Generator().manual_seed(0))
