from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from synthgen.checks import UserError
from synthgen.models.codes import AudioCodes, Codes, PictureCodes, codes_of, fingerprint
from synthgen.models.vqvae import VQVAE
from synthgen.representations import Pixels, Spectrogram, Waveform
from synthgen.representations.base import AudioRepresentation, ImageRepresentation, Representation

SOUND = Spectrogram(samples=8000, n_fft=256, hop_length=64, phase="griffin_lim", iterations=1)
SMALL = VQVAE.Config(channels=(8, 8), strides=((4, 2), (4, 2)), blocks=1, codes=16, dim=4)
LINE = replace(SMALL, strides=((4,), (5,)), stages=2)
CASES = {
    "spectrogram": (SOUND, SMALL, (1, 8, 32)),
    "waveform": (Waveform(samples=8000), LINE, (2, 400)),
    "picture": (Pixels(height=17, width=20, channels=3, levels=None), SMALL, (1, 2, 5)),
}


def autoencoder(inner: Representation, config: VQVAE.Config) -> VQVAE:
    """One whose first codes are those of noise."""
    model = VQVAE(inner.spec(), config)
    model.train().quantizer(torch.randn(64, model.quantizer.dim, 4))
    return model


def media(inner: Representation, count: int) -> torch.Tensor:
    if isinstance(inner, AudioRepresentation):
        hz = torch.linspace(200, 900, count)[:, None]
        return 0.5 * torch.sin(2 * math.pi * hz * torch.arange(inner.samples) / inner.sample_rate)[:, None]
    return torch.rand(count, inner.channels, inner.height, inner.width)


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request) -> tuple[Codes, tuple[int, ...]]:
    inner, config, shape = request.param
    return codes_of(autoencoder(inner, config), inner), shape


def test_media_become_codes_and_codes_media(case, note_fields):
    codes, shape = case
    spec, real = codes.spec(note_fields), media(codes.inner, 3)
    assert (spec.shape, spec.levels, spec.fields) == (shape, 16, note_fields)
    x = codes.encode(real)
    assert x.shape == (3, *shape)
    assert x.dtype == torch.int64
    assert 0 <= x.min() <= x.max() < 16
    made = codes.decode(x)
    assert made.shape == real.shape
    assert made.isfinite().all()
    assert torch.equal(codes.encode(x), x)


def test_an_example_does_not_depend_on_its_batch(case):
    codes, _ = case
    real = media(codes.inner, 3)
    together, alone = codes.encode(real), codes.encode(real[1:2])
    assert torch.equal(together[1:2], alone)
    torch.testing.assert_close(codes.decode(together)[1:2], codes.decode(alone), atol=1e-4, rtol=1e-4)


def test_sounds_and_pictures_keep_their_kind():
    sound, picture = (codes_of(autoencoder(inner, c), inner) for inner, c, _ in (CASES["waveform"], CASES["picture"]))
    assert isinstance(sound, AudioCodes) and isinstance(sound, AudioRepresentation)
    assert (sound.sample_rate, sound.samples) == (16_000, 8000)
    assert isinstance(picture, PictureCodes) and isinstance(picture, ImageRepresentation)
    assert (picture.height, picture.width, picture.channels) == (17, 20, 3)
    assert sound.bits_per_second == 2 * 400 * 4 / 0.5


def test_recordings_of_any_length_are_coded():
    model = autoencoder(SOUND, SMALL)
    longer = AudioCodes(model, replace(SOUND, samples=20_011))
    real = media(longer.inner, 1)
    x = longer.encode(real)
    assert x.shape == (1, *longer.spec().shape) == (1, 1, 8, 79)
    assert longer.decode(x).shape == real.shape
    # The beginning of a longer recording, far from its end, has the same codes.
    assert torch.equal(AudioCodes(model, SOUND).encode(real[..., :8000])[..., :24], x[..., :24])


def test_the_autoencoder_is_frozen_and_told_apart():
    model = autoencoder(SOUND, SMALL)
    codes = AudioCodes(model, SOUND)
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    assert codes.spec().coded_by == fingerprint(model)
    other = autoencoder(SOUND, SMALL)
    assert AudioCodes(other, SOUND).spec() != codes.spec()
    other.load_state_dict({k: v.half().float() for k, v in model.state_dict().items()})
    assert AudioCodes(other, SOUND).spec() == codes.spec()


@pytest.mark.parametrize("pixels", [0, 300, 303, 304, 319, 320, 327, 339, 340])
def test_the_beginning_of_a_picture_is_that_of_whole_cells(pixels):
    inner, config, (_, down, right) = CASES["picture"]
    codes = PictureCodes(autoencoder(inner, replace(config, stages=2)), inner)
    real = media(inner, 2)
    known = (torch.arange(17 * 20) < pixels).view(17, 20)
    whole = [known[16 * r : 16 * r + 16, 4 * c : 4 * c + 4].all() for r in range(down) for c in range(right)]
    begun = codes.beginning(real, pixels)
    assert begun.shape == (2, 2, sum(whole))
    assert all(whole[: sum(whole)])
    assert torch.equal(codes.beginning(torch.where(known, real, torch.rand_like(real)), pixels), begun)
    if pixels == 340:
        assert torch.equal(begun, codes.encode(real).flatten(2))


@pytest.mark.parametrize("wrong", [-1, 16])
def test_codes_outside_the_codebook_are_one_line(case, wrong):
    codes, shape = case
    x = torch.zeros(2, *shape, dtype=torch.int64)
    x[1, 0, 0] = wrong
    for use in (codes.encode, codes.decode):
        with pytest.raises(UserError, match=rf"codes from .*{wrong}.* must lie between 0 and 15"):
            use(x)


def test_an_autoencoder_of_other_examples_is_refused():
    model = autoencoder(SOUND, SMALL)
    with pytest.raises(UserError, match="takes examples with channels 1, spectrogram has 2"):
        AudioCodes(model, replace(SOUND, phase="integrate"))
    with pytest.raises(UserError, match="takes examples with axes"):
        AudioCodes(model, replace(SOUND, hop_length=128))
    inner, config, _ = CASES["picture"]
    with pytest.raises(UserError, match="takes examples with levels None, pixels has 256"):
        PictureCodes(autoencoder(inner, config), replace(inner, levels=256))
