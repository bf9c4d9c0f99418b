"""What models that draw a picture element by element have in common: the labels, the colours and the head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from synthgen import checks
from synthgen.heads import HeadName, make_head
from synthgen.nn.condition import LabelEncoder
from synthgen.records import DataSpec

from .autoregressive import Autoregressive


class AutoregressivePicture(Autoregressive):
    """Pictures with levels, of any number of channels, rows and columns.

    Attributes:
        encoder: Labels to the label vector; None for a model without labels.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """What such models have in common."""

        labels: tuple[str, ...] = ()
        """Labels that the model is given; the others are ignored."""
        dim: int = 64
        """Size of the label vector."""
        head: HeadName = "categorical"
        """A softmax over all levels, the logit of the second of two, or a mixture of logistics for ordered levels."""
        components: int = 10
        """Logistics of the mixture."""
        label_dropout: float = 0.0
        """Probability that a label is withheld in training."""
        temperature: float = 1.0
        """What pictures are drawn at unless another is asked for."""

    config: Config

    def __init__(self, spec: DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        checks.equal(f"axes of a {type(self).__name__}'s data", spec.ndim, "number of axes", 2)
        for label in config.labels:
            checks.one_of("label of the model", label, [field.name for field in spec.fields])
        checks.between("dim", config.dim, 1, 8192)
        checks.between("label_dropout", config.label_dropout, 0, 1)
        checks.between("temperature", config.temperature, 1e-3, 100)
        self.temperature = config.temperature
        self.head = make_head(config.head, levels=spec.levels, components=config.components)
        fields = tuple(spec.field(name) for name in config.labels)
        self.encoder = LabelEncoder(fields, config.dim, dropout=config.label_dropout) if fields else None

    def planes(self, x: Tensor) -> Tensor:
        """Elements (B, *E) with their channels, (B, C, H, W)."""
        return x[:, None] if self.spec.shape[0] == 1 else x
