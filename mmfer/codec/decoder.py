# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Decoding one packet against a grey reference: the residual, exactly.

A decoder that has no past predicts every block from flat grey. Motion
compensation of a constant is that constant, hence what comes out is grey plus
the residual, to the last bit, whatever the vectors are.
"""
from functools import partial

import av
import numpy as np

from .errors import (TRANSCODE_ADVICE, DamagedPacket, NotPredicted,
                     UnsupportedStream)
from .grey import (grey_key_picture, make_decoder, padded_packet, planes,
                   sample_bits)
from .motion import CELL, VectorList
from .residual import Residual

_TYPE_NAMES = {1: 'I', 2: 'P', 3: 'B', 4: 'S'}
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
# Before FFmpeg 8.1.2 a missing reference of more than 8 bits was not grey.
_OLD_PYAV = int(av.__version__.partition('.')[0]) < 18


def grey_options(bitstream):
    """Return the decoder options under which a grey start is exact.

    Args:
        bitstream (Bitstream): The stream's codec.

    Returns:
        dict: FFmpeg options. Frames without a key picture are shown
        (`showall`, `output_corrupt`), vectors are exported, the loop filter
        is off, since it would smooth the residual.
    """
    flags = '+output_corrupt'
    if not bitstream.in_loop_filter:
        # Without it streams with B pictures lose their vectors.
        flags += '+low_delay'
    return {
        'flags': flags,
        'flags2': '+export_mvs+showall',
        'skip_loop_filter': 'all',
    }


class ResidualDecoder:
    """Decode single packets of one stream to residuals.

    Args:
        bitstream (Bitstream): The stream's codec and global header.
        width, height (int): Picture size.
        name (str): The file's name, for errors.

    A decoder belongs to one thread of one process.
    """

    def __init__(self, bitstream, width, height, name='<packets>'):
        self.bitstream = bitstream
        self.name = name
        self._size = width, height
        self._context, self._headers = None, b''
        self._prime = None

    def decode(self, data, headers=b'', bidirectional=False):
        """Return the residual of the predicted picture in a packet.

        Args:
            data (bytes): The packet, as `Bitstream` describes its codec.
            headers (bytes): In-band headers that are valid for this packet
                and differ from the global header. Defaults to b''.
            bidirectional (bool): Accept an H.264 B picture; its residual has
                no motion. Defaults to False.

        Returns:
            Residual: Its arrays are the caller's.

        Raises:
            NotPredicted: If the packet holds no predicted picture.
            DamagedPacket: If it does not decode.
            UnsupportedStream: If it uses a tool that is not exact.
        """
        data = headers + data
        reason = self.bitstream.unsupported(data)
        if reason:
            raise UnsupportedStream(
                f'{self.name}: {reason} cannot be read exactly; '
                f'{TRANSCODE_ADVICE}')
        frame = self._grey_decode(data, headers)
        if frame is None:
            raise DamagedPacket(
                f'{self.name}: a packet of {len(data)} bytes gives no '
                'picture; the file is damaged there')
        kind = _TYPE_NAMES.get(int(frame.pict_type), '?')
        if kind not in ('P', 'S') and not (bidirectional and kind == 'B'):
            raise NotPredicted(
                f'{self.name}: the packet holds a {kind} picture, which has '
                'no exact residual')
        return read_residual(frame, self.bitstream, data, kind, self.name)

    def _grey_decode(self, data, headers):
        try:
            context = self._ready(headers)
            data = self.bitstream.for_grey_start(data)
            if self._prime is not None:
                context.decode(padded_packet(self._prime))
                data = self.bitstream.extradata + data
            packet = padded_packet(data)
            frames = context.decode(packet) + context.decode(None)
            context.flush_buffers()
        except (av.FFmpegError, MemoryError) as error:
            self._context = None  # its state is not known any more
            raise DamagedPacket(
                f'{self.name}: a packet of {len(data)} bytes does not decode '
                f'({error.__class__.__name__}); the file is damaged there'
            ) from None
        except BaseException:
            self._context = None
            raise
        return frames[-1] if frames else None

    def _ready(self, headers):
        """Return the decoder; a fresh one where old headers would linger."""
        if self._context is None or headers != self._headers:
            width, height = self._size
            self._context = make_decoder(self.bitstream.codec,
                                         self.bitstream.extradata, width,
                                         height, grey_options(self.bitstream))
            self._headers = headers
            self._prime = prime_for(self.bitstream, width, height,
                                    headers, self.name)
        return self._context


def prime_for(bitstream, width, height, headers, name):
    """Return the grey picture that must precede every packet, or None."""
    picture = bitstream.grey_picture(width, height, headers)
    try:
        return picture and grey_key_picture(**picture)
    except UnsupportedStream as error:
        raise UnsupportedStream(f'{name}: {error}') from None


def vector_data(frame):
    """Return a decoded frame's motion vectors as FFmpeg exports them, bytes.

    The decoder's memory is copied, as it is not ours.
    """
    side_data = frame.side_data.get('MOTION_VECTORS')
    return b'' if side_data is None else bytes(side_data)


def read_residual(frame, bitstream, data, kind, name, intra='zero'):
    """Turn a frame that was decoded from grey into a `Residual`.

    Args:
        frame (av.VideoFrame): The decoded frame.
        bitstream (Bitstream): The stream's codec.
        data (bytes): The packet, for its weights.
        kind (str): Picture type.
        name (str): The file's name, for errors.
        intra (str): 'zero' clears the blocks that are not predicted, 'keep'
            leaves what the decoder put there. Defaults to 'zero'.

    Returns:
        Residual: With `index` not yet set.
    """
    try:
        bits = sample_bits(frame)
    except UnsupportedStream as error:
        raise UnsupportedStream(f'{name}: {error}') from None
    if bits > 8 and bitstream.codec == 'h264' and _OLD_PYAV:
        raise UnsupportedStream(
            f'{name}: H.264 of {bits} bits is read exactly from PyAV 18 on; '
            f'pip install "av>=18,<19" or {TRANSCODE_ADVICE}')
    height, width = frame.height, frame.width
    inter = motion = None
    if bitstream.has_motion:
        vectors = VectorList([vector_data(frame)], height, width)
        inter = vectors.covered()[0]
        if kind != 'B':
            motion = partial(_only, vectors.grid)  # made when asked for
    clear = None
    if intra == 'zero' and inter is not None and not inter.all():
        clear = np.nonzero(~inter)
    signed = [
        _signed(plane, bits, clear, height, width)
        for plane in planes(frame, bits)[:3]
    ]
    if len(signed) < 3:  # monochrome
        empty = np.zeros_like(signed[0])
        signed = [signed[0], empty, empty.copy()]
    # H.264 gives no sign of a reference that it did not find, but without
    # any vector it did not predict: nothing can be said of such a picture.
    lost = bitstream.codec == 'h264' and not inter.any()
    damaged = lost or (not bitstream.in_loop_filter and frame.is_corrupt)
    return Residual(
        *signed,
        motion=motion,
        inter=inter,
        picture_type=kind,
        damaged=bool(damaged),
        weighted=bitstream.is_weighted(data),
        bit_depth=bits,
        colorspace=int(frame.colorspace),
        full_range=(int(frame.color_range) == _FULL_RANGE
                    or frame.format.name.startswith('yuvj')))


def _only(maps):
    return maps()[0]


def _signed(plane, bits, clear, height, width):
    """Return samples minus grey as int16, with some cells set to 0.

    Args:
        plane (np.ndarray): uint8 or uint16 (h, w).
        bits (int): Bits a sample.
        clear (tuple | None): Rows and columns of the cells to clear.
        height, width (int): Size of the luma plane.
    """
    grey = 1 << bits - 1
    if bits > 8:
        plane = plane.astype(np.int32)
    out = np.subtract(plane, grey, dtype=np.int16, casting='unsafe')
    if clear is None:
        return out
    rows, columns = clear
    down = CELL // round(height / plane.shape[0])
    across = CELL // round(width / plane.shape[1])
    if plane.shape[0] % down == 0 and plane.shape[1] % across == 0:
        cells = out.reshape(plane.shape[0] // down, down,
                            plane.shape[1] // across, across)
        cells[rows, :, columns] = 0
    else:
        for row, column in zip(rows.tolist(), columns.tolist()):
            out[row * down:(row + 1) * down,
                column * across:(column + 1) * across] = 0
    return out
