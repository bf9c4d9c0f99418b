"""What a run is made of, so that its folder is not gone on with by another."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

import torch

from synthgen.checks import UserError
from synthgen.config import to_dict
from synthgen.models.base import Model
from synthgen.representations.base import Representation

from .parallel import Group

MAY_CHANGE = ("steps", "minutes", "log_every", "validate_every", "save_every", "sample_every", "device")
"""Training options that a run may be resumed with other values of."""


def describe(model: Model, representation: Representation, config: Any, data: dict[str, Any]) -> dict[str, Any]:
    """What must stay the same for a run to be resumed, in JSON values.

    Args:
        model: Its class, configuration and data specification count.
        representation: Its class and options count.
        config: The trainer's; all but the options `MAY_CHANGE` count.
        data: Provenance of the training examples.
    """
    return {
        "model": {"name": type(model).__name__, **to_dict(model.config)},
        "spec": to_dict(model.spec),
        "representation": representation.described(),
        "train": {name: value for name, value in to_dict(config).items() if name not in MAY_CHANGE},
        "data": data,
    }


def refuse_other(folder: Path, saved: dict[str, Any], run: dict[str, Any]) -> None:
    """Raise UserError, naming the first field that differs, if `folder` holds the run `saved` and not `run`.

    Fields that only one of them has are passed over, so that a run outlives a new option.
    """
    difference = _difference(saved, json.loads(json.dumps(run)), "")
    if difference:
        raise UserError(f"{folder} holds a run with {difference}; choose another folder, or remove this one")


def machine(group: Group) -> dict[str, Any]:
    """What a run is trained on."""
    gpu = group.device.type == "cuda"
    return {
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "device": torch.cuda.get_device_name(group.device) if gpu else "cpu",
        "cores": os.cpu_count(),
        "processes": group.world,
    }


def _difference(saved: Any, given: Any, where: str) -> str:
    if isinstance(saved, dict) and isinstance(given, dict):
        inside = (_difference(saved[k], given[k], f"{where}.{k}".lstrip(".")) for k in saved if k in given)
        return next(filter(None, inside), "")
    return "" if saved == given else f"{where}={_short(saved)}, not {_short(given)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
