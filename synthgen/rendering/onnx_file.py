"""The network of a model as an ONNX file, which other programs run without torch."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from synthgen import checkpoint, config, files
from synthgen.checks import UserError
from synthgen.models import Decoder, WaveformDecoder
from synthgen.records import DataSpec, Labels
from synthgen.rendering.library import ModelInfo, inspect

if TYPE_CHECKING:
    import onnxruntime

SUFFIX = ".onnx"
INPUTS = ("instrument", "pitch", "velocity")
TOLERANCE = 1e-3
"""Most that outputs in [-1, 1] may differ from torch's; of log magnitudes it is 0.06 dB."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was written.

    Attributes:
        path: The file.
        output: What it gives: "audio", or "spectrogram" where the representation is left to decode.
        shape: Of one note's.
        difference: Largest difference from torch's, over a low, a middle and a high note.
    """

    path: Path
    output: str
    shape: tuple[int, ...]
    difference: float

    def __str__(self) -> str:
        """A line for the terminal."""
        shape = " x ".join(map(str, self.shape))
        return f"{self.path}: labels of one note -> {self.output} {shape}, within {self.difference:.1g} of torch"


class _Labelled(nn.Module):
    """A model as a function of tensors alone, for a single note."""

    def __init__(self, model: Decoder | WaveformDecoder, names: Sequence[str]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *labels: Tensor) -> Tensor:
        """Weights of instruments (1, K), pitch (1,) and velocity (1,), those that the model knows -> example."""
        return self.model(dict(zip(self.names, labels, strict=True)), 1)


def write_onnx(name_or_path: str | Path, path: Path) -> Report:
    """Write the network of a model, atomically, after comparing it with torch's in ONNX Runtime.

    Inputs are ``instrument`` (1, K), the weights of the instruments, ``pitch`` (1,) in MIDI and ``velocity`` (1,), of
    these what the model knows. The metadata entry ``synthgen`` is JSON: names of the instruments, ranges, sample rate,
    the output and its representation.

    Args:
        name_or_path: See `Synthesizer.load`.
        path: An ``.onnx`` file.

    Raises:
        UserError: the model cannot be exported, the packages are missing, or the file cannot be written.
    """
    if path.suffix.lower() != SUFFIX:
        raise UserError(f"{path}: suffix={path.suffix!r} must be {SUFFIX}")
    content, info = network(name_or_path), inspect(name_or_path)
    loaded = checkpoint.load(info.path)
    difference = _compare(loaded.model, session(content), _notes(info, loaded.model.spec))
    if not difference <= TOLERANCE:
        raise UserError(f"{path}: ONNX Runtime differs from torch by {difference:.2g}; install another version of it")
    files.write_bytes(path, content)
    output = _output(loaded)
    return Report(path=path, output=output, shape=tuple(loaded.model.spec.shape), difference=difference)


def network(name_or_path: str | Path) -> bytes:
    """What `write_onnx` writes.

    Raises:
        UserError: the model cannot be exported, or the packages are missing.
    """
    info = inspect(name_or_path)
    loaded = checkpoint.load(info.path)
    if not isinstance(loaded.model, Decoder | WaveformDecoder):
        kind = type(loaded.model).__name__
        raise UserError(
            f"{info.path}: a {kind} has steps that ONNX lacks; name a model such as spectrogram or waveform"
        )
    told = {
        "model": info.name,
        "instruments": info.repertoire.instruments,
        "pitches": info.repertoire.pitches,
        "velocities": info.repertoire.velocities,
        "sample_rate": info.sample_rate,
        "output": _output(loaded),
        "representation": {"name": loaded.representation.name, **config.to_dict(loaded.representation)},
    }
    labels = next(_notes(info, loaded.model.spec))
    return _export(_Labelled(loaded.model, tuple(labels)).eval(), labels, _output(loaded), json.dumps(told))


def _output(loaded: checkpoint.Checkpoint) -> str:
    return "audio" if isinstance(loaded.model, WaveformDecoder) else loaded.representation.name


def session(content: bytes) -> onnxruntime.InferenceSession:
    """A file's content, ready to run on one thread of the CPU.

    Raises:
        UserError: ONNX Runtime is not installed.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise UserError("ONNX files need onnxruntime; pip install 'synthgen[onnx]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _notes(info: ModelInfo, spec: DataSpec) -> Iterator[Labels]:
    """Labels of a low, a middle and a high note, of a blend, too, those that the model knows."""
    names = [field.name for field in spec.fields if field.name in INPUTS]
    known, (low, high) = info.repertoire, info.repertoire.pitches
    velocities = known.velocities or (100.0,)
    for share in (0.0, 0.5, 1.0):
        weights = torch.zeros(1, len(known.instruments))
        weights[0, 0] += 1 - share / 2
        weights[0, -1] += share / 2
        labels = {"instrument": weights, "pitch": torch.tensor([low + share * (high - low)])}
        labels["velocity"] = torch.tensor([velocities[0] + share * (velocities[-1] - velocities[0])])
        yield {name: labels[name] for name in names}


def _export(labelled: nn.Module, labels: Labels, output: str, told: str) -> bytes:
    try:
        import onnx_ir
        import onnxscript  # noqa: F401  (torch's exporter needs it)
    except ModuleNotFoundError as error:
        raise UserError(f"writing ONNX files needs {error.name}; pip install 'synthgen[onnx]'") from error
    with _quiet(), torch.no_grad():
        options = {"dynamo": True, "verbose": False, "input_names": list(labels), "output_names": [output]}
        program = torch.onnx.export(labelled, tuple(labels.values()), **options)
        program.model.metadata_props["synthgen"] = told
        return onnx_ir.to_proto(program.model).SerializeToString()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch's exporter says of packages that are not needed."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _compare(model: Decoder | WaveformDecoder, run: onnxruntime.InferenceSession, notes: Iterable[Labels]) -> float:
    """Largest difference of outputs."""
    differences = []
    for labels in notes:
        with torch.inference_mode():
            expected = model(labels, 1).numpy()
        found = run.run(None, {name: label.numpy() for name, label in labels.items()})[0]
        differences.append(float(np.abs(found - expected).max()))
    return max(differences)
