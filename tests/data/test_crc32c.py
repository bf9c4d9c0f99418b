import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.data.crc32c import BLOCK, crc32c, masked


def bitwise(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "crc"),
    [(bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E), (b"", 0)],
)
def test_vectors_of_rfc_3720(data, crc):
    assert crc32c(data) == crc


@given(st.binary(max_size=3 * BLOCK))
def test_equals_the_definition(data):
    assert crc32c(data) == bitwise(data)


@pytest.mark.parametrize("length", [BLOCK - 4, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 3, 2 * BLOCK, 10 * BLOCK + 7])
def test_equals_the_definition_around_blocks(length):
    data = bytes(i * 37 % 251 for i in range(length))
    assert crc32c(data) == bitwise(data)


def test_the_mask_of_the_tfrecord_format():
    assert masked(0) == 0xA282EAD8
    assert masked(0x8000) == 0xA282EAD9
