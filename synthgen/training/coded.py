"""The codes of a data set, computed once for the training of a second stage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from tqdm import tqdm

from synthgen import files
from synthgen.data.loading import Examples
from synthgen.models.codes import Codes
from synthgen.records import Batch

CODES, LABEL = "codes", "label/"
"""Names in a file of codes."""


class CodedExamples:
    """A data set in codes of 16 bits, in memory; see `synthgen.data.loading.Examples`.

    Its media are the codes, which `Codes.encode` lets pass: a trainer takes both together.

    Attributes:
        spec: What a model may know of the codes.
    """

    def __init__(
        self,
        examples: Examples,
        representation: Codes,
        *,
        path: Path | None = None,
        batch_size: int = 16,
        device: str = "cpu",
    ) -> None:
        """Compute the codes of all examples, or read them where that has been done.

        Args:
            examples: The media.
            representation: Whose codes.
            path: A ``.safetensors`` file to keep the codes in; one of other codes or examples is replaced. If None they
                stay in memory.
            batch_size: Examples to encode at a time.
            device: Where to encode.

        Raises:
            UserError: the file cannot be written.
        """
        self.spec = representation.spec(examples.spec.fields)
        self._provenance = {**examples.provenance(), "coded_by": self.spec.coded_by}
        tensors = _read(path, self._provenance) if path else None
        if tensors is None:
            tensors = _encode(examples, representation, batch_size=batch_size, device=torch.device(device))
            if path:
                _write(path, tensors, self._provenance)
        self._codes = tensors[CODES]
        self._labels = {k.removeprefix(LABEL): v for k, v in tensors.items() if k.startswith(LABEL)}

    def __len__(self) -> int:
        return len(self._codes)

    def batch(self, indices: Tensor) -> Batch:
        """Codes (B, C, *grid) int64 and labels of the examples at `indices` (B,) int64, on the CPU."""
        return Batch(self._codes[indices].long(), {name: values[indices] for name, values in self._labels.items()})

    def provenance(self) -> dict[str, Any]:
        """What the examples say, and the autoencoder's hash."""
        return dict(self._provenance)


class Parts(Protocol):
    """A data set in its three parts."""

    train: Examples
    valid: Examples
    test: Examples


def coded_parts(
    data: Parts, representation: Codes, folder: Path, *, train: Examples | None = None, device: str = "cpu"
) -> tuple[CodedExamples, CodedExamples, CodedExamples]:
    """The codes of the train, valid and test part of a data set, computed once and kept as files of `folder`.

    Args:
        data: The media.
        representation: Whose codes.
        folder: For ``train.safetensors`` and so on; what holds other codes or examples is replaced.
        train: Taken for the train part, e.g. changed copies; that of `data` if None.
        device: Where to encode.

    Raises:
        UserError: a file cannot be written.
    """
    given = {"train": train or data.train, "valid": data.valid, "test": data.test}
    coded = [
        CodedExamples(part, representation, path=folder / f"{name}.safetensors", device=device)
        for name, part in given.items()
    ]
    return tuple(coded)


@torch.no_grad()
def _encode(examples: Examples, representation: Codes, *, batch_size: int, device: torch.device) -> dict[str, Tensor]:
    parts: dict[str, list[Tensor]] = {}
    for indices in tqdm(torch.arange(len(examples)).split(batch_size), desc="codes", disable=None, leave=False):
        batch = examples.batch(indices)
        codes = representation.encode(batch.x.to(device)).to("cpu", torch.int16)
        for name, values in {CODES: codes, **{LABEL + k: v for k, v in batch.labels.items()}}.items():
            parts.setdefault(name, []).append(values)
    return {name: torch.cat(values) for name, values in parts.items()}


def _read(path: Path, provenance: dict[str, Any]) -> dict[str, Tensor] | None:
    """The tensors in `path`; None where there are none of `provenance`."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            if json.loads(file.metadata()["of"]) != json.loads(json.dumps(provenance)):
                return None
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError, ValueError, TypeError, KeyError):
        return None


def _write(path: Path, tensors: dict[str, Tensor], provenance: dict[str, Any]) -> None:
    from safetensors.torch import save

    files.write_bytes(path, save(tensors, metadata={"of": json.dumps(provenance)}))
