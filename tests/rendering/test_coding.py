"""Recordings through the codes of a model."""

import numpy as np
import pytest
import torch
from toy_instruments import RATE, in_time, tone

from synthgen import Synthesizer, checkpoint
from synthgen.checks import UserError
from synthgen.models import VQVAE
from synthgen.models.codes import AudioCodes
from synthgen.rendering import coding


@pytest.fixture(scope="module", params=["frames", "grid"])
def synthesizer(request, make_coded_checkpoint):
    return Synthesizer.load(make_coded_checkpoint(request.param))


@pytest.fixture(scope="module")
def other(coded_checkpoint, tmp_path_factory):
    """The same prior, but the weights of its autoencoder are others."""
    loaded = checkpoint.load(coded_checkpoint)
    autoencoder = loaded.representation.autoencoder
    again = VQVAE(autoencoder.spec, autoencoder.config)
    codes = AudioCodes(again, loaded.representation.inner)
    model = type(loaded.model)(codes.spec(loaded.model.spec.fields), loaded.model.config)
    path = tmp_path_factory.mktemp("another") / "model.safetensors"
    checkpoint.save(path, model, codes, {})
    return Synthesizer.load(path)


@pytest.mark.parametrize("samples", [1600, 1667, 8000, 24_001, 160_000])
def test_a_recording_of_any_length_comes_back_as_long_as_it_is(synthesizer, samples):
    audio = tone(330, seconds=samples / RATE + 0.001)[:samples]
    codes = synthesizer.encode(audio)
    by_step = in_time(synthesizer, codes.codes)
    assert by_step.reshape(len(by_step), -1).shape == (-(-(1 + samples // 64) // 4), 4)
    assert (codes.samples, codes.sample_rate, codes.levels) == (samples, RATE, 16)
    assert 0 <= codes.codes.min() <= codes.codes.max() < 16
    note = synthesizer.decode(codes)
    assert (note.audio.shape, note.audio.dtype, note.sample_rate) == ((samples,), np.float32, RATE)
    assert np.isfinite(note.audio).all()


def test_codes_are_those_of_the_representation(synthesizer):
    """Of a note as long as the model's own, nothing is done but what the prior has learned from."""
    audio = tone(330, seconds=0.5)
    media = torch.from_numpy(audio)[None, None]
    expected = synthesizer.representation.encode(media)
    found = synthesizer.encode(audio)
    np.testing.assert_array_equal(found.codes, expected[0].numpy())
    whole = synthesizer.representation.decode(expected, rng=torch.Generator().manual_seed(3))[0, 0].numpy()
    np.testing.assert_allclose(synthesizer.decode(found, seed=3).audio, whole, atol=1e-6)


def test_a_generated_note_and_its_codes_sound_the_same(synthesizer):
    labels = {"instrument": torch.tensor([1]), "pitch": torch.tensor([60.0])}
    drawn = synthesizer.model.sample(1, labels, rng=torch.Generator().manual_seed(0))
    empty = synthesizer.encode(np.ones(8000, np.float32) * 0.1)
    codes = coding.SoundCodes(**{**vars(empty), "codes": drawn[0].numpy()})
    sound = synthesizer.representation.decode(drawn, rng=torch.Generator().manual_seed(7))[0, 0].numpy()
    np.testing.assert_allclose(synthesizer.decode(codes, seed=7).audio, sound, atol=1e-6)


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(synthesizer):
    before, sounds = torch.get_num_threads(), []
    try:
        for threads, seed in ((1, 0), (2, 0), (1, 1)):
            torch.set_num_threads(threads)
            torch.manual_seed(threads)
            sounds.append(synthesizer.resynthesize(tone(220), seed=seed).audio.tobytes())
    finally:
        torch.set_num_threads(before)
    assert sounds[0] == sounds[1] != sounds[2]


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (48_000, 2), (16_000, 1), (8000, 1)])
def test_any_rate_and_channels_become_the_models(synthesizer, record, rate, channels):
    audio = tone(330, seconds=1.0, rate=rate)
    path = record("a.wav", np.stack([audio] * channels, axis=1), rate=rate)
    codes = synthesizer.encode(path)
    assert (codes.sample_rate, codes.samples, codes.recording) == (RATE, RATE, "a.wav")
    same = (codes.codes == synthesizer.encode(tone(330, seconds=1.0)).codes).mean()
    assert same > (0.5 if rate < RATE else 0.9)
    assert synthesizer.resynthesize(path).audio.shape == (RATE,)


def test_pieces_of_a_long_recording_fit_together(synthesizer, monkeypatch):
    audio = np.concatenate([tone(hz, seconds=1.0) for hz in (220, 440, 330)])
    whole = synthesizer.encode(audio)
    sound = synthesizer.decode(whole)
    monkeypatch.setattr(coding, "PIECE", 20)
    asked = []
    decode = synthesizer.representation.autoencoder.decode_embedded
    monkeypatch.setattr(
        synthesizer.representation.autoencoder,
        "decode_embedded",
        lambda z, size: asked.append(z.shape[synthesizer._coder.axis]) or decode(z, size=size),
    )
    np.testing.assert_array_equal(synthesizer.encode(audio).codes, whole.codes)
    np.testing.assert_allclose(synthesizer.decode(whole).audio, sound.audio, atol=1e-5)
    assert max(asked) <= 20 + 2 * coding.MARGIN
    assert len(asked) == -(-len(in_time(synthesizer, whole.codes)) // 20)


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros(RATE), r"a.wav: silent: its peak is 0.00000 of full scale$"),
        (tone(220, seconds=0.05), r"a.wav: too short: lasts 0.050 s, less than 0.1 s$"),
        (np.zeros(0), r"a.wav: too short: lasts 0.000 s"),
        (np.full(RATE, np.nan, np.float32), r"a.wav: unreadable: holds values that are no numbers"),
    ],
)
def test_recordings_of_no_use_are_refused(synthesizer, record, audio, message):
    with pytest.raises(UserError, match=message):
        synthesizer.resynthesize(record("a.wav", audio))


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros((8000, 2)), r"^recording of shape \(8000, 2\) must be \(samples,\)"),
        (np.zeros(8000), r"^recording: silent"),
        (tone(220, seconds=0.01), r"^recording: too short: lasts 0.010 s"),
        ("nowhere.wav", r"^nowhere.wav: missing: no such file$"),
    ],
)
def test_what_is_no_recording_is_named(synthesizer, audio, message):
    with pytest.raises(UserError, match=message):
        synthesizer.encode(audio)


