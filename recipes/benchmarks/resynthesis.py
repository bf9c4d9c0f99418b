"""What is left of recordings that a model plays through its codes, and how fast it does so.

python recipes/benchmarks/resynthesis.py --folders ~/instruments/bassoon ~/instruments/celtic_harp --model vqvae

Distance is the multi-resolution log-spectral one, in dB, to the recording at the model's rate: of what comes back
through the codes, and of what comes back through the representation alone, which is as near as codes could bring it.
Pitch is kept where it lies within 50 cents of that of the recording; counted are recordings of which a steady pitch is
heard. Speed is counted in CPU time of one thread, each recording and note alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median

import numpy as np
import torch
from torch import Tensor

from synthgen import Synthesizer, checks
from synthgen.checks import UserError
from synthgen.data.conform import UnusableError, read_sound
from synthgen.data.layout import Entry
from synthgen.data.tuning import find_pitch
from synthgen.evaluation.distance import multi_resolution_distance
from synthgen.evaluation.machine import machine
from synthgen.evaluation.pictures import spectrogram_comparison
from synthgen.evaluation.pitch import deviation, verdict
from synthgen.rendering.coding import LONGEST, SHORTEST
from synthgen.script import run
from synthgen.signal.pitch import hz_to_midi
from synthgen.threads import one_thread


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is measured."""

    folders: tuple[Path, ...]
    """Folders of recordings, WAV or FLAC, of any rate and length."""
    model: str = "vqvae"
    """Name of a bundled model of codes, or path of a checkpoint or of a training run's folder."""
    limit: int | None = None
    """Play so many recordings of each folder, at random; None plays all."""
    notes: int = 20
    """Notes from labels to time, spread over instruments and pitches."""
    seed: int = 0
    """Seed of the choice, and of all sounds."""
    picture: Path | None = None
    """PNG file to write: a recording of each folder, real, through the representation, and through codes."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """A recording and what came back.

    Attributes:
        path: Its file.
        sounds: Recording, through the representation and through codes, each (T,).
        midi: Pitch of the recording; None where none is heard.
        encode: Real time of the recording over CPU time of encoding it.
        decode: The same of decoding it.
    """

    path: Path
    sounds: tuple[np.ndarray, np.ndarray, np.ndarray]
    midi: float | None
    encode: float
    decode: float

    def distance(self, which: int) -> float:
        """Of sound 1 or 2 from the recording, in dB."""
        return multi_resolution_distance(*(torch.from_numpy(self.sounds[i]) for i in (which, 0))).item()

    def in_tune(self, which: int, rate: int) -> bool:
        """Whether a sound has the recording's pitch."""
        return verdict(deviation(self.sounds[which], sample_rate=rate, midi=self.midi)) == "within"


