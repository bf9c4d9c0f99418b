import io
import random
import warnings

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from toy_pictures import make_pictures, write_png

from synthgen.checks import UserError
from synthgen.data.picture_file import (
    GAP,
    GROUND,
    MARGIN,
    TEXT,
    fit_picture,
    mode_of,
    read_picture,
    to_bytes,
    write_picture,
    write_sheet,
)


def read_sheet(path):
    with Image.open(path) as sheet:
        return np.asarray(sheet)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_survive_writing_and_reading(tmp_path, channels):
    pixels = make_pictures(channels, (6, 7))
    write_picture(tmp_path / "a.png", pixels)
    read = read_picture(tmp_path / "a.png", channels=channels)
    assert np.array_equal(read, pixels)
    assert read.flags.writeable
    assert np.array_equal(fit_picture(tmp_path / "a.png", size=(channels, 6, 7)), pixels)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("name", ["a.xyz", "a", "a.png/b.png"])
def test_what_cannot_be_written_leaves_nothing_and_what_was_there_stays(tmp_path, name):
    write_picture(tmp_path / "a.png", make_pictures(1))
    before = (tmp_path / "a.png").read_bytes()
    with pytest.raises(UserError, match=rf"{name}: "):
        write_picture(tmp_path / name, make_pictures(3))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == before


def test_a_format_that_cannot_hold_a_picture_is_named(tmp_path):
    with pytest.raises(UserError, match=r"a\.jpg: cannot hold such a picture .*; write a \.png"):
        write_picture(tmp_path / "a.jpg", make_pictures(4))


def test_black_and_white_is_grey_and_a_palette_is_colours(tmp_path):
    bits = make_pictures(1)[0] > 127
    Image.fromarray(bits).save(tmp_path / "bits.png")
    assert np.array_equal(read_picture(tmp_path / "bits.png", channels=1)[0], bits * np.uint8(255))
    pixels = make_pictures(2, (5, 3)).repeat(4, 1)
    Image.fromarray(pixels).convert("P", palette=Image.Palette.ADAPTIVE, colors=32).save(tmp_path / "palette.png")
    assert np.array_equal(read_picture(tmp_path / "palette.png", channels=3), pixels.transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("mode", "channels", "message"),
    [
        ("RGB", 1, "mode RGB must be L; convert the picture"),
        ("L", 3, "mode L must be RGB; convert the picture"),
        ("RGBA", 3, "mode RGBA must be RGB; convert the picture"),
        ("I;16", 1, "mode I;16 must be L; convert the picture"),
        ("L", 2, "channels=2 must be 1, 3 or 4; change representation.channels"),
    ],
)
def test_another_mode_is_refused(tmp_path, mode, channels, message):
    Image.new(mode, (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match=message):
        read_picture(tmp_path / "a.png", channels=channels)


@pytest.mark.parametrize("read", [lambda p: read_picture(p, channels=3), lambda p: fit_picture(p, size=(3, 4, 4))])
def test_files_that_are_no_whole_pictures_are_named(tmp_path, read):
    whole = write_png(tmp_path / "whole.png", make_pictures(20, (20, 3))).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("<html>")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    for name, message in {
        "cut.png": r"cannot read \(image file is truncated.*\); check the file",
        "text.png": "not a picture of a known format",
        "empty.png": "not a picture of a known format",
        "folder.png": r"cannot read \(Is a directory\)",
        "none.png": r"cannot read \(No such file or directory\); check the file",
    }.items():
        with pytest.raises(UserError, match=rf"{name}: {message}") as error:
            read(tmp_path / name)
        assert "\n" not in str(error.value)


def test_damaged_pictures_are_read_or_refused():
    draw = random.Random(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP"):
        stream = io.BytesIO()
        Image.fromarray(make_pictures(24, (31, 3))).save(stream, kind, **({"exif": exif} if kind != "PPM" else {}))
        for _ in range(60):
            content = bytearray(stream.getvalue())
            content[int(draw.random() ** 3 * len(content))] = draw.randrange(256)
            content = content[: draw.choice([len(content), draw.randrange(len(content))])]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    assert fit_picture(io.BytesIO(content), size=(3, 4, 4), where="x").shape == (3, 4, 4)
                except UserError as error:
                    assert str(error).startswith("x: ")


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12), st.integers(1, 12))
@example(7, 7, 25, 25)  # (7 / 25) * 25 is above 7 in floating point
def test_any_size_fits_and_one_colour_stays_what_it_is(height, width, rows, columns):
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (10, 200, 30)).save(stream, "PNG")
    pixels = fit_picture(stream, size=(3, rows, columns))
    assert pixels.shape == (3, rows, columns)
    assert (pixels == np.array([10, 200, 30]).reshape(3, 1, 1)).all()


