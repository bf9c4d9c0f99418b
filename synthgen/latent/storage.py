"""Spaces and presets in files that are safe to read from anywhere: safetensors and JSON, never pickle."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synthgen import checks, files
from synthgen.checks import UserError

from .axes import Axes
from .density import Density, Mixture, Normal

FORMAT, PRESETS = "synthgen-latent-1", "synthgen-presets-1"
MAX_BYTES = 8 << 20
AXES, MIXTURE = ("middle", "directions", "deviations", "explained"), ("weights", "means", "factors")
FURTHEST = 100.0
"""Standard deviations either way that a slider of a preset may stand at."""

Presets = dict[str, dict[int, float]]
"""Sliders by axis, by the preset's name."""


def write(path: Path, *, shape: tuple[int, ...], axes: Axes, density: Density) -> Path:
    """Write a space atomically; return the path.

    Raises:
        UserError: another ending than .safetensors, or the file cannot be written.
    """
    from safetensors.torch import save

    _check_ending(path, ".safetensors")
    tensors = {name: getattr(axes, name).contiguous() for name in AXES}
    if isinstance(density, Mixture):
        tensors |= {f"mixture.{name}": getattr(density, name).contiguous() for name in MIXTURE}
    described = {"shape": list(shape), "density": "mixture" if isinstance(density, Mixture) else "normal"}
    files.write_bytes(path, save(tensors, metadata={"format": FORMAT, "synthgen": json.dumps(described)}))
    return path


def read(path: Path) -> tuple[tuple[int, ...], Axes, Density]:
    """Shape, axes and density of the space in a file.

    Raises:
        UserError: there is none, or it is damaged or at odds with itself.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise UserError(f"{path}: no such space; a recipe that fits one writes it beside its checkpoint")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ValueError(f"its format is {metadata.get('format')!r}, this version reads {FORMAT!r}")
            described = json.loads(metadata["synthgen"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
        shape = _shape(described["shape"])
        return shape, _axes(tensors, math.prod(shape)), _density(described["density"], tensors)
    except OSError as error:
        raise UserError(f"{path}: cannot read ({error.strerror})") from error
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"{path}: not a space, or a damaged one ({reason}); fit it again") from error


def write_presets(path: Path, presets: Mapping[str, Mapping[int, float]], *, axes: int) -> Path:
    """Write positions of sliders by name as JSON, atomically; return the path.

    Args:
        path: A .json file.
        presets: Standard deviations along some axes.
        axes: Number of axes of the space that they are for.

    Raises:
        UserError: a name, an axis or a value that cannot be.
    """
    _check_ending(path, ".json")
    tidy = {name: {str(axis): float(value) for axis, value in row.items()} for name, row in presets.items()}
    _parsed(tidy, axes=axes, where=str(path))
    content = {"format": PRESETS, "axes": axes, "presets": tidy}
    files.write_bytes(path, json.dumps(content, indent=1, ensure_ascii=False).encode())
    return path


def read_presets(path: Path, *, axes: int) -> Presets:
    """The presets in a file, for a space of so many axes.

    Raises:
        UserError: there is no such file, it is damaged, or it is for another space.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("format") != PRESETS:
            raise ValueError(f"its format is not {PRESETS!r}")
    except OSError as error:
        raise UserError(f"{path}: cannot read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: holds no presets ({error}); write them with latent.storage.write_presets") from error
    checks.equal(f"{path}: axes", content.get("axes"), "the space's", axes)
    return _parsed(content.get("presets"), axes=axes, where=str(path))


def _parsed(presets: Any, *, axes: int, where: str) -> Presets:
    if not isinstance(presets, dict) or not all(isinstance(row, dict) for row in presets.values()):
        raise UserError(f"{where}: presets must be a table of names, each with a table of axes and values")
    found: Presets = {}
    for name, row in presets.items():
        if not name.strip():
            raise UserError(f"{where}: a preset has no name; give it one")
        for axis, value in row.items():
            if not (axis.isdecimal() and axis.isascii() and len(axis) < 10 and int(axis) < axes):
                raise UserError(f"{where}: preset {name!r}, axis {axis!r} must be a number from 0 to {axes - 1}")
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise UserError(f"{where}: preset {name!r}, axis {axis}: {value!r} must be a number")
            checks.between(f"{where}: preset {name!r}, axis {axis}", value, -FURTHEST, FURTHEST)
        found[name] = {int(axis): float(value) for axis, value in row.items()}
    return found


def _shape(values: Any) -> tuple[int, ...]:
    if not isinstance(values, list) or not values or not all(type(v) is int and v > 0 for v in values):
        raise ValueError(f"shape={values!r} must be a list of sizes")
    return tuple(values)


def _axes(tensors: Mapping[str, Tensor], size: int) -> Axes:
    axes = Axes(**{name: tensors[name] for name in AXES})
    k = len(axes.deviations)
    for name, shape in {"middle": (size,), "directions": (k, size), "deviations": (k,), "explained": (k,)}.items():
        _check(name, tensors[name], shape)
    if (axes.deviations < 0).any():
        raise ValueError("a standard deviation is negative")
    return axes


def _density(name: Any, tensors: Mapping[str, Tensor]) -> Density:
    k = len(tensors["deviations"])
    if name == "normal":
        return Normal(k)
    if name != "mixture":
        raise ValueError(f"density={name!r} is not known")
    mixture = Mixture(**{part: tensors[f"mixture.{part}"] for part in MIXTURE})
    members = len(mixture.weights)
    for part, shape in {"weights": (members,), "means": (members, k), "factors": (members, k, k)}.items():
        _check(part, tensors[f"mixture.{part}"], shape)
    if (mixture.weights < 0).any() or not mixture.weights.sum() > 0:
        raise ValueError("the mixture's weights must not be negative, nor all zero")
    return mixture


def _check(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    checks.shape(name, tensor, shape)
    if tensor.dtype not in (torch.float32, torch.float64) or not tensor.isfinite().all():
        raise ValueError(f"{name} must be finite numbers")


def _check_ending(path: Path, ending: str) -> None:
    if path.suffix != ending:
        raise UserError(f"{path}: suffix={path.suffix!r} must be {ending}")
