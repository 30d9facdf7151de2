# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Bit fields and Exp-Golomb codes of a few header bytes, read and written."""
import re
from functools import lru_cache

_EMULATION = re.compile(rb'\x00\x00(?=[\x00-\x03])')


class BitReader:
    """Read big-endian bit fields from the front of a byte string.

    Args:
        data (bytes | str): The bytes, already free of emulation prevention,
            or all their bits, see `text`.
        position (int): Where to begin. Defaults to 0.

    Attributes:
        text (str): All bits, '0' and '1': Python finds the next one in a text
            faster than in a number.
        position (int): The next bit to read.

    Example:
        >>> reader = BitReader(b'\xa0')
        >>> reader.bits(3), reader.position
        (5, 3)
    """

    __slots__ = ('text', 'position')

    def __init__(self, data, position=0):
        self.text = data if isinstance(data, str) else to_text(data)
        self.position = position

    def bits(self, count):
        """Return the next ``count`` bits as an unsigned integer.

        Raises:
            EOFError: If fewer bits are left.
        """
        start = self.position
        self.position = end = start + count
        if end > len(self.text):
            raise EOFError('the header ends too early')
        return int(self.text[start:end], 2) if count else 0

    def ue(self):
        """Return the next unsigned Exp-Golomb code (H.264, 9.1)."""
        text, start = self.text, self.position
        one = text.find('1', start)
        self.position = end = 2 * one - start + 1
        if not 0 <= one - start <= 32 or end > len(text):
            raise EOFError('the header ends too early')
        return int(text[one:end], 2) - 1

    def se(self):
        """Return the next signed Exp-Golomb code (H.264, 9.1.1)."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)

    def flag(self):
        """Return the next bit as a bool."""
        self.position = end = self.position + 1
        if end > len(self.text):
            raise EOFError('the header ends too early')
        return self.text[end - 1] == '1'


def code_pattern(zeros):
    """Return a regular expression for an Exp-Golomb code.

    Args:
        zeros (int): The most it may begin with, so that it matches values
            below ``2 ** (zeros + 1) - 1``.

    Returns:
        str: To be matched against a text of '0' and '1', without groups.

    Example:
        >>> code_pattern(2)
        '(?:1|0(?:1.|0(?:1..)))'
    """
    pattern = '1' + '.' * zeros
    for fewer in reversed(range(zeros)):
        pattern = f'1{"." * fewer}|0(?:{pattern})'
    return f'(?:{pattern})'


def code_value(code):
    """Return the value of an unsigned Exp-Golomb code, a text."""
    return int(code, 2) - 1


def to_text(data):
    """Return the bits of bytes as a text of '0' and '1'."""
    return bin(int.from_bytes(b'\1' + data, 'big'))[3:]


def from_text(text, fill='0'):
    """Return bytes from a text of '0' and '1', the last one filled up.

    Example:
        >>> from_text('101' + exp_golomb(1))
        b'\xa8'
    """
    text += fill * (-len(text) % 8)
    return int(text or '0', 2).to_bytes(len(text) // 8, 'big')


@lru_cache(maxsize=1024)
def exp_golomb(*values):
    """Return unsigned Exp-Golomb codes as a text of '0' and '1'."""
    return ''.join([
        format(value + 1, f'0{2 * (value + 1).bit_length() - 1}b')
        for value in values
    ])


def unescape(nal):
    """Drop the emulation prevention bytes of an H.264/HEVC NAL unit."""
    return nal.replace(b'\x00\x00\x03', b'\x00\x00')


def escape(payload):
    """Insert emulation prevention bytes (the inverse of `unescape`)."""
    if b'\x00\x00' not in payload:  # finds out sooner than the expression
        return payload
    return _EMULATION.sub(b'\x00\x00\x03', payload)


def with_bits(data, position, count, value):
    """Return ``data`` with ``count`` bits at ``position`` replaced."""
    shift = len(data) * 8 - position - count
    mask = ((1 << count) - 1) << shift
    number = int.from_bytes(data, 'big') & ~mask | value << shift
    return number.to_bytes(len(data), 'big')
