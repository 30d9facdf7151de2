# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The header of an MPEG-4 video object layer (ISO/IEC 14496-2, 6.2.3)."""
import re
from functools import lru_cache
from typing import NamedTuple

from .bits import BitReader

_START_CODE = b'\x00\x00\x01'
_LAYER = re.compile(_START_CODE + rb'[\x20-\x2f]')
_RECTANGLE, _GREY_SHAPE = 0, 3
SIZE_BITS = 13  # of a width or a height


class Layer(NamedTuple):
    """The front of a video object layer header.

    Attributes:
        bits (str): The whole header, its start code included, a text of '0'
            and '1'.
        version (int): Of the syntax.
        low_delay (bool): It promises that no B pictures follow.
        shape (int): 0 for a rectangle.
        time_bits (int): Width of vop_time_increment.
        rest_at (int): Bit position of the marker behind the time's resolution.
    """

    bits: str
    version: int
    low_delay: bool
    shape: int
    time_bits: int
    rest_at: int


class PlainLayer(NamedTuple):
    """What a plain header says behind its front; bit positions are in `bits`.

    Attributes:
        width_at, height_at (int): Where the sizes stand, 13 bits each.
        resync_at (int): Where resync_marker_disable stands.
        width, height (int): Size of the pictures.
    """

    width_at: int
    height_at: int
    resync_at: int
    width: int
    height: int


def find_layer(data):
    """Return the bytes of a video object layer header, b'' if none."""
    match = _LAYER.search(data)
    if not match:
        return b''
    end = data.find(_START_CODE, match.end())
    return data[match.start():end if end > 0 else len(data)]


@lru_cache(maxsize=64)
def read_layer(header):
    """Read the front of a header that `find_layer` found.

    Returns:
        Layer | None: None if it is cut off.
    """
    reader, low_delay = BitReader(header, 8 * (len(_START_CODE) + 1)), False
    try:
        reader.bits(1 + 8)
        version = 1
        if reader.flag():
            version = reader.bits(4)
            reader.bits(3)
        if reader.bits(4) == 15:  # extended pixel aspect ratio
            reader.bits(16)
        if reader.flag():  # vol_control_parameters
            reader.bits(2)
            low_delay = reader.flag()
            if reader.flag():
                reader.bits(79)
        shape = reader.bits(2)
        if shape == _GREY_SHAPE and version != 1:
            reader.bits(4)
        reader.bits(1)
        resolution = reader.bits(16)
    except EOFError:
        return None
    return Layer(reader.text, version, low_delay, shape,
                 max((resolution - 1).bit_length(), 1), reader.position)


def read_plain(layer):
    """Read the rest of a header that asks for nothing out of the ordinary.

    Args:
        layer (Layer): Its front.

    Returns:
        PlainLayer | None: None for sprites, shapes, interlaced pictures, data
        partitions, video packets, other than 8 bits, and what the second
        version added; or if the header is cut off.
    """
    if layer.shape != _RECTANGLE:
        return None
    try:
        return _read_plain(BitReader(layer.bits, layer.rest_at), layer)
    except EOFError:
        return None


def _read_plain(reader, layer):
    reader.bits(1)
    if reader.flag():  # fixed_vop_rate
        reader.bits(layer.time_bits)
    reader.bits(1)
    width_at, width = reader.position, reader.bits(SIZE_BITS)
    reader.bits(1)
    height_at, height = reader.position, reader.bits(SIZE_BITS)
    reader.bits(1)
    interlaced, _overlapped = reader.bits(1), reader.bits(1)
    sprite = reader.bits(1 if layer.version == 1 else 2)
    if interlaced or sprite or reader.flag():  # the last: not 8 bits
        return None
    if reader.flag():  # matrices of its own
        for _ in range(2):
            if reader.flag():
                _skip_matrix(reader)
    if layer.version != 1:
        reader.bits(1)  # quarter pixels
    if not reader.flag():  # complexity is estimated in each header
        return None
    resync_at, no_packets = reader.position, reader.bits(1)
    if not no_packets or reader.flag():  # the last: data partitions
        return None
    if layer.version != 1 and reader.bits(2):
        return None  # new predictions, another resolution
    if reader.flag() or not (width and height):  # the first: scalable
        return None
    return PlainLayer(width_at, height_at, resync_at, width, height)


def _skip_matrix(reader):
    """Skip a quantiser matrix: up to 64 bytes, ended by a zero."""
    for _ in range(64):
        if not reader.bits(8):
            return
