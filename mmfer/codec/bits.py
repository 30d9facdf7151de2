# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Reading bit fields and Exp-Golomb codes out of a few header bytes."""
import re

_EMULATION = re.compile(rb'\x00\x00(?=[\x00-\x03])')


class BitReader:
    """Read big-endian bit fields from the front of a byte string.

    Args:
        data (bytes): The bytes, already free of emulation prevention.

    Example:
        >>> reader = BitReader(b'\xa0')
        >>> reader.bits(3), reader.position
        (5, 3)
    """

    __slots__ = ('value', 'length', 'position')

    def __init__(self, data):
        self.value = int.from_bytes(data, 'big')
        self.length = len(data) * 8
        self.position = 0

    def bits(self, count):
        """Return the next ``count`` bits as an unsigned integer.

        Raises:
            EOFError: If fewer bits are left.
        """
        self.position += count
        rest = self.length - self.position
        if rest < 0:
            raise EOFError('the header ends too early')
        return (self.value >> rest) & ((1 << count) - 1)

    def ue(self):
        """Return the next unsigned Exp-Golomb code (H.264, 9.1)."""
        rest = self.length - self.position
        tail = self.value & ((1 << rest) - 1)
        zeros = rest - tail.bit_length()
        if not tail or zeros > 32:
            raise EOFError('the header ends too early')
        self.position += zeros
        return self.bits(zeros + 1) - 1

    def se(self):
        """Return the next signed Exp-Golomb code (H.264, 9.1.1)."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)


def unescape(nal):
    """Drop the emulation prevention bytes of an H.264/HEVC NAL unit."""
    return nal.replace(b'\x00\x00\x03', b'\x00\x00')


def escape(payload):
    """Insert emulation prevention bytes (the inverse of `unescape`)."""
    return _EMULATION.sub(b'\x00\x00\x03', payload)


def with_bits(data, position, count, value):
    """Return ``data`` with ``count`` bits at ``position`` replaced."""
    shift = len(data) * 8 - position - count
    mask = ((1 << count) - 1) << shift
    number = int.from_bytes(data, 'big') & ~mask | value << shift
    return number.to_bytes(len(data), 'big')