def chosen(folder: Path, b: Benchmark) -> list[Path]:
    """Recordings of a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".wav", ".flac"))
    checks.between(f"number of recordings in {folder}", len(paths), 1, 1_000_000)
    order = torch.randperm(len(paths), generator=torch.Generator().manual_seed(b.seed))[: b.limit]
    return [paths[i] for i in order.sort().values.tolist()]


def play(synthesizer: Synthesizer, path: Path, seed: int) -> Played:
    """Send a recording through the model.

    Raises:
        UnusableError: it is silent, or no recording.
    """
    rate = synthesizer.sample_rate
    audio, _ = read_sound(path, sample_rate=rate, shortest=SHORTEST, longest=LONGEST)
    codes, encoding = timed(lambda: synthesizer.encode(audio))
    note, decoding = timed(lambda: synthesizer.decode(codes, seed=seed))
    hz = find_pitch(audio, sample_rate=rate)
    return Played(
        path=path,
        sounds=(audio, uncoded(synthesizer, audio, seed), note.audio),
        midi=None if hz is None else hz_to_midi(hz),
        encode=codes.seconds / encoding,
        decode=codes.seconds / decoding,
    )


def uncoded(synthesizer: Synthesizer, audio: np.ndarray, seed: int) -> np.ndarray:
    """The recording through the representation that the autoencoder codes."""
    inner = replace(synthesizer.representation.inner, samples=len(audio))
    with one_thread(), torch.inference_mode():
        x: Tensor = inner.encode(torch.from_numpy(audio)[None, None])
        return inner.decode(x, rng=torch.Generator().manual_seed(seed))[0, 0].numpy()


def timed(make: Callable) -> tuple:
    """What is made, and the seconds of CPU time that it took."""
    started = time.process_time()
    made = make()
    return made, time.process_time() - started


def row(name: str, played: list[Played], rate: int) -> str:
    """A row of the table."""
    pitched = [p for p in played if p.midi is not None]
    kept = [f"{sum(p.in_tune(which, rate) for p in pitched)} of {len(pitched)}" for which in (1, 2)]
    seconds = sum(len(p.sounds[0]) for p in played) / rate
    distances = [f"{fmean(p.distance(which) for p in played):.2f}" for which in (2, 1)]
    speeds = [f"{median(getattr(p, way) for p in played):.0f}" for way in ("encode", "decode")]
    return f"| {' | '.join([name, str(len(played)), f'{seconds:.0f}', *distances, *reversed(kept), *speeds])} |"


def note_speed(synthesizer: Synthesizer, b: Benchmark) -> tuple[float, float]:
    """CPU seconds of the first note and real time over CPU time of a typical later one."""
    low, high = synthesizer.pitches
    times = []
    for index in range(b.notes + 1):
        name = synthesizer.instruments[index % len(synthesizer.instruments)]
        pitch = low + 7 * index % max(high - low, 1)
        note, seconds = timed(lambda name=name, pitch=pitch: synthesizer.note(name, pitch=pitch, seed=b.seed))
        times.append(seconds)
    return times[0], note.seconds / median(times[1:])


def draw(path: Path, played: dict[str, list[Played]], rate: int) -> None:
    """The middle recording of each folder."""
    rows = []
    for name, sounds in played.items():
        one = sounds[len(sounds) // 2]
        pitch = 0.0 if one.midi is None else round(one.midi, 1)
        labels = {"instrument_str": name, "pitch": pitch, "velocity": 100.0}
        entry = Entry(note_str=name, note=0, instrument=0, instrument_family=0, instrument_source=0, **labels)
        rows.append((entry, one.sounds))
    spectrogram_comparison(path, rows, names=("not coded", "through codes"), sample_rate=rate)


def main(b: Benchmark) -> None:
    """Measure and print."""
    checks.between("notes", b.notes, 1, 10_000)
    torch.set_num_threads(1)
    synthesizer = Synthesizer.load(b.model)
    first = synthesizer.encode(np.sin(np.arange(synthesizer.info.samples, dtype=np.float32)))
    rate, size = synthesizer.sample_rate, math.prod(first.codes.shape)
    print(f"{machine()}, one thread; model {synthesizer.info}; seed {b.seed}")
    print(f"{size} codes of {first.levels} a note, {first.bits_per_second:.0f} bits per second\n")
    columns = ["folder", "recordings", "s", "distance, dB", "not coded", "pitch kept", "not coded"]
    columns += ["encode, x real time", "decode, x real time"]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    played, refused = {}, []
    for folder in b.folders:
        played[folder.name] = []
        for path in chosen(folder, b):
            try:
                played[folder.name].append(play(synthesizer, path, b.seed))
            except UnusableError as error:
                refused.append(f"{path}: {error.outcome}: {error}")
        if not played[folder.name]:
            raise UserError(f"{refused[-1]}; no recording of the folder is of use")
        print(row(folder.name, played[folder.name], rate), flush=True)
    begun, speed = note_speed(synthesizer, b)
    print(f"\nnotes from labels: {speed:.1f} x real time, the first took {begun:.2f} s; {len(refused)} files left out")
    print("\n".join(refused))
    if b.picture:
        draw(b.picture, played, rate)


if __name__ == "__main__":
    run(main, Benchmark, description=__doc__)
