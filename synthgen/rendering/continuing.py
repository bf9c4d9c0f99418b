"""Notes that go on from a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from synthgen.checks import UserError
from synthgen.data.audio import read_audio
from synthgen.models.codes import AudioCodes
from synthgen.records import Batch, Labels
from synthgen.rendering.coding import Coder, Sound, heard, waveform
from synthgen.rendering.sound_codes import SoundCodes

if TYPE_CHECKING:
    from synthgen.rendering.synthesizer import Synthesizer


def continuation(synthesizer: Synthesizer, beginning: Sound) -> Callable[..., Tensor]:
    """What draws the rest of a note whose beginning is given: called with labels and the options of `sample`.

    Where elements are drawn in the order of time, each is drawn given the whole beginning: samples are, and codes that
    stand for frames (`VQVAE.Config.groups`). Codes on a grid of frequency and time are drawn row by row, low
    frequencies first: each is given the beginning at its own and at lower frequencies, but what is known of higher ones
    has no influence on it (see `Autoregressive.fill`).

    Raises:
        UserError: see `Synthesizer.complete`.
    """
    model, representation = synthesizer.model, synthesizer.representation
    if isinstance(representation, AudioCodes):
        coder = Coder(synthesizer.name, representation)
        codes = heard(coder, beginning)
        with _named(beginning):
            return partial(model.fill, *coder.beginning(codes))
    if isinstance(beginning, SoundCodes):
        raise UserError(f"model {synthesizer.name!r} has no codes; give it a recording to go on from")
    audio = beginning
    if not isinstance(beginning, np.ndarray):
        audio = read_audio(Path(beginning), sample_rate=synthesizer.sample_rate)
    media = torch.from_numpy(waveform(audio, "beginning"))[None, None].to(synthesizer.device)

    def go_on(labels: Labels, **options: Any) -> Tensor:
        known = Batch(representation.encode(media), labels, media)
        with _named(beginning):
            return model.complete(known.x[:, 0], model.told(known), **options)

    return go_on


@contextmanager
def _named(beginning: Sound) -> Iterator[None]:
    """Let an error begin with the file that it is about."""
    try:
        yield
    except UserError as error:
        if isinstance(beginning, np.ndarray):
            raise
        where = beginning.name if isinstance(beginning, SoundCodes) else beginning
        raise UserError(f"{where}: {error}") from error
