import numpy as np
import pytest
import torch
from toy_instruments import BODY, build, made_up, tone, vector_of

from synthgen import Synthesizer, checkpoint
from synthgen.checks import UserError
from synthgen.losses.spectral import MultiResolution
from synthgen.models import Decoder, WaveNet
from synthgen.rendering import fitting
from synthgen.representations import MuLaw, Spectrogram


@pytest.fixture(scope="module", params=["decoder", "onehot", "waveform", "ddsp"])
def synthesizer(request, tmp_path_factory, note_fields):
    """Its instruments differ clearly, as a trained network's do."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model, media = build(request.param, note_fields)
        with torch.no_grad():
            model.encoder.dense[0].weight.mul_(10)
            model.encoder.dense[2].weight.mul_(3)
    path = tmp_path_factory.mktemp(request.param) / "tiny.safetensors"
    checkpoint.save(path, model, media, {})
    return Synthesizer.load(path)


def between(synthesizer):
    """The vector of an instrument that the model does not know, between two that it does."""
    return tuple(
        0.6 * a + 0.4 * b for a, b in zip(*(vector_of(synthesizer, n) for n in ("violin", "flute")), strict=True)
    )


def recorded(synthesizer, record, instrument, asked, *, gain=1.0):
    """Recordings of what the model itself plays."""
    notes = [synthesizer.note(instrument, pitch=pitch, velocity=velocity) for pitch, velocity in asked]
    return [record(f"{i}.wav", gain * note.audio) for i, note in enumerate(notes)]


def apart(a, b):
    """Mean difference of two notes' log spectra in dB."""
    return MultiResolution(n_ffts=(256,))(*(torch.from_numpy(x.audio)[None, None] for x in (a, b))).item()


def test_the_row_of_a_known_instrument_plays_it(synthesizer):
    flute = made_up(synthesizer, vector_of(synthesizer, "flute"))
    ours, own = (synthesizer.note(i, pitch=55.5, velocity=70, seed=2) for i in (flute, "flute"))
    assert ours.audio.tobytes() == own.audio.tobytes()
    assert ours.labels["instrument"] == "new.instrument"


def test_blends_with_it_are_those_of_vectors(synthesizer):
    flute = made_up(synthesizer, vector_of(synthesizer, "flute"))
    ours = synthesizer.note({flute: 0.25, "violin": 0.75}, pitch=60)
    own = synthesizer.note({"flute": 0.25, "violin": 0.75}, pitch=60)
    np.testing.assert_allclose(ours.audio, own.audio, atol=1e-3 * np.abs(own.audio).max())
    assert ours.labels["instrument"] == "new.instrument=0.25,violin=0.75"


def test_a_known_instrument_is_found_again(synthesizer, record, short_fit):
    paths = recorded(synthesizer, record, "violin", [(52, 100), (64, 100)])
    assert synthesizer.adapt(paths, name="x", pitches=[52, 64], velocities=[100, 100]).nearest == "violin"


def test_an_unknown_instrument_plays_other_notes_better_than_the_nearest_known_one(synthesizer, record):
    truth = made_up(synthesizer, between(synthesizer))
    paths = recorded(synthesizer, record, truth, [(50, 100), (68, 100)])
    adapted = synthesizer.adapt(paths, name="x", pitches=[50, 68], velocities=[100, 100])
    assert all(r.distance < r.nearest_distance for r in adapted.recordings)
    if synthesizer.representation.name == "waveform":  # random magnitudes have no phases that fit them
        other = {"pitch": 58.5, "velocity": 100}
        ours, nearest, real = (synthesizer.note(i, **other) for i in (adapted, adapted.nearest, truth))
        assert apart(ours, real) < 0.7 * apart(nearest, real)


def test_loud_recordings_make_no_louder_instrument(synthesizer, record):
    soft, loud = (
        synthesizer.adapt(
            recorded(synthesizer, record, "flute", [(60, 100)], gain=g), name="x", pitches=[60], velocities=[100]
        )
        for g in (0.5, 1.0)
    )
    assert loud.gain_db - soft.gain_db == pytest.approx(6.02, abs=1)
    a, b = (synthesizer.note(i, pitch=60).audio.std() for i in (soft, loud))
    assert 0.8 < a / b < 1.25


def test_the_same_seed_finds_the_same_whatever_else_was_drawn(synthesizer, record, short_fit):
    paths = [record(f"{hz}.wav", tone(hz)) for hz in (220, 330)]
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            torch.manual_seed(threads)
            found.append(synthesizer.adapt(paths, name="x", seed=3))
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1]


def test_velocities_that_are_not_given_are_found_within_the_learned_ones(synthesizer, record, short_fit):
    (note,) = synthesizer.adapt([record("a.wav", tone(220))], name="x").recordings
    assert 25 <= note.velocity <= 127
    (note,) = synthesizer.adapt([record("a.wav", tone(220))], name="x", velocities=[64]).recordings
    assert note.velocity == 64


def test_progress_is_told_to_the_end(synthesizer, record, short_fit):
    told = []
    synthesizer.adapt([record("a.wav", tone(220))], name="x", progress=lambda *done: told.append(done))
    assert told == [(i + 1, 9) for i in range(9)]


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch):
    """Tiny networks need fewer."""
    monkeypatch.setattr(fitting, "STEPS", 25)


def test_files_and_lists_of_no_use_are_refused(record, tiny, tmp_path):
    (tmp_path / "text.wav").write_text("no audio")
    with pytest.raises(UserError, match=r"text.wav: unreadable: .*; give a recording of one note"):
        tiny.adapt([tmp_path / "text.wav"], name="x")
    with pytest.raises(UserError, match=r"none.wav: missing: no such file; give"):
        tiny.adapt([tmp_path / "none.wav"], name="x")
    with pytest.raises(UserError, match=r"^number of pitches=2 must equal number of recordings=1$"):
        tiny.adapt([record("a.wav", tone(220))], name="x", pitches=[57, 60])
    with pytest.raises(UserError, match=r"^number of velocities=2 must equal number of recordings=1$"):
        tiny.adapt([record("a.wav", tone(220))], name="x", velocities=[57, 60])
    with pytest.raises(UserError, match=r"^number of recordings=0 must be between 1 and 100$"):
        tiny.adapt([], name="x")
    with pytest.raises(UserError, match=r"^name of the instrument: note name 'a/b' must be a plain file name"):
        tiny.adapt([record("a.wav", tone(220))], name="a/b")


def test_models_that_cannot_be_adapted_are_refused(record, tmp_path, note_fields):
    media = MuLaw(samples=2000)
    model = WaveNet(media.spec(note_fields), WaveNet.Config(channels=4, skip_channels=4, layers=2))
    checkpoint.save(tmp_path / "wavenet.safetensors", model, media, {})
    with pytest.raises(
        UserError, match=r"^model 'wavenet' draws one sample after the other and cannot be adapted; cho"
    ):
        Synthesizer.load(tmp_path / "wavenet.safetensors").adapt([record("a.wav", tone(220))], name="x")
    media = Spectrogram(samples=2000, n_fft=256, hop_length=64)
    model = Decoder(media.spec(note_fields), Decoder.Config(**BODY, labels=("pitch",)))
    checkpoint.save(tmp_path / "blind.safetensors", model, media, {})
    with pytest.raises(UserError, match=r"^model 'blind' is not told the instrument and cannot be adapted; choose"):
        Synthesizer.load(tmp_path / "blind.safetensors").adapt([record("a.wav", tone(220))], name="x")
