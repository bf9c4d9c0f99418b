"""Numba kernels as scanners."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from synthgen.heads import Categorical, Head, LogisticMixture, Sampling
from synthgen.records import Labels
from synthgen.threads import one_thread

if TYPE_CHECKING:
    from synthgen.kernels.drawing import Drawing

LARGEST_GROUP = 16
"""Examples that one thread takes through the network together; more of them would leave the nearest cache."""


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """A network for the CPU.

    Attributes:
        scan: The kernel, called with weights, state, inputs, a `kernels.stretch.Stretch` and a `Drawing`.
        weights: The network's.
        begin: The state of n examples, called with weights and n.
        inputs: What enters beside the levels, called with the labels of one example, the first element and a length;
            arrays whose first axis has one entry.
    """

    scan: Callable[..., None]
    weights: NamedTuple
    begin: Callable[[Any, int], NamedTuple]
    inputs: Callable[[Labels, int, int], NamedTuple]


class Lockstep:
    """A `Scanner` that takes groups of examples side by side, on as many threads as torch would.

    An example is the same, bit for bit, whatever else is made and on however many threads: kernels promise it, and
    what depends on labels is computed for each example alone and on one thread.
    """

    def __init__(self, kernel: Kernel, head: Head, labels: Labels, n: int) -> None:
        """Compile `kernel` where that is not done yet.

        Raises:
            RuntimeError: it does not compile.
        """
        from synthgen.kernels.compiling import compile_for

        self.kernel, self.head, self.start = kernel, head, 0
        self.labels = [{name: label[i : i + 1] for name, label in labels.items()} for i in range(n)]
        self.threads = min(torch.get_num_threads(), n)
        count = max(self.threads, -(-n // LARGEST_GROUP))
        bounds = [n * i // count for i in range(count + 1)]
        self.groups = [slice(a, b) for a, b in pairwise(bounds)]
        self.states = [kernel.begin(kernel.weights, group.stop - group.start) for group in self.groups]
        nothing = np.zeros((n, 0, head.draws), dtype=np.float32), np.zeros((n, 0), dtype=np.int64)
        compile_for(self._make, self.groups[0], self.states[0], (0, *nothing), drawing_of(head, Sampling()))

    def __call__(self, uniforms: Tensor, known: Tensor, sampling: Sampling) -> Tensor:
        drawn = np.ascontiguousarray(uniforms.transpose(1, 2).cpu().numpy())
        x = np.zeros(drawn.shape[:2], dtype=np.int64)
        x[:, : known.shape[1]] = known.cpu().numpy()
        stretch, drawing = (known.shape[1], drawn, x), drawing_of(self.head, sampling)
        with ThreadPoolExecutor(self.threads) as pool:
            made = [
                pool.submit(self._make, group, state, stretch, drawing)
                for group, state in zip(self.groups, self.states, strict=True)
            ]
        for each in made:
            each.result()
        self.start += drawn.shape[1]
        return torch.from_numpy(x).to(known.device)

    def _make(
        self, group: slice, state: NamedTuple, stretch: tuple[int, np.ndarray, np.ndarray], drawing: Drawing
    ) -> None:
        """Write the next elements of a group."""
        from synthgen.kernels.stretch import Stretch

        known, uniforms, x = stretch
        with one_thread(), torch.no_grad():
            each = [self.kernel.inputs(labels, self.start, max(x.shape[1], 1)) for labels in self.labels[group]]
        inputs = type(each[0])(*map(np.concatenate, zip(*each, strict=True)))
        part = Stretch(start=self.start, known=known, uniforms=uniforms[group], x=x[group])
        self.kernel.scan(self.kernel.weights, state, inputs, part, drawing)


def array(x: Tensor) -> np.ndarray:
    """A tensor as kernels take it: contiguous float32."""
    return np.ascontiguousarray(x.detach().float().cpu().numpy())


def drawable(head: Head) -> bool:
    """Whether kernels know how to draw from `head`."""
    return isinstance(head, Categorical | LogisticMixture)


def drawing_of(head: Head, sampling: Sampling) -> Drawing:
    """A head and how to sample from it, as kernels take them."""
    from synthgen.kernels.drawing import Drawing

    mixture = isinstance(head, LogisticMixture)
    return Drawing(
        levels=head.levels,
        components=head.components if mixture else 0,
        least_log_scale=head.least_log_scale if mixture else 0.0,
        temperature=float(sampling.heat),
        top_k=sampling.top_k or 0,
        top_p=2.0 if sampling.top_p is None else float(sampling.top_p),
    )
