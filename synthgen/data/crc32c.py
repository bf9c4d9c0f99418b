"""CRC-32C (Castagnoli), the checksum of TFRecord files, fast enough in numpy to read a whole data set.

A CRC that starts from zero is linear over XOR, so each byte's share depends only on its value and its distance from the
end: shares within blocks come from one table lookup, and blocks are joined by Horner's rule.
Polynomial and test vectors: RFC 3720, sections 12.1 and B.4.
"""

from __future__ import annotations

from functools import cache

import numpy as np

BLOCK = 256
_POLYNOMIAL = 0x82F63B78


def crc32c(data: bytes) -> int:
    """The checksum of `data`.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    body = np.frombuffer(data, np.uint8)
    padded = np.zeros(-(-len(body) // BLOCK) * BLOCK, np.uint8)  # leading zeros leave a CRC that starts from zero alone
    padded[len(padded) - len(body) :] = body
    start = 0xFFFFFFFF
    head = padded[len(padded) - len(body) :][:4]
    for i in range(len(head)):  # starting from all ones is the same as inverting the first four bytes
        head[i] ^= 0xFF
        start >>= 8
    shares, (low, second, third, high) = _tables()
    blocks = padded.reshape(-1, BLOCK) + np.arange(BLOCK, dtype=np.int32) * 256
    crc = 0
    for block in np.bitwise_xor.reduce(shares.take(blocks), axis=1).tolist():
        crc = low[crc & 255] ^ second[crc >> 8 & 255] ^ third[crc >> 16 & 255] ^ high[crc >> 24] ^ block
    return crc ^ start ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    """The form in which TFRecord stores a checksum: rotated by 15 bits, plus a constant."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@cache
def _tables() -> tuple[np.ndarray, list[list[int]]]:
    """Share of each byte value at each place of a block (BLOCK * 256,), and the move of each CRC byte by a block."""
    one = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        one = one >> 1 ^ (one & 1) * np.uint32(_POLYNOMIAL)
    rows = [one]
    for _ in range(BLOCK - 1):
        rows.append(one[rows[-1] & 255] ^ rows[-1] >> 8)
    # a CRC byte moved by a whole block is the share of that byte at the block's start
    moves = [rows[BLOCK - 1 - place].tolist() for place in range(4)]
    return np.concatenate(rows[::-1]), moves
