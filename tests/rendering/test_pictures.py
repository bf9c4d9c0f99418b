"""Pictures by name, and their completion, from a checkpoint."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from synthgen import checkpoint, cli
from synthgen.checks import UserError
from synthgen.models import VQVAE, GatedPixelCNN
from synthgen.models.codes import PictureCodes
from synthgen.records import Batch, Field
from synthgen.rendering.pictures import PictureMaker
from synthgen.representations import Pixels

ANIMAL = Field(name="animal", kind="category", size=3, names=("cat", "dog", "owl"))
SIZE = Field(name="size", kind="ordinal", size=2, values=(1.0, 2.0))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return build(tmp_path_factory.mktemp("pictures"), labels=("animal", "size"))


def build(folder, *, labels=(), channels=1):
    representation = Pixels(height=6, width=5, channels=channels, levels=16)
    config = GatedPixelCNN.Config(labels=labels, dim=8, channels=8, skip_channels=8, layers=2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = GatedPixelCNN(representation.spec((ANIMAL, SIZE)), config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
    checkpoint.save(folder / "model.safetensors", model, representation, {})
    return folder


@pytest.fixture(scope="module")
def maker(path):
    return PictureMaker.load(path)


@pytest.fixture
def photo(tmp_path):
    file = tmp_path / "x.png"
    pixels = (np.arange(30).reshape(6, 5) % 16 * 17).astype(np.uint8)
    Image.fromarray(pixels).save(file)
    return file


def test_a_seed_fixes_the_pictures_however_many(maker):
    many = maker.sample(6, ["cat"], seed=3)
    assert many.shape == (6, 1, 6, 5)
    assert many.dtype == np.uint8
    assert np.array_equal(maker.sample(2, ["cat"], seed=3), many[:2])
    assert not np.array_equal(maker.sample(2, ["cat"], seed=4), many[:2])
    assert len({picture.tobytes() for picture in many}) == 6


@pytest.fixture(scope="module")
def coded(tmp_path_factory):
    """A prior on the codes of pictures of 6 x 5 pixels, in cells of 2 x 2."""
    pixels, path = Pixels(height=6, width=5, levels=None), tmp_path_factory.mktemp("codes") / "model.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        coder = VQVAE(pixels.spec(), VQVAE.Config(channels=(8,), strides=((2, 2),), blocks=1, codes=16, dim=4))
        coder.train().loss(Batch(torch.randn(40, 1, 6, 5)))
        codes = PictureCodes(coder, pixels)
        config = GatedPixelCNN.Config(labels=("animal",), dim=8, channels=8, skip_channels=8, layers=2)
        model = GatedPixelCNN(codes.spec((ANIMAL, SIZE)), config)
    checkpoint.save(path, model, codes, {})
    return path.parent


def test_pictures_are_drawn_from_codes(coded, tmp_path, capsys):
    sheet = tmp_path / "x.png"
    assert cli.main(["sample", "--model", str(coded), "--label", "owl", "--n", "3", "--out", str(sheet)]) == 0
    assert capsys.readouterr().out == f"{sheet}: 3 pictures of owl, seed 0\n"
    maker = PictureMaker.load(coded)
    many = maker.sample(4, ["owl"], seed=2)
    assert many.shape == (4, 1, 6, 5)
    assert np.array_equal(maker.sample(2, ["owl"], seed=2), many[:2])


@pytest.mark.parametrize(("cover", "kept"), [(0.5, 15), (0.3, 21), (0.9, 3), (1, 0)])
def test_completion_by_codes_keeps_every_known_pixel_and_looks_at_no_other(coded, photo, cover, kept):
    maker = PictureMaker.load(coded)
    with Image.open(photo) as image:
        real = np.asarray(image)[None]
    made = maker.complete(real, ["cat"], cover=cover, n=3)
    assert (made.reshape(3, -1)[:, :kept] == real.flatten()[:kept]).all()
    assert len({picture.tobytes() for picture in made}) == 3
    other = np.where(np.arange(30).reshape(6, 5) < kept, real, 255 - real)
    assert np.array_equal(maker.complete(other, ["cat"], cover=cover, n=3), made)


def test_labels_are_read_in_every_form(maker):
    cat = maker.sample(2, ["animal=cat", "size=1.5"])
    assert np.array_equal(maker.sample(2, ["cat", "size=1.5"]), cat)
    assert not np.array_equal(maker.sample(2, ["dog", "size=1.5"]), cat)
    assert not np.array_equal(maker.sample(2, ["cat"]), cat)


def test_classes_come_in_turn_where_none_is_named(maker):
    assert maker.values(4) == ["cat", "dog", "owl", "cat"]
    turns = maker.sample(3)
    assert np.array_equal(maker.sample(3, ["dog"])[1], turns[1])


@pytest.mark.parametrize(("cover", "kept"), [(0.5, 15), (0.75, 8), (1, 0), (0, 30)])
def test_completion_keeps_what_is_not_covered(maker, photo, cover, kept):
    if not cover:
        with pytest.raises(UserError, match="must be shorter than the whole"):
            maker.complete(photo, ["cat"], cover=cover)
        return
    with Image.open(photo) as image:
        real = np.asarray(image).flatten()
    made = maker.complete(photo, ["cat"], cover=cover, n=2).reshape(2, -1)
    assert (made[:, :kept] == real[:kept]).all()
    assert (made[:, kept:] != real[kept:]).any()
    assert not np.array_equal(made[0], made[1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, p: m.sample(1, ["cta"]), "label animal='cta' is not known; did you mean 'cat'"),
        (lambda m, p: m.sample(1, ["anmal=cat"]), "label='anmal' is not known; did you mean 'animal'"),
        (lambda m, p: m.sample(1, ["size=big"]), "label size='big' must be a number"),
        (lambda m, p: m.sample(0), "n=0 must be between 1 and 4096"),
        (lambda m, p: m.complete(p), "label animal must be given"),
        (lambda m, p: m.complete(p, ["cat"], cover=2), "cover=2 must be between 0 and 1"),
        (lambda m, p: m.complete(p.parent / "no.png", ["cat"]), "no.png: cannot read"),
        (
            lambda m, p: m.complete(np.zeros((1, 5, 6), np.uint8), ["cat"]),
            "picture: pictures of 5 x 6 pixels and 1 channel",
        ),
    ],
)
def test_what_cannot_be_drawn_is_named(maker, photo, call, message):
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        call(maker, photo)


def test_models_of_notes_make_no_pictures(tiny_checkpoint):
    with pytest.raises(UserError, match="a Decoder of spectrogram makes no pictures"):
        PictureMaker.load(tiny_checkpoint)


def test_the_commands_write_sheets(path, photo, tmp_path, capsys):
    sheet, done = tmp_path / "sheet.png", tmp_path / "y.png"
    assert cli.main(["sample", "--model", str(path), "--n", "10", "--label", "cat", "--out", str(sheet)]) == 0
    assert capsys.readouterr().out == f"{sheet}: 10 pictures of cat, seed 0\n"
    with Image.open(sheet) as drawn:
        assert drawn.size[0] > 8 * 5
    words = ["--model", str(path), "--image", str(photo), "--cover", "0.5", "--label", "cat", "--out", str(done)]
    assert cli.main(["complete", *words]) == 0
    with Image.open(done) as made, Image.open(photo) as real:
        assert (np.asarray(made)[:3] == np.asarray(real)[:3]).all()
        assert made.size == real.size


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("sample", "--out", "x.png", "--label", "cow"), "label animal='cow' is not known"),
        (("sample", "--out", "x.mp3"), "x.mp3: must end in .png"),
        (("sample", "--out", "x.png", "--temperature", "0"), "temperature=0 must be above 0"),
        (("complete", "--image", "{rgb}", "--out", "x.png", "--label", "cat"), "mode RGB must be L; convert"),
    ],
)
def test_bad_commands_are_one_line(path, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (5, 6)).save("rgb.png")
    assert cli.main([word.replace("{rgb}", "rgb.png") for word in words] + ["--model", str(path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rgb.png"]


def test_a_damaged_model_is_one_line(path, tmp_path):
    shutil.copytree(path, tmp_path / "run")
    whole = (tmp_path / "run" / "model.safetensors").read_bytes()
    (tmp_path / "run" / "model.safetensors").write_bytes(whole[:-10])
    with pytest.raises(UserError, match="damaged checkpoint"):
        PictureMaker.load(tmp_path / "run")
