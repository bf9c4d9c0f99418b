"""Checkpoints: one self-contained safetensors file of weights and JSON, safe to load from anywhere."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen import checks, config, files
from synthgen.checks import UserError

if TYPE_CHECKING:
    import torch

    from synthgen.models import Model
    from synthgen.representations import Representation

FORMAT = "synthgen-1"
MAX_HEADER = 16 << 20
MAX_PARAMETERS = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A model to use.

    Attributes:
        model: With the averaged weights, in eval mode.
        representation: How to turn its examples into media.
        provenance: Where it came from: data, split hash, steps, machine, figures (JSON values).
    """

    model: Model
    representation: Representation
    provenance: dict[str, Any]


def save(
    path: Path,
    model: Model,
    representation: Representation,
    provenance: dict[str, Any],
    *,
    dtype: torch.dtype | None = None,
) -> None:
    """Write atomically, so that a killed run never leaves half a file.

    Args:
        path: A ``.safetensors`` file.
        model: The weights to keep.
        representation: Goes into the file's JSON.
        provenance: Goes into the file's JSON.
        dtype: Store floating-point weights so, e.g. ``torch.float16`` for half the size; None keeps theirs.
    """
    from safetensors.torch import save as to_bytes

    from synthgen.models import MODELS

    name = next(k for k, v in MODELS.items() if v is type(model))
    described = {
        "model": {"name": name, "config": config.to_dict(model.config), "spec": config.to_dict(model.spec)},
        "representation": {"name": representation.name, "config": config.to_dict(representation)},
        "provenance": provenance,
    }
    weights = {
        k: v.detach().to(dtype if dtype and v.is_floating_point() else v.dtype).cpu().contiguous()
        for k, v in model.state_dict().items()
    }
    content = to_bytes(weights, metadata={"format": FORMAT, "synthgen": json.dumps(described)})
    files.write_bytes(path, content)


def load(path: Path, *, device: str = "cpu") -> Checkpoint:
    """Rebuild what `save` was given, in float32.

    Nothing is allocated before the sizes that the file's JSON asks for are found in the file itself.

    Raises:
        UserError: no such file, not a checkpoint of this format, damaged, or at odds with itself.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from synthgen.models import MODELS
    from synthgen.records import DataSpec
    from synthgen.representations import REPRESENTATIONS

    described, tensors = _read_header(path)
    entry, kind = (_entry(path, described, key) for key in ("model", "representation"))
    try:
        checks.one_of("model", entry["name"], MODELS)
        checks.one_of("representation", kind["name"], REPRESENTATIONS)
        model_class, representation_class = MODELS[entry["name"]], REPRESENTATIONS[kind["name"]]
        spec = config.from_dict(DataSpec, entry["spec"], where="spec")
        model_config = config.from_dict(model_class.Config, entry["config"], where="model")
        representation = config.from_dict(representation_class, kind["config"], where="representation")
        _check_spec(spec, representation)
        with torch.device("meta"):
            expected = {k: list(v.shape) for k, v in model_class(spec, model_config).state_dict().items()}
        _check_shapes(expected, tensors)
        model = model_class(spec, model_config)
        model.load_state_dict({k: v.float() for k, v in load_file(path).items()})
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except (SafetensorError, RuntimeError, TypeError, OverflowError) as error:
        raise UserError(f"{path}: damaged checkpoint ({_first_line(error)}); fetch or train it again") from error
    provenance = described.get("provenance")
    model.eval().requires_grad_(False).to(device)
    return Checkpoint(
        model=model, representation=representation, provenance=provenance if isinstance(provenance, dict) else {}
    )


def load_into(model: Model, path: Path | None) -> dict[str, Any]:
    """Give `model` the weights of a checkpoint of the same shape, to go on training from; None leaves its own.

    Returns:
        What the new run's provenance should say: ``{"start": the checkpoint's provenance}``, or nothing.

    Raises:
        UserError: as `load`, or the checkpoint holds a model of another shape.
    """
    if path is None:
        return {}
    loaded = load(path)
    weights = loaded.model.state_dict()
    found, expected = ({k: list(v.shape) for k, v in state.items()} for state in (weights, model.state_dict()))
    try:
        _check_shapes(expected, found)
    except UserError as error:
        raise UserError(f"{path}: another model than this one; {error}") from error
    model.load_state_dict(weights)
    return {"start": loaded.provenance}


def describe(path: Path) -> dict[str, Any]:
    """The JSON of a checkpoint, without its weights and without importing torch.

    Raises:
        UserError: as `load`.
    """
    return _read_header(path)[0]


def _read_header(path: Path) -> tuple[dict[str, Any], dict[str, list[int]]]:
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint; train one with recipes/*.py or name a bundled model")
    try:
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            if size > min(MAX_HEADER, path.stat().st_size):
                raise ValueError("its header is longer than the file")
            header = json.loads(file.read(size))
        metadata = header.pop("__metadata__", {})
        described = json.loads(metadata.get("synthgen", "{}"))
        if metadata.get("format") != FORMAT or not isinstance(described, dict):
            raise ValueError(f"its format is {metadata.get('format', 'unknown')!r}, this version reads {FORMAT!r}")
        return described, {name: list(entry["shape"]) for name, entry in header.items()}
    except OSError as error:
        raise UserError(f"{path}: cannot read ({error.strerror})") from error
    except (ValueError, struct.error, AttributeError, TypeError, KeyError, RecursionError) as error:
        raise UserError(f"{path}: not a synthgen checkpoint ({_first_line(error)}); pickles are not read") from error


def _entry(path: Path, described: dict[str, Any], key: str) -> dict[str, Any]:
    entry = described.get(key)
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise UserError(f"{path}: damaged checkpoint (its {key} has no name); fetch or train it again")
    return {"config": None, "spec": None, **entry}


def _check_spec(spec: Any, representation: Representation) -> None:
    expected = representation.spec(spec.fields)
    if spec != expected:
        raise UserError(
            f"model and representation do not fit together: shape {spec.shape} against {expected.shape}; train it again"
        )


def _check_shapes(expected: dict[str, list[int]], found: dict[str, list[int]]) -> None:
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            asked, has = expected.get(name, "nothing"), found.get(name, "nothing")
            raise UserError(f"damaged checkpoint (weights {name}: the model asks for {asked}, the file has {has})")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
