# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A flat grey key picture for decoders whose own reference is not grey."""
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np

from .errors import TRANSCODE_ADVICE, UnsupportedStream

_H263_SIZES = {(128, 96), (176, 144), (352, 288), (704, 576), (1408, 1152)}
_PADDING = bytes(64)  # FFmpeg reads ahead; PyAV does not pad extradata


def padded_packet(data):
    """Return a packet with the zero padding that FFmpeg's parsers need.

    `av.Packet(data)` borrows Python's buffer, which lacks the padding: 2 to 7
    percent of MPEG-4 pictures then decode to garbage without an error.
    """
    packet = av.Packet(len(data))
    packet.update(data)
    return packet


@lru_cache(maxsize=64)
def grey_key_picture(codec, width, height, interlaced=False,
                     pixel_format='yuv420p'):
    """Encode a picture of nothing but 128.

    Args:
        codec (str): 'mpeg4', 'mpeg1video', 'mpeg2video', 'h263' or 'flv'.
        width, height (int): Picture size.
        interlaced (bool): Say so in the sequence header: a decoder that sees
            the header change drops its reference. Defaults to False.
        pixel_format (str): Defaults to 'yuv420p'.

    Returns:
        bytes: One key packet, with its global headers in front.

    Raises:
        UnsupportedStream: If FFmpeg cannot encode such a picture.
    """
    name = codec
    if codec == 'h263' and (width, height) not in _H263_SIZES:
        name = 'h263p'
    try:
        encoder = av.CodecContext.create(name, 'w')
        encoder.width, encoder.height = width, height
        encoder.pix_fmt = pixel_format
        encoder.framerate, encoder.time_base = 25, Fraction(1, 25)
        if interlaced:
            encoder.options = {'flags': '+ildct+ilme'}
        encoder.thread_count = 1
        frame = av.VideoFrame(width, height, pixel_format)
        for plane in frame.planes:
            plane.update(bytes([128]) * plane.buffer_size)
        frame.pts = 0
        packets = encoder.encode(frame) + encoder.encode(None)
    except (av.FFmpegError, ValueError) as error:
        raise UnsupportedStream(
            f'no grey {codec} picture of {width}x{height} can be made '
            f'({error}); transcode to a size that is a multiple of 16') from None
    return bytes(encoder.extradata or b'') + bytes(packets[0])


def make_decoder(codec, extradata, width, height, options):
    """Return an opened, single-threaded FFmpeg decoder.

    Threads would lose motion vectors and hang after a fork.
    """
    context = av.CodecContext.create(codec, 'r')
    if extradata:
        context.extradata = extradata + _PADDING
    context.width, context.height = width, height
    context.thread_count = 1
    context.options = options
    return context


@lru_cache(maxsize=32)
def _planar_bits(pixel_format):
    """Return the bits of a planar YUV or grey format's samples, 0 if other."""
    description = av.VideoFormat(pixel_format)
    planar = description.is_planar or len(description.components) == 1
    if description.is_rgb or not planar or description.has_palette:
        return 0
    return description.components[0].bits


def sample_bits(frame):
    """Return the bits a sample of a planar YUV frame.

    Raises:
        UnsupportedStream: If the samples are not planar YUV (coded RGB, say).
    """
    bits = _planar_bits(frame.format.name)
    if not bits:
        raise UnsupportedStream(
            f'its pictures are coded as {frame.format.name}, not as planar '
            f'YUV; {TRANSCODE_ADVICE}')
    return bits


def planes(frame, bits):
    """Return the samples of a frame's planes without copying.

    Args:
        frame (av.VideoFrame): A planar YUV or grey frame.
        bits (int): What `sample_bits` returned.

    Returns:
        list[np.ndarray]: uint8 or uint16 (h, w), valid while the frame lives.
    """
    kind = np.uint8 if bits == 8 else np.uint16
    views = []
    for plane in frame.planes:
        samples = np.frombuffer(plane, kind).reshape(plane.height, -1)
        views.append(samples[:, :plane.width])
    return views
