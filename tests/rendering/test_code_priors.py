"""Notes from priors on codes, and what they go on from."""

import numpy as np
import pytest
import torch
from toy_instruments import in_time, tone

from synthgen import Synthesizer
from synthgen.checks import UserError
from synthgen.heads import Sampling
from synthgen.rendering import coding


@pytest.fixture(scope="module", params=["frames", "grid"])
def synthesizer(request, make_coded_checkpoint):
    return Synthesizer.load(make_coded_checkpoint(request.param))


def test_a_note_goes_on_from_a_recording(synthesizer, record):
    """All codes are kept but those that have heard the recording break off, and the rest depends on the seed."""
    path = record("begin.wav", np.stack([tone(220, seconds=0.3, rate=44_100)] * 2, axis=1), rate=44_100)
    drawn, model = [], synthesizer.model
    fill, model.fill = model.fill, lambda *a, **k: drawn.append(fill(*a, **k)) or drawn[-1]
    try:
        notes = [synthesizer.complete(path, ("flute", 60, 100, seed)) for seed in (0, 0, 1)]
    finally:
        del model.fill
    assert notes[0].audio.shape == (8000,)
    assert notes[0].audio.tobytes() == notes[1].audio.tobytes() != notes[2].audio.tobytes()
    known = in_time(synthesizer, synthesizer.encode(path).codes)[: int(0.3 / 0.016) - coding.EDGE]
    for codes in drawn:
        np.testing.assert_array_equal(in_time(synthesizer, codes[0])[: len(known)], known)
    assert not torch.equal(drawn[0], drawn[2])


def test_codes_before_the_end_of_a_beginning_do_not_know_how_it_goes_on(synthesizer):
    whole = tone(220, seconds=0.5)
    x, known = synthesizer._coder.beginning(synthesizer.encode(whole[:4800]))
    known = in_time(synthesizer, known[None]).reshape(-1, 1 if known.ndim == 1 else 4)
    steps = int(known[:, 0].sum())
    assert steps == 18 - coding.EDGE
    assert known[:steps].all()
    assert not known[steps:].any()
    begun, heard = in_time(synthesizer, x[0]), in_time(synthesizer, synthesizer.encode(whole).codes)
    assert (begun[:steps] == heard[:steps]).mean() > 0.9


def test_codes_in_the_order_of_time_go_on_from_all_that_is_known(make_coded_checkpoint):
    """A generated note whose beginning is given goes on as it went on, since the same random numbers draw it."""
    model = Synthesizer.load(make_coded_checkpoint("frames")).model
    labels = {"instrument": torch.tensor([1]), "pitch": torch.tensor([60.0])}
    whole = model.sample(1, labels, rng=torch.Generator().manual_seed(0))
    known = torch.zeros(whole.shape[2:], dtype=torch.bool)
    known[:10] = True
    assert torch.equal(model.fill(whole, known, labels, rng=torch.Generator().manual_seed(0)), whole)
    beginning = model.in_order(model.elements(whole))[:, :40]
    assert torch.equal(model.complete(beginning, labels, rng=torch.Generator().manual_seed(0)), whole)


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        (0.5, r"^samples: a beginning of 0.5 s must be shorter than the model's notes of 0.5 s$"),
        (3.0, r"^samples: a beginning of 3 s must be shorter than the model's notes of 0.5 s$"),
    ],
)
def test_a_beginning_that_leaves_nothing_to_draw_is_refused(synthesizer, seconds, message):
    with pytest.raises(UserError, match=message):
        synthesizer.complete(synthesizer.encode(tone(220, seconds=seconds)), ("flute", 60))


def test_a_beginning_too_short_for_codes_is_refused(synthesizer, monkeypatch):
    monkeypatch.setattr(coding, "EDGE", 9)
    with pytest.raises(UserError, match=r"a beginning of 0.12 s must last 0.16 s at least"):
        synthesizer.complete(tone(220, seconds=0.12), ("flute", 60))


def test_a_prior_on_codes_plays_as_other_models_do(synthesizer):
    asked = [("flute", 50), ("violin", "C#4", 30, 5), ({"flute": 0.5, "violin": 0.5}, 57.5, 100, 3)]
    together = synthesizer.notes(asked)
    alone = [synthesizer.notes([one])[0] for one in reversed(asked)][::-1]
    assert [n.audio.tobytes() for n in together] == [n.audio.tobytes() for n in alone]
    cool = synthesizer.note("flute", pitch=50, sampling=Sampling(top_k=1)).audio
    assert cool.tobytes() != together[0].audio.tobytes()
    assert (synthesizer.has_codes, synthesizer.draws, synthesizer.draws_samples) == (True, True, False)


def test_a_prior_on_codes_cannot_be_adapted(synthesizer, record):
    with pytest.raises(UserError, match=r"draws one code after the other and cannot be adapted; choose one that makes"):
        synthesizer.adapt([record("a.wav", tone(220))], name="new")
