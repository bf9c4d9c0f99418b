"""A model played note by note, as its user plays it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from synthgen.checks import UserError
from synthgen.models.base import GenerativeModel
from synthgen.records import Field, Labels
from synthgen.representations.base import AudioRepresentation
from synthgen.threads import one_thread


@dataclass(frozen=True, kw_only=True)
class Player:
    """Makes one note at a time, each with the same seed.

    Attributes:
        model: In eval mode.
        representation: Turns its examples into waveforms.
        seed: Seed of every note.
    """

    model: GenerativeModel
    representation: AudioRepresentation
    seed: int = 0

    @torch.inference_mode()
    def play(self, labels: Labels) -> Tensor:
        """The waveform (T,), on the CPU, of one note's labels, numbered as the model numbers them.

        Raises:
            UserError: the model makes values that are no numbers.
        """
        device = next((p.device for p in self.model.parameters()), torch.device("cpu"))
        rng = torch.Generator(device).manual_seed(self.seed)
        labels = {name: label.to(device) for name, label in labels.items()}
        audio = self.representation.decode(self.model.sample(1, labels, rng=rng), rng=rng)[0, 0].float().cpu()
        if not audio.isfinite().all():
            raise UserError("the model makes values that are no numbers; train it again")
        return audio

    @torch.inference_mode()
    def round_trip(self, audio: Tensor) -> Tensor:
        """A waveform (T,) through the representation and back."""
        rng = torch.Generator().manual_seed(self.seed)
        return self.representation.decode(self.representation.encode(audio[None, None]), rng=rng)[0, 0]

    def times_real_time(self, labels: Iterable[Labels]) -> float:
        """Seconds of audio made per second on one thread: the median over the notes, after a first one to warm up."""
        seconds = []
        with one_thread():
            for note in labels:
                started = time.perf_counter()
                audio = self.play(note)
                seconds.append(time.perf_counter() - started)
        return len(audio) / self.representation.sample_rate / statistics.median(seconds[1:] or seconds)


def relabel(labels: Labels, *, given: tuple[Field, ...], known: tuple[Field, ...]) -> Labels:
    """Labels of a data set with the fields `given`, numbered as by the fields `known` of a model.

    Fields that the model does not have are left out; a category that it has no name for becomes unknown.
    """
    names = {field.name: field.names for field in known}
    chosen = {}
    for field in given:
        if field.name not in names or field.name not in labels:
            continue
        chosen[field.name] = labels[field.name]
        if field.kind == "category" and field.names != names[field.name]:
            number = {name: index for index, name in enumerate(names[field.name])}
            table = [number.get(name, -1) for name in field.names]
            chosen[field.name] = torch.tensor([*table, -1])[labels[field.name]]  # -1 finds the last
    return chosen
