# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""From a frame that was decoded against grey to a residual."""
from functools import partial

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer

from .errors import TRANSCODE_ADVICE, UnsupportedStream
from .grey import planes, sample_bits
from .motion import CELL, VectorList
from .residual import Residual

_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
# Before FFmpeg 8.1.2 a missing reference of more than 8 bits was not grey.
_OLD_PYAV = int(av.__version__.partition('.')[0]) < 18


def vector_memory(frame):
    """Return a decoded frame's motion vectors as FFmpeg exports them.

    Returns:
        Buffer: The decoder's memory, which it misses as long as this is held.
    """
    # `frame.side_data` would refer back to the frame, whose memory the decoder
    # then misses until Python searches for circles.
    side_data = SideDataContainer(frame).get('MOTION_VECTORS')
    return b'' if side_data is None else side_data


def vector_data(frame):
    """Return a copy of a frame's motion vectors, bytes."""
    return bytes(vector_memory(frame))


def read_residual(frame, bitstream, data, kind, name, intra='zero',
                  vectors=None, blocks=None):
    """Turn a frame that was decoded from grey into a `Residual`.

    Args:
        frame (av.VideoFrame): The decoded frame.
        bitstream (Bitstream): The stream's codec.
        data (bytes): The packet, for its weights.
        kind (str): Picture type.
        name (str): The file's name, for errors.
        intra (str): 'zero' clears the blocks that are not predicted, 'keep'
            leaves what the decoder put there. Defaults to 'zero'.
        vectors (bytes, optional): What `vector_data` returned. Defaults to
            None, it is asked.
        blocks (np.ndarray, optional): bool (H/16, W/16), blocks that are
            predicted. Defaults to None, the vectors tell.

    Returns:
        Residual: With `index` not yet set.
    """
    bits = check_depth(frame, bitstream, name)
    height, width = frame.height, frame.width
    clear, makers = None, {}
    lost = False
    if bitstream.has_motion:
        if vectors is None:
            vectors = vector_data(frame)
        if intra == 'zero':
            if blocks is None:
                blocks = VectorList([vectors], height, width).covered_blocks()[0]
            if not blocks.all():
                clear = not_covered(blocks, height, width)
        # H.264 gives no sign of a reference that it did not find, but without
        # any vector it did not predict: nothing can be said of such a picture.
        lost = bitstream.codec == 'h264' and not vectors
        makers['inter'] = partial(_map_of, VectorList.covered, vectors, height,
                                  width)
        if kind != 'B':
            makers['motion'] = partial(_map_of, VectorList.grid, vectors,
                                       height, width)
    luma, *chroma = planes(frame, bits)[:3]
    luma = signed(luma, bits, clear)
    for name, plane in zip('uv', chroma):
        # A copy, as the decoder's memory is not ours.
        makers[name] = partial(signed, plane.copy(), bits, clear)
    if not chroma:  # monochrome
        makers['u'] = makers['v'] = partial(np.zeros_like, luma)
    makers['weighted'] = partial(bitstream.is_weighted, data)
    damaged = lost or (not bitstream.in_loop_filter and frame.is_corrupt)
    return Residual(
        luma,
        picture_type=kind,
        damaged=bool(damaged),
        make=partial(_made, makers),
        **frame_facts(frame, bits))


def _made(makers, name):
    return makers[name]() if name in makers else None


def check_depth(frame, bitstream, name):
    """Return the bits a sample of a decoded frame.

    Args:
        frame (av.VideoFrame): The frame.
        bitstream (Bitstream): The stream's codec.
        name (str): The file's name, for errors.

    Raises:
        UnsupportedStream: If such samples cannot be read exactly.
    """
    try:
        bits = sample_bits(frame)
    except UnsupportedStream as error:
        raise UnsupportedStream(f'{name}: {error}') from None
    if bits > 8 and bitstream.codec == 'h264' and _OLD_PYAV:
        raise UnsupportedStream(
            f'{name}: H.264 of {bits} bits is read exactly from PyAV 18 on; '
            f'pip install "av>=18,<19" or {TRANSCODE_ADVICE}')
    return bits


def frame_facts(frame, bits):
    """Return what a `Residual` says of a frame's samples."""
    return dict(
        bit_depth=bits,
        colorspace=int(frame.colorspace),
        full_range=(int(frame.color_range) == _FULL_RANGE
                    or frame.format.name.startswith('yuvj')))


def _map_of(make, vectors, height, width):
    return make(VectorList([vectors], height, width))[0]


def not_covered(blocks, height, width):
    """Return what to clear, as `signed` takes it.

    Args:
        blocks (np.ndarray): bool (..., H/16, W/16), predicted blocks.
        height, width (int): Size of the luma plane.

    Returns:
        tuple: Where the blocks lie that are not predicted, an array for each
        dimension, and the size of the luma plane.
    """
    return np.nonzero(~blocks), height, width


def signed(plane, bits, clear):
    """Return samples minus grey as int16, with some blocks set to 0.

    Args:
        plane (np.ndarray): uint8 or uint16 (..., h, w), luma or chroma.
        bits (int): Bits a sample.
        clear (tuple | None): What `not_covered` returned.
    """
    grey = 1 << bits - 1
    if bits > 8:
        plane = plane.astype(np.int32)
    out = np.subtract(plane, grey, dtype=np.int16, casting='unsafe')
    if clear is not None:
        _clear(out, *clear)
    return out


def _clear(plane, where, height, width):
    """Set blocks to 0: the whole ones at once, those that an edge cuts next."""
    *pictures, rows, columns = where
    down, across = map(_bands, plane.shape[-2:], (height, width))
    for top, bottom, high, y in down:
        for left, right, wide, x in across:
            part = plane[..., top * y:bottom * y, left * x:right * x]
            blocks = part.reshape(
                plane.shape[:-2] + (bottom - top, high, right - left, wide))
            here = slice(None)
            if len(down) + len(across) > 2:
                here = ((rows >= top) & (rows < bottom) & (columns >= left)
                        & (columns < right))
            blocks[(*(picture[here] for picture in pictures), rows[here] - top,
                    slice(None), columns[here] - left)] = 0


def _bands(size, luma_size):
    """Split the blocks on one axis into whole ones and one that is cut off.

    Returns:
        list[tuple]: First block, end, samples of each that are there, and
        samples of a whole one.
    """
    whole = 2 * CELL // round(luma_size / size)
    count, rest = divmod(size, whole)
    return ([(0, count, whole, whole)] +
            [(count, count + 1, rest, whole)] * (rest > 0))
