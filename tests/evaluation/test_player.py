import pytest
import torch
from toy_tones import Oracle, tone

from synthgen.checks import UserError
from synthgen.evaluation.player import Player, relabel
from synthgen.records import Field


def category(*names):
    return Field(name="instrument", kind="category", size=len(names), names=names)


VELOCITY = Field(name="velocity", kind="ordinal", size=2, values=(25.0, 127.0))


def test_categories_are_renumbered_by_name():
    labels = {"instrument": torch.tensor([0, 1, 2, -1]), "velocity": torch.tensor([25.0, 30, 40, 50])}
    given, known = (category("a", "b", "c"), VELOCITY), (category("c", "x", "a"), VELOCITY)
    changed = relabel(labels, given=given, known=known)
    assert changed["instrument"].tolist() == [2, -1, 0, -1]
    assert changed["velocity"] is labels["velocity"]
    assert relabel(labels, given=given, known=(VELOCITY,)).keys() == {"velocity"}


def test_a_note_is_played_alone_and_the_same_again(tones, waveform):
    player = Player(model=Oracle(tones.spec), representation=waveform)
    labels = tones.test.batch(torch.tensor([0])).labels
    e = tones.test.entries[0]
    assert torch.equal(player.play(labels), tone(e.instrument_str, e.pitch, e.velocity))
    assert torch.equal(player.play(labels), player.play(labels))
    assert player.times_real_time([labels] * 3) > 0


def test_values_that_are_no_numbers_are_refused(tones, waveform):
    model = Oracle(tones.spec, Oracle.Config(gain=float("nan")))
    with pytest.raises(UserError, match="no numbers; train it again"):
        Player(model=model, representation=waveform).play(tones.test.batch(torch.tensor([0])).labels)
