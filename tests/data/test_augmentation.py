from __future__ import annotations

import pytest
import torch

from synthgen.checks import UserError
from synthgen.data.augmentation import Copies, Mirror, Retune, Wiggle, retuned
from synthgen.records import Batch, DataSpec
from synthgen.signal.pitch import midi_to_hz


def notes(pitches: list[float]) -> Batch:
    pitch = torch.tensor(pitches)
    time = torch.arange(16_000) / 16_000
    x = torch.sin(2 * torch.pi * midi_to_hz(pitch)[:, None] * time)[:, None]
    return Batch(x, {"pitch": pitch, "instrument": torch.arange(len(pitches))})


def test_a_retuned_note_sounds_at_its_new_label():
    before = notes([57.0, 60.0, 64.0, 69.0])
    after = Retune(share=1.0)(before)
    assert (after.labels["pitch"] - before.labels["pitch"]).abs().max() > 0.1
    for x, midi in zip(after.x[:, 0], after.labels["pitch"], strict=True):
        peak = torch.fft.rfft(x[:12_000] * torch.hann_window(12_000), n=160_000).abs().argmax() / 10
        assert abs(peak - midi_to_hz(midi)) < 0.2
    assert torch.equal(after.labels["instrument"], before.labels["instrument"])


def test_only_the_share_is_retuned_and_the_batch_itself_stays():
    before = notes([60.0] * 8)
    x = before.x.clone()
    after = Retune(share=0.25)(before)
    changed = (after.x != before.x).flatten(1).any(1)
    assert changed.tolist() == [True] * 2 + [False] * 6
    assert torch.equal(before.x, x) and before.labels["pitch"].eq(60).all()


def test_the_same_seed_retunes_alike():
    torch.manual_seed(5)
    one = Retune()(notes([60.0] * 4))
    torch.manual_seed(5)
    other = Retune()(notes([60.0] * 4))
    assert torch.equal(one.x, other.x) and torch.equal(one.labels["pitch"], other.labels["pitch"])


def test_a_higher_note_keeps_its_length_and_the_end_of_the_original():
    x = notes([60.0]).x[0, 0]
    y = retuned(x, 0.8)
    assert y.shape == x.shape and not torch.equal(y[:500], x[:500])
    assert torch.equal(y[-500:], x[-500:])


@pytest.mark.parametrize("options", [{"share": -0.1}, {"share": 1.1}, {"semitones": 13}, {"semitones": float("nan")}])
def test_options_out_of_range_are_named(options):
    with pytest.raises(UserError, match=next(iter(options))):
        Retune(**options)


def test_some_pictures_are_mirrored_and_keep_their_labels():
    batch = Batch(torch.rand(200, 3, 4, 5), {"kind": torch.arange(200)})
    seen = Mirror(share=0.25)(batch)
    turned = (seen.x == batch.x.flip(3)).flatten(1).all(1)
    assert torch.equal(seen.x[~turned], batch.x[~turned])
    assert 25 < turned.sum() < 75
    assert torch.equal(seen.labels["kind"], batch.labels["kind"])
    assert torch.equal(Mirror(share=1)(batch).x, batch.x.flip(3))
    with pytest.raises(UserError, match="share=2 must be between 0 and 1"):
        Mirror(share=2)


class Three:
    """Three notes."""

    spec = DataSpec(shape=(1, 16_000))

    def __len__(self) -> int:
        return 3

    def batch(self, indices: torch.Tensor) -> Batch:
        every = notes([57.0, 60.0, 64.0])
        return Batch(every.x[indices], {name: values[indices] for name, values in every.labels.items()})

    def provenance(self) -> dict[str, str]:
        return {"name": "three"}


def test_copies_follow_the_examples_and_each_is_always_the_same():
    copies = Copies(Three(), Retune(share=1.0), count=2, seed=4)
    assert len(copies) == 9
    every, state = copies.batch(torch.arange(9)), torch.get_rng_state()
    assert torch.equal(every.x[:3], Three().batch(torch.arange(3)).x)
    assert every.labels["instrument"].tolist() == [0, 1, 2] * 3
    shifts = every.labels["pitch"] - torch.tensor([57.0, 60.0, 64.0]).repeat(3)
    assert shifts[:3].eq(0).all() and shifts[3:].abs().min() > 0 and len(shifts[3:].unique()) == 6
    alone = copies.batch(torch.tensor([7]))
    assert torch.equal(alone.x[0], every.x[7]) and alone.labels["pitch"] == every.labels["pitch"][7]
    assert torch.equal(torch.get_rng_state(), state)
    assert copies.provenance() == {"name": "three", "copies": 2, "changed_by": "Retune(share=1.0, semitones=1.0)"}


def test_wiggled_pictures_are_nearly_the_same_and_the_others_are_the_same():
    x = torch.zeros(400, 1, 28, 28)
    x[:, :, 8:20, 11:17] = 1
    batch = Batch(x, {"digit": torch.arange(400)})
    after = Wiggle(share=0.5)(batch)
    changed = (after.x - x).abs().amax((1, 2, 3)) > 1e-3
    assert 0.4 < changed.float().mean() < 0.6
    assert after.x.min() >= 0 and after.x.max() <= 1
    inside = after.x[changed].sum((1, 2, 3)) / x[0].sum()
    assert inside.min() > 0.75 and inside.max() < 1.3
    assert inside.std() > 0.02
    columns = torch.arange(28.0) - 13.5
    middles = (after.x[changed].sum((1, 2)) * columns).sum(1) / after.x[changed].sum((1, 2, 3))
    assert middles.abs().max() < 2.5 and middles.std() > 0.3
    assert torch.equal(after.labels["digit"], batch.labels["digit"])
    torch.manual_seed(3)
    one = Wiggle()(batch).x
    torch.manual_seed(3)
    assert torch.equal(Wiggle()(batch).x, one)


def test_a_turn_is_as_large_as_asked():
    x = torch.zeros(200, 1, 65, 65)
    x[:, :, 31:34, 8:57] = 1
    after = Wiggle(share=1.0, degrees=30, stretch=0, slant=0, shift=0)(Batch(x)).x
    rows = torch.arange(65.0)[:, None] - 32
    columns = torch.arange(65.0) - 32
    slope = (after * rows * columns).sum((1, 2, 3)) / (after * columns**2).sum((1, 2, 3))
    turns = slope.atan().rad2deg()
    assert 27 < turns.max() < 33 and -33 < turns.min() < -27


@pytest.mark.parametrize("options", [{"share": 2}, {"degrees": -1}, {"stretch": 1}, {"slant": -1}, {"shift": 5}])
def test_wiggles_out_of_range_are_named(options):
    with pytest.raises(UserError, match=next(iter(options))):
        Wiggle(**options)
