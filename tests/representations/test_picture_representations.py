from __future__ import annotations

import json

import pytest
import torch

from synthgen.checks import UserError
from synthgen.config import from_dict, to_dict
from synthgen.representations import Palette, Pixels

COLOURS = ((0, 0, 0), (255, 255, 255), (200, 30, 30), (30, 30, 200))
PICTURES = {
    "grey": Pixels(height=5, width=7),
    "colour": Pixels(height=5, width=7, channels=3),
    "two levels": Pixels(height=5, width=7, levels=2),
    "numbers": Pixels(height=5, width=7, channels=3, levels=None),
    "palette": Palette(height=5, width=7, colours=COLOURS),
}


@pytest.fixture(params=PICTURES.values(), ids=PICTURES)
def representation(request):
    return request.param


def media(representation):
    """Pictures (3, C, 5, 7) of bytes."""
    return torch.randint(256, (3, representation.channels, 5, 7)) / 255


def test_examples_have_the_shape_and_levels_of_the_spec(representation):
    x, spec = representation.encode(media(representation)), representation.spec()
    assert x.shape == (3, *spec.shape)
    assert [axis.unit for axis in spec.axes] == ["pixels", "pixels"]
    if spec.levels is None:
        assert (x.dtype, x.min() >= -1, x.max() <= 1) == (torch.float32, True, True)
    else:
        assert x.dtype == torch.int64
        assert 0 <= x.min() <= x.max() < spec.levels
    assert representation.decode(x).shape == (3, representation.channels, 5, 7)


def test_examples_that_were_decoded_are_encoded_as_they_were(representation):
    x = representation.encode(media(representation))
    torch.testing.assert_close(representation.encode(representation.decode(x)), x)


@pytest.mark.parametrize("name", ["grey", "colour", "numbers"])
def test_bytes_come_back(name):
    pictures = media(PICTURES[name])
    torch.testing.assert_close(PICTURES[name].decode(PICTURES[name].encode(pictures)), pictures, rtol=0, atol=1e-6)


def test_settings_survive_json(representation):
    again = from_dict(type(representation), json.loads(json.dumps(to_dict(representation))))
    assert again == representation
    pictures = media(representation)
    assert torch.equal(again.encode(pictures), representation.encode(pictures))


def test_a_palette_takes_the_nearest_colour_and_the_first_of_equal_ones():
    representation = Palette(height=1, width=3, colours=(*COLOURS, (0, 0, 0)))
    pixels = torch.tensor([[10, 0, 5], [180, 60, 40], [250, 250, 251]]).T[None, :, None] / 255
    assert representation.encode(pixels).flatten().tolist() == [0, 2, 1]
    assert (representation.decode(torch.tensor([[[[2, 3, 4]]]])) * 255).round()[0, :, 0].T.tolist() == [
        [200, 30, 30],
        [30, 30, 200],
        [0, 0, 0],
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pixels(height=0), "height=0 must be between 1 and 4096"),
        (lambda: Pixels(channels=5), "channels=5 must be between 1 and 4"),
        (lambda: Pixels(levels=1), "levels=1 must be between 2 and 65536"),
        (lambda: Palette(height=5, width=7, colours=COLOURS[:1]), "number of colours=1 must be between 2 and 4096"),
        (lambda: Palette(height=5, width=7, colours=(*COLOURS, (0, 256, 0))), r"colours\[4\]=\(0, 256, 0\) must have"),
        (lambda: Pixels().encode(torch.zeros(1, 1, 5, 7)), r"picture has shape \(1, 1, 5, 7\), expected \(\*, 1, 28"),
        (lambda: PICTURES["palette"].encode(torch.zeros(1, 1, 5, 7)), r"picture has shape \(1, 1, 5, 7\), expected"),
    ],
)
def test_what_cannot_be_is_named(make, message):
    with pytest.raises(UserError, match=message):
        make()
