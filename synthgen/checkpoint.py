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
    from synthgen.models.codes import Codes
    from synthgen.records import DataSpec
    from synthgen.representations import Representation

FORMAT = "synthgen-1"
MAX_HEADER = 16 << 20
MAX_PARAMETERS = 1 << 30
AUTOENCODER = "autoencoder/"
"""What the names of an autoencoder's weights begin with in the file of a model that has learned its codes."""


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
        representation: Goes into the file's JSON; of `Codes`, the representation of the media does, and the
            autoencoder goes into the file with its weights.
        provenance: Goes into the file's JSON.
        dtype: Store floating-point weights so, e.g. ``torch.float16`` for half the size; None keeps theirs.

    Raises:
        UserError: the representation is another than the model's, or the file cannot be written.
    """
    from safetensors.torch import save as to_bytes

    from synthgen.models.codes import Codes

    _check_spec(model.spec, representation)
    described, weights = {"model": _describe_model(model)}, model.state_dict()
    if isinstance(representation, Codes):
        autoencoder, representation = representation.autoencoder, representation.inner
        described["autoencoder"] = _describe_model(autoencoder)
        weights |= {AUTOENCODER + k: v for k, v in autoencoder.state_dict().items()}
    described["representation"] = {"name": representation.name, "config": config.to_dict(representation)}
    described["provenance"] = provenance
    weights = {
        k: v.detach().to(dtype if dtype and v.is_floating_point() else v.dtype).cpu().contiguous()
        for k, v in weights.items()
    }
    content = to_bytes(weights, metadata={"format": FORMAT, "synthgen": json.dumps(described)})
    files.write_bytes(path, content)


def load(path: Path, *, device: str = "cpu") -> Checkpoint:
    """Rebuild what `save` was given, in float32.

    Nothing is allocated before the sizes that the file's JSON asks for are found in the file itself.

    Raises:
        UserError: no such file, not a checkpoint of this format, damaged, or at odds with itself.
    """
    from safetensors import SafetensorError

    described, shapes = _read_header(path)
    entry, kind = (_entry(path, described, key) for key in ("model", "representation"))
    coder = _entry(path, described, "autoencoder") if "autoencoder" in described else None
    try:
        representation = _representation(kind)
        if coder:
            representation = _coded(path, coder, representation, shapes)
            representation.autoencoder.to(device)
        own = {name: shape for name, shape in shapes.items() if not name.startswith(AUTOENCODER)}
        model = _rebuilt(path, entry, representation, own)
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
        _check_codes(model.spec, loaded.model.spec)
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


def _describe_model(model: Model) -> dict[str, Any]:
    from synthgen.models import MODELS

    name = next(k for k, v in MODELS.items() if v is type(model))
    return {"name": name, "config": config.to_dict(model.config), "spec": config.to_dict(model.spec)}


def _representation(kind: dict[str, Any]) -> Representation:
    from synthgen.representations import REPRESENTATIONS

    checks.one_of("representation", kind["name"], REPRESENTATIONS)
    return config.from_dict(REPRESENTATIONS[kind["name"]], kind["config"], where="representation")


def _coded(path: Path, entry: dict[str, Any], inner: Representation, shapes: dict[str, list[int]]) -> Codes:
    """`Codes` of the autoencoder that the file holds beside its model."""
    from synthgen.models import MODELS, Autoencoder
    from synthgen.models.codes import codes_of

    checks.one_of("autoencoder", entry["name"], [k for k, v in MODELS.items() if issubclass(v, Autoencoder)])
    return codes_of(_rebuilt(path, entry, inner, shapes, prefix=AUTOENCODER), inner)


def _rebuilt(
    path: Path,
    entry: dict[str, Any],
    representation: Representation,
    shapes: dict[str, list[int]],
    *,
    prefix: str = "",
) -> Model:
    """The model of `entry`, with those weights of the file whose names are in `shapes` and begin with `prefix`."""
    import torch
    from safetensors import safe_open

    from synthgen.models import MODELS
    from synthgen.records import DataSpec

    checks.one_of("model", entry["name"], MODELS)
    model_class = MODELS[entry["name"]]
    spec = config.from_dict(DataSpec, entry["spec"], where="spec")
    model_config = config.from_dict(model_class.Config, entry["config"], where="model")
    _check_spec(spec, representation)
    found = {name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)}
    with torch.device("meta"):
        expected = {k: list(v.shape) for k, v in model_class(spec, model_config).state_dict().items()}
    _check_shapes(expected, found)
    model = model_class(spec, model_config)
    with safe_open(path, framework="pt") as file:
        model.load_state_dict({name: file.get_tensor(prefix + name).float() for name in found})
    return model


def _check_spec(spec: DataSpec, representation: Representation) -> None:
    expected = representation.spec(spec.fields)
    _check_codes(expected, spec)
    if spec != expected:
        raise UserError(
            f"model and representation do not fit together: shape {spec.shape} against {expected.shape}; train it again"
        )


def _check_codes(expected: DataSpec, found: DataSpec) -> None:
    if expected.coded_by != found.coded_by:
        a, b = (spec.coded_by[:12] or "none" for spec in (found, expected))
        raise UserError(
            f"the model has learned the codes of autoencoder {a}, and these are of {b}: to it they mean nothing; "
            "train it on these"
        )


def _check_shapes(expected: dict[str, list[int]], found: dict[str, list[int]]) -> None:
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            asked, has = expected.get(name, "nothing"), found.get(name, "nothing")
            raise UserError(f"damaged checkpoint (weights {name}: the model asks for {asked}, the file has {has})")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
