"""A trained model, ready to play."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from functools import cached_property, partial
from pathlib import Path

import torch
from torch import Tensor

from synthgen import checkpoint
from synthgen.checks import UserError
from synthgen.heads import PLAIN, Sampling
from synthgen.models.autoregressive import Autoregressive, Progress
from synthgen.models.base import GenerativeModel
from synthgen.models.precision import Precision, prepare
from synthgen.rendering.adapted import Adapted
from synthgen.rendering.adapting import adapt
from synthgen.rendering.coding import Coder, Sound, heard, shares_of
from synthgen.rendering.continuing import continuation
from synthgen.rendering.labelling import labels_of
from synthgen.rendering.library import ModelInfo, inspect
from synthgen.rendering.note import Note
from synthgen.rendering.request import Asked, Instrument, Request, as_request
from synthgen.rendering.sound_codes import SoundCodes
from synthgen.representations.base import AudioRepresentation
from synthgen.threads import one_thread

TOGETHER = 16
"""Notes that a model which draws sample by sample makes in lockstep."""


class Synthesizer:
    """Notes from labels.

    A note depends on the model, the request and its seed alone, not on the notes beside it. It is made by one thread,
    since the last bits of a sum depend on how many threads share it.

    Attributes:
        has_codes: Whether it makes notes of codes, and so takes recordings: `encode`, `resynthesize`, `interpolate`.
        draws: Whether the model draws one element after the other, samples or codes: `sampling` says how, and it can go
            on from a recording.
        draws_samples: Whether these are samples, so that it takes its time.
    """

    def __init__(self, info: ModelInfo, model: GenerativeModel, representation: AudioRepresentation) -> None:
        self.info, self.model, self.representation = info, model, representation
        self.device = next((p.device for p in model.parameters()), torch.device("cpu"))
        self.has_codes = bool(model.spec.coded_by)
        self.draws = isinstance(model, Autoregressive)
        self.draws_samples = self.draws and not self.has_codes

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
        requests: Iterable[Asked],
        *,
        sampling: Sampling | None = None,
        progress: Progress | None = None,
    ) -> list[Note]:
        """Make many notes, each the same bit for bit as `note` alone makes it.

        Args:
            requests: See `request.Asked`.
            sampling: See `note`.
            progress: See `note`; it is told of groups of up to `together` notes, one after the other.

        Raises:
            UserError: the model cannot play one of them; all are checked first, and the message counts from 0.
        """
        resolved = []
        for index, asked in enumerate(requests):
            try:
                resolved.append(self.info.with_files.resolve(as_request(asked)))
            except UserError as error:
                raise UserError(f"request {index}: {error}") from error
        groups = [resolved[i : i + self.together] for i in range(0, len(resolved), self.together)]
        return [note for group in groups for note in self._make(group, sampling, progress)]

    def complete(
        self,
        beginning: Sound,
        request: Asked,
        *,
        sampling: Sampling | None = None,
        progress: Progress | None = None,
    ) -> Note:
        """Go on from the beginning of a note, as a model that draws one element after the other can.

        Args:
            beginning: Mono WAV or FLAC file at the model's rate, or samples in [-1, 1], (T,). A model of codes takes
                any recording, see `encode`; it hears it, and gives it back, through its codes.
            request: What the note is, as in `notes`.
            sampling: See `note`.
            progress: See `note`.

        Raises:
            UserError: the beginning is empty, too long or of another rate, or the model cannot go on from one.
        """
        if not self.draws:
            raise UserError(f"model {self.name!r} cannot go on from a recording; one that draws piece by piece can")
        resolved = self.info.repertoire.resolve(as_request(request))
        return self._make([resolved], sampling, progress, continuation(self, beginning))[0]

    def encode(self, recording: Sound) -> SoundCodes:
        """A recording in the codes of the model, which `decode` makes a sound of again.

        Args:
            recording: Audio file of any rate, length and number of channels, samples (T,) at the model's rate in
                [-1, 1], or a file of codes.

        Raises:
            UserError: the recording is silent, too short, longer than ten minutes or none, or the model has no codes.
        """
        return self._coder.encode(recording)

    def decode(self, codes: SoundCodes | str | Path, *, seed: int = 0) -> Note:
        """The sound of codes or of a file of them, as long as what they were made of; `seed` chooses free phases.

        Raises:
            UserError: these are no codes of this model.
        """
        return self._coder.decode(codes, seed=seed)

    def resynthesize(self, recording: Sound, *, seed: int = 0) -> Note:
        """A recording as the model hears it: `decode` of `encode`. What is wrong with it is a warning.

        Raises:
            UserError: see both.
        """
        return self.decode(heard(self._coder, recording), seed=seed)

    def interpolate(
        self, first: Sound, second: Sound, *, steps: int = 5, share: float | None = None, seed: int = 0
    ) -> list[Note] | Note:
        """Sounds between two recordings, on the straight line between the vectors of their codes.

        Args:
            first: See `encode`.
            second: The same; the shorter of both is followed by silence.
            steps: Number of sounds, evenly from the first to the second.
            share: Make one sound alone, with so much of the second, 0 to 1.
            seed: See `decode`.

        Raises:
            UserError: see `encode`, or `steps` or `share` is out of bounds.
        """
        a, b = heard(self._coder, first), heard(self._coder, second)
        notes = self._coder.between(a, b, shares_of(steps, share), seed=seed)
        return notes if share is None else notes[0]

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
        return adapt(self, recordings, name=name, pitches=pitches, velocities=velocities, seed=seed, progress=progress)

    def _make(
        self,
        requests: Sequence[Request],
        sampling: Sampling | None,
        progress: Progress | None,
        draw: Callable[..., Tensor] | None = None,
    ) -> list[Note]:
        streams = [torch.Generator(self.device).manual_seed(request.seed) for request in requests]
        with torch.inference_mode(), nullcontext() if self._in_lockstep else one_thread():
            examples = self._examples(requests, streams, sampling, progress, draw)
            with one_thread():
                media = [self.representation.decode(x[None], rng=s) for x, s in zip(examples, streams, strict=True)]
        return [self._note(request, x) for request, x in zip(requests, media, strict=True)]

    def _examples(
        self,
        requests: Sequence[Request],
        streams: list[torch.Generator],
        sampling: Sampling | None,
        progress: Progress | None,
        draw: Callable[..., Tensor] | None,
    ) -> Tensor:
        n = len(requests)
        labels = labels_of(requests, self.model, instruments=self.info.repertoire.instruments, device=self.device)
        if not self.draws:
            if sampling is not None:
                raise UserError(f"model {self.name!r} takes no temperature, top_k or top_p; leave them out")
            return self.model.sample(n, labels, rng=streams[0])  # notes of such a model are made one at a time
        sampling = sampling or PLAIN
        if not sampling.heat > 0:
            raise UserError(f"temperature={sampling.temperature:g} must be above 0; 1 draws as the model has learned")
        return (draw or partial(self.model.sample, n))(labels, rng=streams, sampling=sampling, progress=progress)

    @cached_property
    def _in_lockstep(self) -> bool:
        """Whether several notes at once, on several threads, come out as they do alone."""
        return self.draws and self.model.keeps_examples_apart()

    @cached_property
    def _coder(self) -> Coder:
        return Coder(self.name, self.representation)

    def _note(self, request: Request, media: Tensor) -> Note:
        labels = {"instrument": request.instrument_name, "pitch": request.pitch, "velocity": request.velocity}
        audio = media[0, 0].float().cpu().numpy()
        return Note(audio=audio, sample_rate=self.sample_rate, labels=labels | {"seed": request.seed})
