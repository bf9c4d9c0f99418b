"""The file that a run is resumed from."""

from __future__ import annotations

import io
import json
import math
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from synthgen import files
from synthgen.checks import UserError

FORMAT = 1
DAMAGE = (OSError, EOFError, RuntimeError, ValueError, TypeError, KeyError, AttributeError, pickle.PickleError)
"""What reading a damaged file may raise."""


@dataclass(kw_only=True)
class State:
    """Everything that the next step depends on; the data order and all draws follow from the step and the seed.

    Attributes:
        run: What the run is made of, in JSON values: model, representation, training and data.
        step: Steps taken.
        seconds: Training time so far.
        weights: Weights and buffers of the model.
        average: Those of its moving average.
        optimizers: State of each phase's optimizer, by the phase's name.
        best: Lowest validation loss so far.
        metrics: The newest validation's values.
        meter: Sums of the values since the last log line, see `log.Meter`.
    """

    run: dict[str, Any]
    step: int
    seconds: float
    weights: dict[str, Any]
    average: dict[str, Any]
    optimizers: dict[str, Any]
    best: float = math.inf
    metrics: dict[str, float] = field(default_factory=dict)
    meter: dict[str, float] = field(default_factory=dict)


def save(path: Path, state: State) -> None:
    """Write atomically.

    Raises:
        UserError: the file cannot be written; an older one is kept.
    """
    values = {f: getattr(state, f) for f in State.__dataclass_fields__} | {"run": json.dumps(state.run)}
    # torch.save to a full disk raises a RuntimeError that does not say so; writing bytes gives the OSError.
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **values}, buffer)
    with files.atomic(path) as partial:
        partial.write_bytes(buffer.getbuffer())


def load(path: Path) -> State:
    """Read what `save` wrote, on the CPU, without running any code that the file may hold.

    Raises:
        UserError: the file is damaged, or of another version.
    """
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
        version = values.pop("format")
        values["run"] = json.loads(values["run"])
        state = State(**values)
    except (
        OSError,
        EOFError,
        RuntimeError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        pickle.PickleError,
    ) as error:
        raise UserError(f"{path} is damaged or no training state; remove its folder to start afresh") from error
    if version != FORMAT:
        raise UserError(f"{path} has training state format {version}, this version reads {FORMAT}")
    return state
