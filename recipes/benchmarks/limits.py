"""How near a note can come that has another's spectrum but not its noise: real notes, averaged over time, made again.

python recipes/benchmarks/limits.py --data.root ~/notes --limit 200

Noise is another each time: a model can learn how loud it is at a frequency, not its every sample. Averaging the log
magnitudes of a real note over time takes away that much, and little of what is steady; onsets and beats suffer too, so
that what is printed is no strict bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean

import torch
from torch.nn import functional as F
from tqdm import tqdm

from synthgen.data.nsynth import NSynth
from synthgen.evaluation.distance import multi_resolution_distance
from synthgen.evaluation.machine import machine
from synthgen.evaluation.report import choose
from synthgen.representations import Spectrogram
from synthgen.script import run

WINDOWS = (1024, 2048)
AVERAGED = (0.0, 0.15, 0.5)
"""Seconds; the frames of a window of 1024 overlap, so that the first are few independent ones."""


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is measured."""

    data: NSynth.Config = field(default_factory=NSynth.Config)
    limit: int | None = None
    """Take about so many test notes, as notes.py does; None takes all."""
    seed: int = 0
    """Seed of the choice."""


def distance(note: torch.Tensor, representation: Spectrogram, seconds: float) -> float:
    """Distance in dB of a note (1, 1, T) from itself, through the representation and averaged over time."""
    x = representation.encode(note)
    frames = round(seconds * representation.sample_rate / representation.hop_length) // 2
    padded = F.pad(x, (frames, frames, 0, 0), mode="replicate")
    averaged = F.avg_pool2d(padded, (1, 2 * frames + 1), stride=1)
    return multi_resolution_distance(representation.decode(averaged)[:, 0], note[:, 0]).item()


def main(benchmark: Benchmark) -> None:
    """Measure and print."""
    b = benchmark
    representations = {n: Spectrogram(phase="griffin_lim", n_fft=n, hop_length=n // 4) for n in WINDOWS}
    data = NSynth(b.data, representations[WINDOWS[0]])
    chosen = choose(data.test.entries, range(len(data.test)), limit=b.limit, seed=b.seed)
    found: dict[tuple[int, float], list[float]] = {(n, s): [] for n in WINDOWS for s in AVERAGED}
    for index in tqdm(chosen, unit=" notes", disable=None):
        note = data.test.batch(torch.tensor([index])).x
        for (n, seconds), distances in found.items():
            distances.append(distance(note, representations[n], seconds))
    print(f"{machine('cpu')}; {len(chosen)} test notes of {b.data.root}, seed {b.seed}, split {data.split_hash}\n")
    print(f"| averaged over, s | {' | '.join(f'{n}/{n // 4}, dB' for n in WINDOWS)} |\n|---|{'---|' * len(WINDOWS)}")
    for seconds in AVERAGED:
        print(f"| {seconds:g} | {' | '.join(f'{fmean(found[n, seconds]):.2f}' for n in WINDOWS)} |")


if __name__ == "__main__":
    run(main, Benchmark(), description=__doc__)
