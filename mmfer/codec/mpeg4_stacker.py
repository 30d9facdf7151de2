# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Stacks of MPEG-4 Part 2 pictures: each a video packet (ISO/IEC 14496-2, 6.2).

A video packet begins with a header of its own, where the picture's header
stood. Its optional part is as long as one likes, by whole bits, and is chosen
so that the macroblocks that follow begin at the same bit of a byte as before:
they, and the stuffing behind them, are copied byte by byte.
"""
import re
from typing import NamedTuple

from .bits import BitReader, from_text, to_text
from .stacker import BLOCK, StackCoding, Stacker

_VOP = b'\x00\x00\x01\xb6'
_START_CODE = b'\x00\x00\x01'
_SIZE_BITS, _LONGEST = 13, (1 << 13) - 1
_HEADER_BYTES = 16
_PREDICTED = '01'  # vop_coding_type


class Layer(NamedTuple):
    """What a video object layer header says that stacks depend on (6.2.3).

    Attributes:
        bits (str): The header, a text of '0' and '1'.
        width_at, height_at (int): Bit positions in it.
        resync_at (int): Bit position of resync_marker_disable.
        time_bits (int): Width of vop_time_increment.
    """

    bits: str
    width_at: int
    height_at: int
    resync_at: int
    time_bits: int
    width: int
    height: int


class Mpeg4Stacker(Stacker):
    """Stacks of P-VOPs that are each one video packet.

    Args:
        extradata (bytes): The stream's global header.
        volume (tuple): Where the video object layer header begins and ends.
        layer (Layer): What `read_layer` makes of it.
    """

    def __init__(self, extradata, volume, layer):
        self._extradata, self._volume, self._layer = extradata, volume, layer
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
        layer = self._layer
        width = -(-layer.width // BLOCK) * BLOCK
        height = -(-layer.height // BLOCK) * BLOCK
        in_all = height * count + BLOCK
        if max(width, in_all) > _LONGEST:
            return None
        bits = layer.bits
        for position, value in ((layer.width_at, width),
                                (layer.height_at, in_all)):
            bits = (bits[:position] + format(value, f'0{_SIZE_BITS}b')
                    + bits[position + _SIZE_BITS:])
        bits = bits[:layer.resync_at] + '0' + bits[layer.resync_at + 1:]
        begin, end = self._volume
        return StackCoding(
            self._extradata[:begin] + from_text(bits) + self._extradata[end:],
            layer.width, layer.height, width, height, count, in_all)

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


def read_layer(volume):
    """Read a video object layer header, start code included.

    Returns:
        Layer | None: None if stacks are not understood of such streams:
        sprites, shapes, interlaced pictures, data partitions, video packets
        of their own, other than 8 bits, or what the second version added.
    """
    reader = BitReader(volume)
    reader.position = 32
    try:
        return _read_layer(reader)
    except EOFError:
        return None


def _read_layer(reader):
    reader.bits(1 + 8)
    version = 1
    if reader.flag():
        version = reader.bits(4)
        reader.bits(3)
    if reader.bits(4) == 15:  # extended pixel aspect ratio
        reader.bits(16)
    if reader.flag():  # vol_control_parameters
        reader.bits(3)
        if reader.flag():
            reader.bits(79)
    if reader.bits(2):  # not a rectangle
        return None
    reader.bits(1)
    resolution = reader.bits(16)
    time_bits = max((resolution - 1).bit_length(), 1)
    reader.bits(1)
    if reader.flag():  # fixed_vop_rate
        reader.bits(time_bits)
    reader.bits(1)
    width_at, width = reader.position, reader.bits(_SIZE_BITS)
    reader.bits(1)
    height_at, height = reader.position, reader.bits(_SIZE_BITS)
    reader.bits(1)
    interlaced, _overlapped = reader.bits(1), reader.bits(1)
    sprite = reader.bits(1 if version == 1 else 2)
    if interlaced or sprite or reader.flag():  # the last: not 8 bits
        return None
    if reader.flag():  # matrices of its own
        for _ in range(2):
            if reader.flag():
                _skip_matrix(reader)
    if version != 1:
        reader.bits(1)  # quarter pixels
    if not reader.flag():  # complexity is estimated in each header
        return None
    resync_at, no_packets = reader.position, reader.bits(1)
    if not no_packets or reader.flag():  # the last: data partitions
        return None
    if version != 1 and reader.bits(2):  # new predictions, other resolution
        return None
    if reader.flag() or not (width and height):  # the first: scalable
        return None
    return Layer(reader.text, width_at, height_at, resync_at, time_bits, width,
                 height)


def _skip_matrix(reader):
    """Skip a quantiser matrix: up to 64 bytes, ended by a zero."""
    for _ in range(64):
        if not reader.bits(8):
            return
