"""A trained model, ready to play."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synthgen import checkpoint, checks
from synthgen.checks import UserError
from synthgen.data.audio import read_audio
from synthgen.heads import PLAIN, Sampling
from synthgen.models.autoregressive import Autoregressive, Progress
from synthgen.models.base import GenerativeModel
from synthgen.models.precision import Precision, prepare
from synthgen.records import Batch, Labels
from synthgen.rendering.adapted import Adapted
from synthgen.rendering.adapting import adapt
from synthgen.rendering.library import ModelInfo, inspect
from synthgen.rendering.note import Note
from synthgen.rendering.request import Instrument, Request
from synthgen.representations.base import AudioRepresentation
from synthgen.threads import one_thread

TOGETHER = 16
"""Notes that a model which draws sample by sample makes in lockstep."""


class Synthesizer:
    """Notes from labels.

    A note depends on the model, the request and its seed alone, not on the notes beside it. It is made by one thread,
    since the last bits of a sum depend on how many threads share it.

    Attributes:
        draws_samples: Whether the model draws one sample after the other: it takes its time, `sampling` says how, and
            it can go on from a recording.
    """

    def __init__(self, info: ModelInfo, model: GenerativeModel, representation: AudioRepresentation) -> None:
        self.info, self.model, self.representation = info, model, representation
        self.device = next((p.device for p in model.parameters()), torch.device("cpu"))
        self.draws_samples = isinstance(model, Autoregressive)

    @classmethod
    def load(
        cls, name_or_path: str | Path = "spectrogram", *, device: str = "cpu", precision: Precision = "float32"
    ) -> Synthesizer:
        """A bundled model by its name, or one at the path of a ``.safetensors`` file or of a training run's folder.

        Args:
            name_or_path: The model.
            device: What it computes on.
            precision: "bfloat16" is faster on a processor that multiplies such numbers; see `models.precision`.

        Raises:
            UserError: there is no such model, its file is damaged, or it does not make notes.
        """
        info = inspect(name_or_path)
        loaded = checkpoint.load(info.path, device=device)
        if not isinstance(loaded.model, GenerativeModel) or not isinstance(loaded.representation, AudioRepresentation):
            kind = f"{type(loaded.model).__name__} of {loaded.representation.name}"
            raise UserError(f"{info.path}: a {kind} cannot play notes; name a generative model of audio")
        return cls(info, prepare(loaded.model, precision), loaded.representation)

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

    @property
    def together(self) -> int:
        """Notes that are made side by side where many are asked for."""
        return TOGETHER if self._in_lockstep else 1

    def note(
        self,
        instrument: Instrument,
        *,
        pitch: float | str,
        velocity: float = 100,
        seed: int = 0,
        sampling: Sampling | None = None,
        progress: Progress | None = None,
    ) -> Note:
        """Make one note.

        Args:
            instrument: A name, or what `adapt` returned, or the path of its file, or several of these and weights that
                sum up to 1, e.g. ``{"flute": 0.5, "church organ": 0.5}``.
            pitch: MIDI note number, perhaps between two keys (57.5), or a note name ("A4" is 69).
            velocity: MIDI velocity, 1 to 127; between learned velocities it interpolates, beyond them the nearest
                learned one is played.
            seed: The same seed gives the same samples.
            sampling: Temperature and cuts of a model that draws sample by sample; for others None.
            progress: Called by such a model with the samples made so far and all of them; what it raises ends the note.

        Raises:
            UserError: the model cannot play that; the message names the field, and the closest instruments.
        """
        asked = Request(instrument=instrument, pitch=pitch, velocity=velocity, seed=seed)
        return self._make([self.info.with_files.resolve(asked)], sampling, progress)[0]

    def notes(
        self,
        requests: Iterable[Request | Mapping[str, Any] | tuple[Any, ...]],
        *,
        sampling: Sampling | None = None,
        progress: Progress | None = None,
    ) -> list[Note]:
        """Make many notes, each the same bit for bit as `note` alone makes it.

        Args:
            requests: Each a `Request`, its fields as a mapping, or a tuple (instrument, pitch[, velocity[, seed]]).
            sampling: See `note`.
            progress: See `note`; it is told of groups of up to `together` notes, one after the other.

        Raises:
            UserError: the model cannot play one of them; all are checked first, and the message counts from 0.
        """
        resolved = []
        for index, asked in enumerate(requests):
            try:
                resolved.append(self.info.with_files.resolve(_request(asked)))
            except UserError as error:
                raise UserError(f"request {index}: {error}") from error
        groups = [resolved[i : i + self.together] for i in range(0, len(resolved), self.together)]
        return [note for group in groups for note in self._make(group, sampling, progress)]

    def complete(
        self,
        beginning: str | Path | np.ndarray,
        request: Request | Mapping[str, Any] | tuple[Any, ...],
        *,
        sampling: Sampling | None = None,
        progress: Progress | None = None,
    ) -> Note:
        """Go on from the beginning of a note, as a model that draws sample by sample can.

        Args:
            beginning: Mono WAV or FLAC file at the model's rate, or samples in [-1, 1], (T,).
            request: What the note is, as in `notes`.
            sampling: See `note`.
            progress: See `note`.

        Raises:
            UserError: the beginning is empty, too long or of another rate, or the model cannot go on from one.
        """
        if not self.draws_samples:
            raise UserError(f"model {self.name!r} cannot go on from a recording; one that draws sample by sample can")
        resolved = self.info.repertoire.resolve(_request(request))
        if isinstance(beginning, np.ndarray):
            return self._make([resolved], sampling, progress, _waveform(beginning))[0]
        audio = read_audio(Path(beginning), sample_rate=self.sample_rate)
        try:
            return self._make([resolved], sampling, progress, _waveform(audio))[0]
        except UserError as error:
            raise UserError(f"{beginning}: {error}") from error

    def adapt(
        self,
        recordings: Sequence[str | Path],
        *,
        name: str,
        pitches: Sequence[float | str | None] | None = None,
        velocities: Sequence[float | str] | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Adapted:
        """A new instrument from recordings of one or a few of its notes, which `note` plays at any pitch and velocity.

        Args:
            recordings: Audio files, each of one note, of any rate, length and number of channels.
            name: What the instrument shall be called.
            pitches: Of each, a MIDI number or a note name, or None where it shall be measured; None measures all.
            velocities: Of each; None takes those that fit best, since a recording's level says little of it.
            seed: The same seed finds the same instrument.
            progress: Told of the steps that are done, and of all; what it raises ends the search.

        Raises:
            UserError: a recording or pitch is of no use, or the model cannot be adapted.
        """
        given = {"pitches": pitches, "velocities": velocities}
        return adapt(self, recordings, name=name, **given, seed=seed, progress=progress)

    def _make(
        self,
        requests: Sequence[Request],
        sampling: Sampling | None,
        progress: Progress | None,
        beginning: Tensor | None = None,
    ) -> list[Note]:
        streams = [torch.Generator(self.device).manual_seed(request.seed) for request in requests]
        with torch.inference_mode(), nullcontext() if self._in_lockstep else one_thread():
            examples = self._examples(requests, streams, sampling, progress, beginning)
            media = [self.representation.decode(x[None], rng=s) for x, s in zip(examples, streams, strict=True)]
        return [self._note(request, x) for request, x in zip(requests, media, strict=True)]

    def _examples(
        self,
        requests: Sequence[Request],
        streams: list[torch.Generator],
        sampling: Sampling | None,
        progress: Progress | None,
        beginning: Tensor | None,
    ) -> Tensor:
        labels, n = self._labels(requests), len(requests)
        if not isinstance(self.model, Autoregressive):
            if sampling is not None:
                raise UserError(
                    f"model {self.name!r} takes no temperature, top_k or top_p; leave them out, or choose a model that"
                    " draws sample by sample"
                )
            return self.model.sample(n, labels, rng=streams[0])  # notes of such a model are made one at a time
        sampling = sampling or PLAIN
        if not sampling.heat > 0:
            raise UserError(f"temperature={sampling.temperature:g} must be above 0; 1 draws as the model has learned")
        options = {"rng": streams, "sampling": sampling, "progress": progress}
        if beginning is None:
            return self.model.sample(n, labels, **options)
        heard = beginning.to(self.device)
        known = Batch(self.representation.encode(heard), labels, heard)
        return self.model.complete(known.x[:, 0], self.model.told(known), **options)

    @cached_property
    def _in_lockstep(self) -> bool:
        """Whether several notes at once, on several threads, come out as they do alone."""
        return isinstance(self.model, Autoregressive) and self.model.keeps_examples_apart()

    def _note(self, request: Request, media: Tensor) -> Note:
        labels = {"instrument": request.instrument_name, "pitch": request.pitch, "velocity": request.velocity}
        audio = media[0, 0].float().cpu().numpy()
        return Note(audio=audio, sample_rate=self.sample_rate, labels=labels | {"seed": request.seed})

    def _labels(self, requests: Sequence[Request]) -> Labels:
        """Only what the model knows: it may have no velocity; family and source are left unknown."""
        names = self.info.repertoire.instruments
        blends = [r.instrument if isinstance(r.instrument, Mapping) else {r.instrument: 1.0} for r in requests]
        weights = torch.tensor([[blend.get(name, 0.0) for name in names] for blend in blends], device=self.device)
        adapted = any(request.adapted for request in requests)
        labels = {
            "instrument": self._vectors(requests, weights) if adapted else weights,
            "pitch": torch.tensor([float(request.pitch) for request in requests]),
            "velocity": torch.tensor([float(request.velocity) for request in requests]),
        }
        known = {field.name for field in self.model.spec.fields}
        return {name: label.to(self.device) for name, label in labels.items() if name in known}

    def _vectors(self, requests: Sequence[Request], weights: Tensor) -> Tensor:
        """Instruments (B, 1, D) of which some were fitted to recordings; the others' weights are (B, K)."""
        encoder = self.model.encoder.encoders["instrument"]
        vectors = encoder(weights, len(requests))
        for request, vector in zip(requests, vectors, strict=True):
            for one in request.adapted:
                checks.equal(f"size of {one.label}", len(one.vector), "that of the model's instruments", encoder.dim)
                share = 1.0 if isinstance(request.instrument, str) else request.instrument[one.label]
                vector += share * vector.new_tensor(one.vector)
        return vectors[:, None]


def _waveform(audio: np.ndarray) -> Tensor:
    """Samples (T,) as media (1, 1, T)."""
    if audio.ndim != 1 or not audio.size or not np.isfinite(audio).all():
        raise UserError(f"beginning of shape {audio.shape} must be (samples,), at least one, all finite numbers")
    return torch.from_numpy(audio.astype(np.float32))[None, None]


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
