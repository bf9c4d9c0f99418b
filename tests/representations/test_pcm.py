from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

from synthgen.checks import UserError
from synthgen.representations import Pcm


def test_the_levels_are_those_of_a_wav_file(tmp_path):
    numbers = np.array([-32768, -1, 0, 1, 32767], dtype=np.int16)
    soundfile.write(tmp_path / "a.wav", numbers, 16_000, subtype="PCM_16")
    audio = torch.tensor(soundfile.read(tmp_path / "a.wav", dtype="float32")[0])[None, None]
    x = Pcm(samples=5).encode(audio)
    assert (x.flatten() - 2**15).tolist() == numbers.tolist()
    assert torch.equal(Pcm(samples=5).decode(x), audio)


@pytest.mark.parametrize("bits", [2, 8, 16])
def test_errors_are_at_most_half_a_level_below_full_scale(bits):
    representation = Pcm(samples=1001, bits=bits)
    audio = torch.linspace(-1, 1 - 2.0 ** (1 - bits), 1001)[None, None]
    error = representation.decode(representation.encode(audio)) - audio
    assert error.abs().max() <= 2.0**-bits * 1.001


def test_what_is_too_loud_is_clipped():
    x = Pcm(samples=2).encode(torch.tensor([[[-3.0, 3.0]]]))
    assert x.tolist() == [[[0, 65_535]]]


def test_impossible_bits_are_named():
    with pytest.raises(UserError, match="bits=24 must be between 2 and 16"):
        Pcm(bits=24)
