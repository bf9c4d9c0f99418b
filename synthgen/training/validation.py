"""Mean losses over held-out examples."""

from __future__ import annotations

import torch

from synthgen.data.loading import Examples
from synthgen.models.base import Model
from synthgen.representations.base import Representation

from .encoding import encoded
from .optimization import scalars
from .parallel import Group
from .seeding import seed_everything


class Validation:
    """The same examples, evenly spread over the data set, with the same noise each time it is run."""

    def __init__(
        self,
        examples: Examples,
        representation: Representation,
        *,
        count: int,
        batch_size: int,
        group: Group,
    ) -> None:
        count = min(count, len(examples))
        indices = torch.linspace(0, len(examples) - 1, count, dtype=torch.float64).round().long()
        self.chunks = indices.split(batch_size)
        self.examples, self.representation, self.group = examples, representation, group

    def run(self, model: Model) -> dict[str, float]:
        """Mean over the examples of each phase's loss and its parts, as ``phase/part``.

        Args:
            model: In eval mode, with parameters that need no gradients. Gradients stay enabled, because a loss may
                need them with respect to its input (a gradient penalty).
        """
        sums: dict[str, float] = {}
        for number in range(self.group.rank, len(self.chunks), self.group.world):
            seed_everything("validation", number)
            media = self.examples.batch(self.chunks[number])
            (batch,) = encoded(media, self.representation, device=self.group.device)
            for phase in model.phases():
                with self.group.autocast():
                    values = scalars(phase.loss(batch))
                for name, value in values.items():
                    key = f"{phase.name}/{name}"
                    sums[key] = sums.get(key, 0.0) + value.item() * len(batch)
        return self._mean(sums)

    def _mean(self, sums: dict[str, float]) -> dict[str, float]:
        count = sum(len(chunk) for chunk in self.chunks)
        means: dict[str, float] = {}
        for part in self.group.gather(sums):
            for name, value in part.items():
                means[name] = means.get(name, 0.0) + value / count
        return means
