import numpy as np
import pytest
import torch

from synthgen import Note, Synthesizer, checkpoint
from synthgen.checks import UserError
from synthgen.models import Decoder
from synthgen.records import Field
from synthgen.rendering.request import Request
from synthgen.representations import Spectrogram


@pytest.fixture(scope="module")
def synthesizer(tiny_checkpoint):
    return Synthesizer.load(tiny_checkpoint)


def test_a_note_is_samples_of_the_right_kind(synthesizer):
    note = synthesizer.note("flute", pitch="A4", velocity=100, seed=0)
    assert isinstance(note, Note)
    assert (note.audio.dtype, note.audio.shape, note.sample_rate) == (np.float32, (8000,), 16000)
    assert note.labels == {"instrument": "flute", "pitch": 69.0, "velocity": 100.0, "seed": 0}
    assert np.isfinite(note.audio).all()
    assert note.audio.std() > 0


def test_it_says_what_it_can_play(synthesizer):
    assert synthesizer.instruments == ["church organ", "flute", "violin"]
    assert synthesizer.pitches == (48, 72)
    assert synthesizer.sample_rate == 16000


def test_the_same_seed_gives_the_same_bytes(synthesizer, tiny_checkpoint):
    again = Synthesizer.load(tiny_checkpoint.parent)
    first, second = (s.note("violin", pitch=60.5, velocity=64, seed=3).audio for s in (synthesizer, again))
    assert first.tobytes() == second.tobytes()


def test_a_note_does_not_depend_on_its_company(synthesizer):
    asked = [("flute", 50), ("violin", "C#4", 30, 5), {"instrument": "church organ", "pitch": 72, "velocity": 1}]
    asked.append(Request(instrument={"flute": 0.5, "violin": 0.5}, pitch=57.5))
    together = synthesizer.notes(asked)
    alone = [synthesizer.notes([one])[0] for one in reversed(asked)][::-1]
    assert [n.audio.tobytes() for n in together] == [n.audio.tobytes() for n in alone]
    assert together[1].audio.tobytes() == synthesizer.note("violin", pitch=61, velocity=30, seed=5).audio.tobytes()


def test_a_note_depends_neither_on_threads_nor_on_the_global_seed(synthesizer):
    before, notes = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            torch.manual_seed(threads)
            notes.append(synthesizer.note("flute", pitch=60, seed=1).audio.tobytes())
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert notes[0] == notes[1]


def test_labels_are_heard(synthesizer):
    asked = [("flute", 60), ("violin", 60), ("flute", 61), ("flute", 60.5), ("flute", 60, 25)]
    assert len({note.audio.tobytes() for note in synthesizer.notes(asked)}) == len(asked)


@pytest.mark.parametrize("blend", [{"flute": 1.0}, {"flute": 1, "violin": 0.0}, "Flute=1", "FLUTE"])
def test_a_blend_at_weight_one_is_the_pure_instrument(synthesizer, blend):
    pure = synthesizer.note("flute", pitch=60)
    assert synthesizer.note(blend, pitch=60).audio.tobytes() == pure.audio.tobytes()


def test_a_blend_lies_between_its_instruments(synthesizer):
    """Close to one instrument it sounds almost like it, and its order in the mapping does not matter."""
    pure = synthesizer.note("flute", pitch=57.5).audio
    near = synthesizer.note({"flute": 0.9999, "church organ": 0.0001}, pitch=57.5).audio
    half = synthesizer.note({"flute": 0.5, "church organ": 0.5}, pitch=57.5).audio
    swapped = synthesizer.note({"church organ": 0.5, "flute": 0.5}, pitch=57.5).audio
    assert np.abs(near - pure).max() < np.abs(half - pure).max()
    assert half.tobytes() == swapped.tobytes()


def test_velocities_are_clamped_to_the_learned_ones(synthesizer):
    soft, softest = (synthesizer.note("flute", pitch=60, velocity=v).audio.tobytes() for v in (1, 25))
    assert soft == softest


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("fluet", 60), r"^request 0: instrument='fluet' is not known; did you mean 'flute'\?"),
        (("flute", 999), r"^request 0: pitch=999 must be between 48 and 72 \(C3 to C5\)$"),
        (("flute", 60, 0), r"^request 0: velocity=0 must be a number between 1 and 127$"),
        (("flute", 60, 100, -1), r"^request 0: seed=-1 must be a whole number"),
        (
            {"instrument": "flute", "pich": 60},
            r"^request 0: \{.*\} must be a Request, a mapping or a tuple of instrument",
        ),
        (("flute",), r"^request 0: \('flute',\) must be a Request"),
        (("flute", 60, 1, 2, 3), r"^request 0: \(.*\) must be a Request"),
        ("flute", r"^request 0: 'flute' must be a Request"),
    ],
)
def test_bad_requests_are_counted(synthesizer, asked, message):
    with pytest.raises(UserError, match=message):
        synthesizer.notes([asked])


def test_all_requests_are_checked_before_any_is_made(synthesizer, monkeypatch):
    monkeypatch.setattr(synthesizer.model, "sample", lambda *_, **__: pytest.fail("it began"))
    with pytest.raises(UserError, match=r"^request 1: velocity=0"):
        synthesizer.notes([("flute", 60), ("flute", 60, 0)])


def test_a_model_without_velocity_plays_all_the_same(tmp_path, note_fields):
    fields = (*note_fields[:2], Field(name="family", kind="category", size=2))
    representation = Spectrogram(samples=2000, n_fft=256, hop_length=64, iterations=1)
    config = Decoder.Config(labels=("instrument", "pitch"), dim=8, channels=(8,), strides=(), patch=(1, 1))
    checkpoint.save(tmp_path / "m.safetensors", Decoder(representation.spec(fields), config), representation, {})
    assert Synthesizer.load(tmp_path / "m.safetensors").note("flute", pitch=60).audio.shape == (2000,)