def test_the_middle_is_taken_whole(tmp_path):
    pixels = np.zeros((8, 20), np.uint8)
    pixels[:, 6:14] = 255
    assert (fit_picture(write_png(tmp_path / "wide.png", pixels), size=(1, 8, 8)) == 255).all()
    assert (fit_picture(write_png(tmp_path / "high.png", pixels.T), size=(1, 8, 8)) == 255).all()
    whole = fit_picture(tmp_path / "wide.png", size=(1, 4, 10))[0]
    assert whole[:, 5].min() > 247 and whole[:, 0].max() < 8


def test_stripes_finer_than_a_pixel_become_grey(tmp_path):
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    small = fit_picture(write_png(tmp_path / "a.png", stripes), size=(1, 8, 8))
    assert np.abs(small[:, :, 1:-1].astype(int) - 128).max() < 8


def test_transparent_places_become_white(tmp_path):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:2] = (255, 0, 0, 255)
    path = write_png(tmp_path / "a.png", pixels)
    flat = fit_picture(path, size=(3, 4, 4))
    assert (flat[:, :2] == np.array([255, 0, 0]).reshape(3, 1, 1)).all()
    assert (flat[:, 2:] == 255).all()
    assert np.array_equal(fit_picture(path, size=(4, 4, 4))[3], pixels[..., 3])
    grey = Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4))
    grey.save(tmp_path / "grey.png", transparency=5)
    assert fit_picture(tmp_path / "grey.png", size=(1, 4, 4)).ravel().tolist() == [*range(5), 255, *range(6, 16)]


def test_a_turned_camera_is_turned_back(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = make_pictures(4, (6,))
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(fit_picture(tmp_path / "a.png", size=(1, 6, 4))[0], np.rot90(pixels, -1))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_grey_and_colour_become_one_another(tmp_path, mode, channels):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.new("RGB", (5, 4), "white").convert(mode).save(path)
    pixels = fit_picture(path, size=(channels, 4, 4))
    assert pixels.shape == (channels, 4, 4)
    assert (pixels == 255).all()


def test_deep_pictures_are_refused_instead_of_clipped(tmp_path):
    write_png(tmp_path / "a.png", np.full((4, 4), 4096, np.uint16))
    with pytest.raises(UserError, match=r"a\.png: mode I;16 must be one of .*; convert the picture"):
        fit_picture(tmp_path / "a.png", size=(1, 4, 4))
    with pytest.raises(UserError, match="channels=2 must be 1, 3 or 4"):
        mode_of(2)


def test_media_become_bytes():
    assert to_bytes(np.array([-1, 0, 0.5 / 255 - 1e-4, 0.5, 1, 2])).tolist() == [0, 0, 0, 128, 255, 255]


@pytest.mark.parametrize("channels", [1, 3])
def test_every_pixel_of_a_sheet_is_in_its_place(tmp_path, channels):
    first, second = make_pictures(5, (channels, 3, 4)), make_pictures(2, (channels, 3, 4), seed=1)
    write_sheet(tmp_path / "a.png", [("a long name of the first row", first), ("", second)], columns=3, side=8)
    sheet, scale = read_sheet(tmp_path / "a.png"), 2
    ground = np.ones(sheet.shape[:2], bool)
    places = [(0, i % 3, i // 3, first[i]) for i in range(5)] + [(1, i, 0, second[i]) for i in range(2)]
    tops = MARGIN + TEXT, MARGIN + TEXT + 2 * (3 * scale + GAP) + MARGIN
    for row, column, line, pixels in places:
        y, x = tops[row] + line * (3 * scale + GAP), MARGIN + column * (4 * scale + GAP)
        shown = sheet[y : y + 3 * scale, x : x + 4 * scale]
        expected = np.broadcast_to(pixels.transpose(1, 2, 0), (3, 4, 3)).repeat(scale, 0).repeat(scale, 1)
        assert np.array_equal(shown, expected)
        ground[y : y + 3 * scale, x : x + 4 * scale] = False
    ground[: MARGIN + TEXT] = False
    assert (sheet[ground] == GROUND).all()


def test_a_name_is_shown_whole_beside_no_name(tmp_path):
    pictures = make_pictures(1, (1, 4, 4))
    for name in ("W", 40 * "W"):
        write_sheet(tmp_path / "a.png", [(name, pictures)], side=8)
        sheet = read_sheet(tmp_path / "a.png")
        assert sheet[:TEXT].min() < 128
        assert (sheet[:, -MARGIN:] == GROUND).all()
        assert np.array_equal(sheet[MARGIN + TEXT :: 2, MARGIN::2][:4, :4, 0], pictures[0, 0])


def test_a_sheet_takes_as_many_columns_as_its_longest_row(tmp_path):
    write_sheet(tmp_path / "a.png", [("", make_pictures(n, (1, 4, 4))) for n in (2, 5, 0)], side=4)
    assert read_sheet(tmp_path / "a.png").shape == (2 * (4 + GAP) + 4 * MARGIN, 5 * (4 + GAP) + 2 * MARGIN, 3)
