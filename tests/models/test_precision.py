"""Models made ready to generate draw what they drew before, up to their precision."""

import copy

import pytest
import torch
from toy_instruments import build

from synthgen import Synthesizer
from synthgen.checks import UserError
from synthgen.models.precision import prepare

LABELS = {"instrument": torch.tensor([1]), "pitch": torch.tensor([60.5]), "velocity": torch.tensor([90.0])}


def drawn(model, labels=LABELS, n=1):
    with torch.inference_mode():
        return model.eval().sample(n, labels, rng=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", ["decoder", "waveform", "ddsp"])
def test_the_layout_of_memory_changes_no_more_than_last_bits(kind, note_fields):
    model, _ = build(kind, note_fields)
    expected = drawn(model)
    prepared = prepare(copy.deepcopy(model), "float32")
    torch.testing.assert_close(drawn(prepared), expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(drawn(prepared), drawn(prepared))


@pytest.mark.parametrize("kind", ["decoder", "waveform"])
def test_bfloat16_is_close_and_gives_float32(kind, note_fields):
    model, media = build(kind, note_fields)
    expected, found = (drawn(prepare(copy.deepcopy(model), precision)) for precision in ("float32", "bfloat16"))
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    off = (found - expected).norm() / expected.norm()
    assert 0 < off < 0.02
    assert media.decode(found).shape == media.decode(expected).shape


@pytest.mark.parametrize(
    ("kind", "precision", "message"),
    [
        ("ddsp", "bfloat16", "precision='bfloat16' is for models that draw by a CNN, not DDSP; leave it out"),
        ("decoder", "float16", "precision='float16' is not known"),
    ],
)
def test_a_precision_that_cannot_be(kind, precision, message, note_fields):
    with pytest.raises(UserError, match=message):
        prepare(build(kind, note_fields)[0], precision)


def test_notes_are_made_at_either_precision(tiny_checkpoint):
    """The same seed gives the same samples at each, and nearly the same at both."""
    notes = [
        Synthesizer.load(tiny_checkpoint, precision=precision).note("flute", pitch=60, seed=3).audio
        for precision in ("float32", "bfloat16", "bfloat16")
    ]
    assert (notes[1] == notes[2]).all()
    assert (notes[0] != notes[1]).any()