def test_a_very_long_recording_is_refused_before_it_is_read(synthesizer, record, monkeypatch):
    monkeypatch.setattr(coding, "LONGEST", 1.0)
    with pytest.raises(UserError, match=r"a.wav: too long: lasts more than 1 s; cut it into parts$"):
        synthesizer.encode(record("a.wav", tone(220, seconds=1.5)))


def test_what_is_no_audio_is_refused(synthesizer, tmp_path):
    (tmp_path / "a.wav").write_text("not a sound")
    with pytest.raises(UserError, match=r"a.wav: unreadable: .*Format not recognised$"):
        synthesizer.resynthesize(tmp_path / "a.wav")


def test_a_clipped_recording_is_played_with_a_warning(synthesizer, record):
    path = record("cut.wav", tone(220, level=3.0).clip(-1, 1))
    with pytest.warns(UserWarning, match=r"^cut.wav: clipped, which adds partials"):
        note = synthesizer.resynthesize(path)
    assert note.audio.shape == (2 * RATE,)
    assert synthesizer.encode(path).remarks == ("clipped, which adds partials that were not played",)


def test_codes_of_another_autoencoder_are_refused(synthesizer, other):
    codes = other.encode(tone(220))
    assert codes.coded_by != synthesizer.encode(tone(220)).coded_by
    message = r"^samples: these are codes of model 'another\d+' \(autoencoder \w{8}\) and mean nothing to 'coded-\w+'"
    for use in (synthesizer.decode, synthesizer.encode, lambda c: synthesizer.complete(c, ("flute", 60))):
        with pytest.raises(UserError, match=message):
            use(codes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"codes": lambda x: x * 0 + 16}, r"^samples: codes from 16 to 16 must lie between 0 and 15"),
        ({"codes": lambda x: x * 0 - 1}, r"^samples: codes from -1 to -1 must lie between 0 and 15"),
        ({"codes": lambda x: x[:, :-1]}, r"^samples: codes has shape \(.*\), expected \(.*\)$"),
        ({"samples": 100}, r"^samples: samples=100 must be between 256 and"),
        ({"sample_rate": 44_100}, r"^samples: sample_rate=44100 must equal that of the model=16000"),
    ],
)
def test_codes_at_odds_with_the_model_are_refused(synthesizer, change, message):
    codes = vars(synthesizer.encode(tone(220)))
    changed = {name: value(codes[name]) if callable(value) else value for name, value in change.items()}
    with pytest.raises(UserError, match=message):
        synthesizer.decode(coding.SoundCodes(**{**codes, **changed}))


