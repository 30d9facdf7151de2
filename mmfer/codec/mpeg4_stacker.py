# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Stacks of MPEG-4 Part 2 pictures: each a video packet (ISO/IEC 14496-2, 6.2).

A video packet begins with a header of its own, where the picture's header
stood. Its optional part is as long as one likes, by whole bits, and is chosen
so that the macroblocks that follow begin at the same bit of a byte as before:
they, and the stuffing behind them, are copied byte by byte.
"""
import re

from .bits import from_text, to_text
from .mpeg4_layer import SIZE_BITS
from .stacker import BLOCK, StackCoding, Stacker

_VOP = b'\x00\x00\x01\xb6'
_START_CODE = b'\x00\x00\x01'
_LONGEST = (1 << SIZE_BITS) - 1
_HEADER_BYTES = 16
_PREDICTED = '01'  # vop_coding_type


class Mpeg4Stacker(Stacker):
    """Stacks of P-VOPs that are each one video packet.

    Args:
        extradata (bytes): The stream's global header.
        header (bytes): Its video object layer header.
        layer (Layer), plain (PlainLayer): What that says.
    """

    def __init__(self, extradata, header, layer, plain):
        self._around = extradata.split(header, 1)
        self._layer, self._plain = layer, plain
        self._codings = {}
        # A P-VOP's header (6.2.5): seconds gone by, each a one; a marker; the
        # time; another one; that it is coded; rounding; what `part` returns.
        self._header = re.compile(
            f'{_PREDICTED}1*01.{{{layer.time_bits}}}11.'
            '(...)(?!00000)(.....)(?!000)(...)')

    def part(self, data):
        if not data.startswith(_VOP) or data.find(_START_CODE, 4) > 0:
            return None
        header = self._header.match(to_text(data[4:_HEADER_BYTES]))
        if not header:
            return None
        threshold, quantiser, reach = header.groups()
        return (threshold, reach), (data, quantiser, 32 + header.end())

    def coding(self, key, count):
        if count not in self._codings:
            self._codings[count] = self._make_coding(count)
        return self._codings[count]

    def _make_coding(self, count):
        plain, bits = self._plain, self._layer.bits
        width = -(-plain.width // BLOCK) * BLOCK
        height = -(-plain.height // BLOCK) * BLOCK
        in_all = height * count + BLOCK
        if max(width, in_all) > _LONGEST:
            return None
        for position, value in ((plain.width_at, width),
                                (plain.height_at, in_all)):
            bits = (bits[:position] + format(value, f'0{SIZE_BITS}b')
                    + bits[position + SIZE_BITS:])
        at = plain.resync_at
        bits = bits[:at] + '0' + bits[at + 1:]
        return StackCoding(
            from_text(bits).join(self._around), plain.width, plain.height,
            width, height, count, in_all)

    def packet(self, key, parts):
        coding = self.coding(key, len(parts))
        across = coding.coded_width // BLOCK
        blocks = across * coding.coded_height // BLOCK
        width = (blocks * len(parts) + across - 1).bit_length()
        packets = [parts[0][0]]
        for number, (data, quantiser, end) in enumerate(parts[1:], 1):
            first = format(number * blocks, f'0{width}b')
            front = self._packet_header(key, first + quantiser, end % 8)
            whole = end // 8
            if end % 8:  # the first macroblock begins within a byte
                front += to_text(data[whole:whole + 1])[end % 8:]
                whole += 1
            packets.append(from_text(front) + data[whole:])
        first = format(len(parts) * blocks, f'0{width}b')
        skipped = self._packet_header(key, first + quantiser, 0) + '1' * across
        packets.append(from_text(skipped + '0', fill='1'))
        return b''.join(packets)

    def _packet_header(self, key, place, rest):
        """Return the header of a video packet (6.2.5.2).

        Args:
            key (tuple): What the pictures have in common.
            place (str): First macroblock and quantiser.
            rest (int): Its length modulo 8.
        """
        threshold, reach = key
        front = '0' * (15 + int(reach, 2)) + '1' + place + '1'
        back = ('01' + '0' * self._layer.time_bits + '1' + _PREDICTED
                + threshold + reach)
        # Seconds gone by; a decoder only counts them.
        return front + '1' * ((rest - len(front + back)) % 8) + back
