"""A trained model, ready to play."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from synthgen import checkpoint
from synthgen.checks import UserError
from synthgen.models.base import GenerativeModel
from synthgen.records import Labels
from synthgen.rendering.library import ModelInfo, inspect
from synthgen.rendering.note import Note
from synthgen.rendering.request import Instrument, Request
from synthgen.representations.base import AudioRepresentation


class Synthesizer:
    """Notes from labels.

    A note depends on the model, the request and its seed alone, not on the notes beside it. It is made by one thread,
    since the last bits of a sum depend on how many threads share it.
    """

    def __init__(self, info: ModelInfo, model: GenerativeModel, representation: AudioRepresentation) -> None:
        self.info, self.model, self.representation = info, model, representation
        self.device = next((p.device for p in model.parameters()), torch.device("cpu"))

    @classmethod
    def load(cls, name_or_path: str | Path = "spectrogram", *, device: str = "cpu") -> Synthesizer:
        """A bundled model by its name, or one at the path of a ``.safetensors`` file or of a training run's folder.

        Raises:
            UserError: there is no such model, its file is damaged, or it does not make notes.
        """
        info = inspect(name_or_path)
        loaded = checkpoint.load(info.path, device=device)
        if not isinstance(loaded.model, GenerativeModel) or not isinstance(loaded.representation, AudioRepresentation):
            kind = f"{type(loaded.model).__name__} of {loaded.representation.name}"
            raise UserError(f"{info.path}: a {kind} cannot play notes; name a generative model of audio")
        return cls(info, loaded.model, loaded.representation)

    @property
    def name(self) -> str:
        """What the model is called."""
        return self.info.name

    @property
    def instruments(self) -> list[str]:
        """Names of the instruments, in the model's order."""
        return list(self.info.repertoire.instruments)

    @property
    def pitches(self) -> tuple[float, float]:
        """Lowest and highest MIDI note."""
        return self.info.repertoire.pitches

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return self.info.sample_rate

    def note(self, instrument: Instrument, *, pitch: float | str, velocity: float = 100, seed: int = 0) -> Note:
        """Make one note.

        Args:
            instrument: A name, or names and weights that sum up to 1, e.g. ``{"flute": 0.5, "church organ": 0.5}``.
            pitch: MIDI note number, perhaps between two keys (57.5), or a note name ("A4" is 69).
            velocity: MIDI velocity, 1 to 127; between learned velocities it interpolates, beyond them the nearest
                learned one is played.
            seed: The same seed gives the same samples.

        Raises:
            UserError: the model cannot play that; the message names the field, and the closest instruments.
        """
        asked = Request(instrument=instrument, pitch=pitch, velocity=velocity, seed=seed)
        return self._make(self.info.repertoire.resolve(asked))

    def notes(self, requests: Iterable[Request | Mapping[str, Any] | tuple[Any, ...]]) -> list[Note]:
        """Make many notes, each the same bit for bit as `note` alone makes it.

        Args:
            requests: Each a `Request`, its fields as a mapping, or a tuple (instrument, pitch[, velocity[, seed]]).

        Raises:
            UserError: the model cannot play one of them; all are checked first, and the message counts from 0.
        """
        resolved = []
        for index, asked in enumerate(requests):
            try:
                resolved.append(self.info.repertoire.resolve(_request(asked)))
            except UserError as error:
                raise UserError(f"request {index}: {error}") from error
        return [self._make(request) for request in resolved]

    def _make(self, request: Request) -> Note:
        rng = torch.Generator(self.device).manual_seed(request.seed)
        with torch.inference_mode(), _one_thread():
            example = self.model.sample(1, self._labels(request), rng=rng)
            audio = self.representation.decode(example, rng=rng)[0, 0].float().cpu().numpy()
        labels = {"instrument": request.instrument_name, "pitch": request.pitch, "velocity": request.velocity}
        return Note(audio=audio, sample_rate=self.sample_rate, labels=labels | {"seed": request.seed})

    def _labels(self, request: Request) -> Labels:
        """Only what the model knows: it may have no velocity; family and source are left unknown."""
        names = self.info.repertoire.instruments
        if isinstance(request.instrument, str):
            instrument = torch.tensor([names.index(request.instrument)])
        else:
            instrument = torch.tensor([[request.instrument.get(name, 0.0) for name in names]])
        labels = {
            "instrument": instrument,
            "pitch": torch.tensor([float(request.pitch)]),
            "velocity": torch.tensor([float(request.velocity)]),
        }
        known = {field.name for field in self.model.spec.fields}
        return {name: label.to(self.device) for name, label in labels.items() if name in known}


@contextmanager
def _one_thread() -> Iterator[None]:
    """Torch keeps this setting for each calling thread apart, so that it may be changed for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _request(asked: Request | Mapping[str, Any] | tuple[Any, ...]) -> Request:
    if isinstance(asked, Request):
        return asked
    try:
        if isinstance(asked, tuple):
            return Request(**dict(zip(("instrument", "pitch", "velocity", "seed")[: len(asked)], asked, strict=True)))
        return Request(**asked)
    except (TypeError, ValueError) as error:
        parts = "instrument, pitch and perhaps velocity and seed"
        raise UserError(f"{asked!r} must be a Request, a mapping or a tuple of {parts}") from error