def test_a_model_without_codes_says_so(tiny):
    message = r"^model '.*' has no codes; choose one that does, such as vqvae"
    for use in (tiny.encode, tiny.decode, tiny.resynthesize, lambda x: tiny.interpolate(x, x)):
        with pytest.raises(UserError, match=message):
            use("a.wav")


def test_the_ends_of_an_interpolation_are_the_recordings(synthesizer):
    a, b = tone(220, seconds=0.7), tone(330, seconds=0.7, level=0.5)
    sounds = synthesizer.interpolate(a, b, steps=3)
    assert [note.labels["share"] for note in sounds] == [0, 0.5, 1]
    for note, end in ((sounds[0], a), (sounds[-1], b)):
        np.testing.assert_allclose(note.audio, synthesizer.resynthesize(end).audio, atol=1e-5)
    (middle, again) = sounds[1], synthesizer.interpolate(synthesizer.encode(a), b, share=0.5)
    assert middle.audio.tobytes() == again.audio.tobytes()
    assert len({note.audio.tobytes() for note in sounds}) == 3


def test_the_way_between_two_recordings_is_straight_in_code_vectors(synthesizer, monkeypatch):
    a, b = tone(220, seconds=0.7), tone(330, seconds=0.7)
    seen, autoencoder = [], synthesizer.representation.autoencoder
    decode = autoencoder.decode_embedded
    monkeypatch.setattr(autoencoder, "decode_embedded", lambda z, size: seen.append(z) or decode(z, size=size))
    synthesizer.interpolate(a, b, steps=3)
    torch.testing.assert_close(seen[1], (seen[0] + seen[2]) / 2)
    assert not torch.equal(seen[0], seen[2])


def test_the_shorter_recording_is_followed_by_silence(synthesizer):
    short, long = tone(220, seconds=0.3), tone(330, seconds=0.8)
    note = synthesizer.interpolate(short, long, share=0.0)
    assert note.audio.shape == long.shape
    padded = synthesizer.resynthesize(np.pad(short, (0, len(long) - len(short))))
    start = slice(0, 3000)  # the codes at its end have heard that it breaks off
    np.testing.assert_allclose(note.audio[start], padded.audio[start], atol=0.05 * np.abs(padded.audio).max())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 1.5}, r"^share=1.5 must be between 0 and 1$"),
        ({"share": float("nan")}, r"^share=nan must be between 0 and 1$"),
        ({"steps": 1}, r"^steps=1 must be between 2 and 1000$"),
        ({"seed": -1}, r"^seed=-1 must be a whole number"),
    ],
)
def test_a_bad_interpolation_is_named(synthesizer, options, message):
    with pytest.raises(UserError, match=message):
        synthesizer.interpolate(tone(220), tone(330), **options)
