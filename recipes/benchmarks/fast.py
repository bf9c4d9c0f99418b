"""What makes notes faster, and what it does to them: `python recipes/benchmarks/fast.py --models spectrogram,waveform`.

Needs ONNX Runtime (pip install 'synthgen[onnx]'). Times are of the processor, on one thread, medians; variants take
turns, so that other work on the machine slows all of them.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from synthgen import Synthesizer, checkpoint
from synthgen.evaluation.distance import multi_resolution_distance
from synthgen.evaluation.machine import machine
from synthgen.models import GenerativeModel
from synthgen.records import Labels
from synthgen.rendering.library import inspect
from synthgen.rendering.onnx_file import network, session
from synthgen.script import run
from synthgen.threads import one_thread

Draw = Callable[[Labels], Tensor]
HEADING = "| model | variant | drawn, ms | decoded, ms | x real time | levels, dB | distance, dB | bytes of float32 |"
CONVOLUTIONS = ["Conv"]


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is measured."""

    models: str = "spectrogram,waveform,ddsp"
    """Comma-separated names of bundled models."""
    notes: int = 16
    """Notes to time, spread over instruments, pitches and velocities."""
    batch: int = 4
    """Notes at once in the variant of batches."""
    seed: int = 0
    """Seed of the notes."""
    compile: bool = False
    """Also torch.compile, which takes minutes and a C++ compiler."""


def main(benchmark: Benchmark) -> None:
    """Print a row for each model and variant, errors beside what float32 gives of the same seeds.

    Levels are those of a spectrogram as it is drawn, the mean difference; the distance is that of the audio, and so
    also that of the phases which are found for it.
    """
    print(f"{machine()}, load {os.getloadavg()[0]:.1f}; {benchmark.notes} notes, seed {benchmark.seed}\n")
    print(HEADING, "|---" * HEADING.count(" | ") + "|---|", sep="\n")
    for name in benchmark.models.split(","):
        synthesizer = Synthesizer.load(name)
        notes = [_labels(synthesizer, index) for index in range(benchmark.notes)]
        with one_thread(), torch.inference_mode():
            ways = dict(_variants(name, synthesizer, notes, benchmark))
            made = {variant: [] for variant in ways}
            for labels in notes:
                for variant, draw in ways.items():
                    made[variant].append(_make(synthesizer, draw, labels, benchmark.seed))
        for variant, rows in made.items():
            print(f"| {name} | {variant} | {_figures(synthesizer, rows, made['float32'])} |", flush=True)


class Made(NamedTuple):
    """A note: seconds of processor to draw and to decode it, what was drawn (1, C, *S), and its audio (T,)."""

    drawn: float
    decoded: float
    example: Tensor
    audio: Tensor


def _figures(synthesizer: Synthesizer, rows: list[Made], reference: list[Made]) -> str:
    drawn, decoded = (1000 * statistics.median(getattr(row, name) for row in rows) for name in ("drawn", "decoded"))
    pairs = list(zip(rows, reference, strict=True))
    scale = getattr(synthesizer.representation, "range_db", None)
    off = statistics.mean(float((a.example - b.example).abs().mean()) for a, b in pairs)
    distance = statistics.mean(float(multi_resolution_distance(a.audio, b.audio)) for a, b in pairs)
    same = sum(torch.equal(a.audio, b.audio) for a, b in pairs)
    real = 1000 * synthesizer.info.samples / synthesizer.sample_rate / (drawn + decoded)
    levels = f"{off * scale / 2:.4f}" if scale else "-"
    return f"{drawn:.1f} | {decoded:.1f} | {real:.0f} | {levels} | {distance:.3f} | {same} of {len(rows)}"


def _variants(
    name: str, synthesizer: Synthesizer, notes: list[Labels], benchmark: Benchmark
) -> Iterator[tuple[str, Draw]]:
    """Ways from labels to an example."""

    def plain() -> GenerativeModel:
        return checkpoint.load(inspect(name).path).model

    yield "float32", _sampled(synthesizer.model, benchmark.seed)
    yield f"float32, {benchmark.batch} at once", _sampled(synthesizer.model, benchmark.seed, benchmark.batch)
    yield "float32, channels apart", _sampled(plain(), benchmark.seed)
    if not hasattr(synthesizer.model, "body"):
        return
    yield "bfloat16", _sampled(Synthesizer.load(name, precision="bfloat16").model, benchmark.seed)
    content = network(name)
    yield "ONNX Runtime", _by(content)
    yield "ONNX Runtime, int8", _by(_int8(content, notes))
    if benchmark.compile:
        import torch._inductor.config as inductor

        inductor.freezing = True
        model = plain()
        model.forward = torch.compile(model.forward, dynamic=False)
        yield "torch.compile", _sampled(model, benchmark.seed)


def _labels(synthesizer: Synthesizer, index: int) -> Labels:
    known, (low, high) = synthesizer.info.repertoire, synthesizer.pitches
    weights = torch.zeros(1, len(known.instruments))
    weights[0, 7 * index % len(known.instruments)] = 1
    pitch, velocity = low + 11 * index % (high - low), known.velocities[index % len(known.velocities)]
    return {"instrument": weights, "pitch": torch.tensor([pitch]), "velocity": torch.tensor([velocity])}


def _sampled(model: GenerativeModel, seed: int, batch: int = 1) -> Draw:
    def draw(labels: Labels) -> Tensor:
        rng = torch.Generator().manual_seed(seed)
        if batch == 1:
            return model.sample(1, labels, rng=rng)
        alone = [torch.Generator().manual_seed(seed) for _ in range(batch)]
        many = {name: label.repeat(batch, *[1] * (label.ndim - 1)) for name, label in labels.items()}
        return model.sample(batch, many, rng=rng if hasattr(model, "body") else alone)

    return draw


def _by(content: bytes) -> Draw:
    ready = session(content)
    return lambda labels: torch.from_numpy(ready.run(None, {name: label.numpy() for name, label in labels.items()})[0])


def _int8(content: bytes, notes: list[Labels]) -> bytes:
    """The same with convolutions of int8, whose ranges are those of some notes."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Notes(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(notes)

        def get_next(self) -> dict | None:
            labels = next(self.left, None)
            return labels and {name: label.numpy() for name, label in labels.items()}

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "int8.onnx")
        options = {"quant_format": QuantFormat.QDQ, "per_channel": True, "op_types_to_quantize": CONVOLUTIONS}
        quantize_static(onnx.load_from_string(content), path, Notes(), **options)
        return path.read_bytes()


def _make(synthesizer: Synthesizer, draw: Draw, labels: Labels, seed: int) -> Made:
    started = time.process_time()
    examples = draw(labels)
    drawn = (time.process_time() - started) / len(examples)
    started = time.process_time()
    audio = synthesizer.representation.decode(examples[:1], rng=torch.Generator().manual_seed(seed))
    return Made(drawn, time.process_time() - started, examples[:1], audio[0, 0])


if __name__ == "__main__":
    run(main, Benchmark, description=__doc__)
