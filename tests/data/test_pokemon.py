import numpy as np
import pytest
import torch

from synthgen.checks import UserError
from synthgen.data.pokemon import COLOURS, PIXELS, Pokemon
from synthgen.representations import Pixels

TABLE = [(0, 0, 0), (255, 0, 0), (10, 20, 30), (255, 0, 0)]


def write(folder, sprites, colours=TABLE):
    (folder / COLOURS).write_text("".join(" ".join(map(str, row)) + "\n" for row in colours))
    (folder / PIXELS).write_text("\n".join(" ".join(map(str, row)) for row in sprites))
    return folder


def load(root, **options):
    return Pokemon(Pokemon.Config(root=root, **options))


@pytest.fixture
def sprites():
    return np.random.default_rng(0).integers(0, 4, (20, 400))


def test_pictures_have_the_colours_of_the_file(tmp_path, sprites):
    dataset = load(write(tmp_path, sprites))
    assert dataset.fields == ()
    assert [len(part) for part in (dataset.train, dataset.valid, dataset.test)] == [16, 2, 2]
    expected = {bytes(np.array(TABLE, np.uint8)[row].reshape(20, 20, 3)) for row in sprites}
    parts = [part.pictures.x for part in (dataset.train, dataset.valid, dataset.test)]
    assert {np.ascontiguousarray(x.transpose(1, 2, 0)).tobytes() for part in parts for x in part} == expected
    assert load(tmp_path, seed=1).split_hash != load(tmp_path).split_hash


def test_another_representation_is_given_the_colours(tmp_path, sprites):
    pixels = Pixels(height=20, width=20, channels=3, levels=None)
    dataset = Pokemon(Pokemon.Config(root=write(tmp_path, sprites)), pixels)
    assert dataset.spec == pixels.spec()
    assert dataset.split_hash == load(tmp_path).split_hash
    with pytest.raises(UserError, match="change representation"):
        Pokemon(Pokemon.Config(root=tmp_path), Pixels(height=8, width=8, channels=3))


def test_the_palette_gives_back_the_picture_and_the_first_of_equal_colours(tmp_path, sprites):
    dataset = load(write(tmp_path, sprites))
    assert dataset.spec == dataset.palette.spec()
    media = dataset.test.batch(torch.arange(2)).x
    x = dataset.palette.encode(media)
    assert set(x.unique().tolist()) == {0, 1, 2}
    assert torch.allclose(dataset.palette.decode(x), media)


@pytest.mark.parametrize(
    ("file", "row", "message"),
    [
        (PIXELS, "0 " * 399 + "4", "row 21, column 400: '4' must be a colour of colormap.txt, 0 to 3"),
        (PIXELS, "0 -1 " + "0 " * 398, "row 21, column 2: '-1' must be a colour of colormap.txt, 0 to 3"),
        (PIXELS, "0 " * 399 + "9" * 5000, "row 21, column 400: '99"),
        (PIXELS, "x " * 400, "row 21, column 1: 'x' must be"),
        (PIXELS, "0 " * 399, "row 21 has 399 numbers, must have 400"),
        (PIXELS, "0 " * 401, "row 21 has 401 numbers, must have 400"),
        (COLOURS, "0 256 0", "row 5, column 2: '256' must be a part of a colour, 0 to 255"),
        (COLOURS, "0 0", "row 5 has 2 numbers, must have 3"),
    ],
)
def test_bad_lines_are_named(tmp_path, sprites, file, row, message):
    write(tmp_path, sprites)
    text = (tmp_path / file).read_text().rstrip()
    (tmp_path / file).write_text(f"{text}\n{row}\n")
    with pytest.raises(UserError, match=rf"{file}: {message}") as error:
        load(tmp_path)
    assert "\n" not in str(error.value)


def test_missing_and_empty_files_are_named(tmp_path, sprites):
    with pytest.raises(UserError, match=r"none: no such folder; .*--data\.root; .*Pokemon_creation"):
        load(tmp_path / "none")
    with pytest.raises(
        UserError, match=rf"{COLOURS}: cannot read \(No such file or directory\); check --data\.root; .*https://"
    ):
        load(tmp_path)
    write(tmp_path, [])
    with pytest.raises(UserError, match=rf"{PIXELS}: is empty"):
        load(tmp_path)
    (tmp_path / COLOURS).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=rf"{COLOURS}: row 1"):
        load(tmp_path)
    write(tmp_path, sprites[:2])
    with pytest.raises(UserError, match="2 picture"):
        load(tmp_path)


def test_the_real_sprites_survive_the_palette_exactly(test_data):
    folder = test_data / "pokemon"
    dataset = load(folder)
    assert [len(part) for part in (dataset.train, dataset.valid, dataset.test)] == [634, 79, 79]
    assert dataset.spec.levels == 167
    stored = {tuple(row) for row in np.loadtxt(folder / PIXELS, dtype=int).tolist()}
    media = dataset.test.batch(torch.arange(79)).x
    encoded = dataset.palette.encode(media)
    assert len({tuple(x) for x in encoded.flatten(1).tolist()} & stored) == 79
    assert torch.equal(dataset.palette.encode(dataset.palette.decode(encoded)), encoded)
