# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""From a frame that was decoded against grey to a residual."""
from functools import partial

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer

from .errors import TRANSCODE_ADVICE, UnsupportedStream
from .grey import planes, sample_bits
from .motion import CELL, VectorList, dense
from .residual import Residual

_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
# Before FFmpeg 8.1.2 a missing reference of more than 8 bits was not grey.
_OLD_PYAV = int(av.__version__.partition('.')[0]) < 18


def vector_data(frame):
    """Return a decoded frame's motion vectors as FFmpeg exports them, bytes.

    The decoder's memory is copied, as it is not ours.
    """
    # `frame.side_data` would refer back to the frame, whose memory the decoder
    # then misses until Python searches for circles.
    side_data = SideDataContainer(frame).get('MOTION_VECTORS')
    return b'' if side_data is None else bytes(side_data)


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
    luma = signed(luma, bits, clear, height, width)
    for name, plane in zip('uv', chroma):
        # A copy, as the decoder's memory is not ours.
        makers[name] = partial(signed, plane.copy(), bits, clear, height,
                               width)
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
        blocks (np.ndarray): bool (H/16, W/16), predicted blocks.
        height, width (int): Size of the luma plane.

    Returns:
        tuple: Rows, columns and side of squares in the luma plane.
    """
    if height % (2 * CELL) == 0 and width % (2 * CELL) == 0:
        return (*np.nonzero(~blocks), 2 * CELL)
    cells = ~dense(blocks, -(-height // CELL), -(-width // CELL), 2)
    return (*np.nonzero(cells), CELL)


def signed(plane, bits, clear, height, width):
    """Return samples minus grey as int16, with some cells set to 0.

    Args:
        plane (np.ndarray): uint8 or uint16 (h, w).
        bits (int): Bits a sample.
        clear (tuple | None): Rows, columns and side of the squares to clear,
            counted in luma samples.
        height, width (int): Size of the luma plane.
    """
    grey = 1 << bits - 1
    if bits > 8:
        plane = plane.astype(np.int32)
    out = np.subtract(plane, grey, dtype=np.int16, casting='unsafe')
    if clear is None:
        return out
    rows, columns, side = clear
    down = side // round(height / plane.shape[0])
    across = side // round(width / plane.shape[1])
    if plane.shape[0] % down == 0 and plane.shape[1] % across == 0:
        cells = out.reshape(plane.shape[0] // down, down,
                            plane.shape[1] // across, across)
        cells[rows, :, columns] = 0
    else:
        for row, column in zip(rows.tolist(), columns.tolist()):
            out[row * down:(row + 1) * down,
                column * across:(column + 1) * across] = 0
    return out
