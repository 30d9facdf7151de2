# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""True pictures, decoded as any player does."""
import av

from .errors import DamagedPacket
from .grey import make_decoder, padded_packet


def decode_pictures(bitstream, width, height, steps, name, motion=False):
    """Yield the true pictures of a run of packets that starts at a key one.

    Args:
        bitstream (Bitstream): The stream's codec and global header.
        width, height (int): Picture size.
        steps (Iterable): (packet number, data) in decoding order.
        name (str): The file's name, for errors.
        motion (bool): Export motion vectors. Defaults to False.

    Yields:
        tuple[int, av.VideoFrame]: Packet number and frame, as they come out.

    Raises:
        DamagedPacket: If a packet does not decode.
    """
    options = {}
    if motion:
        options['flags2'] = '+export_mvs'
        if not bitstream.in_loop_filter:
            # A picture that is held back loses its vectors.
            options['flags'] = '+low_delay'
    context = make_decoder(bitstream.codec, bitstream.extradata, width, height,
                           options)
    try:
        for number, data in steps:
            packet = padded_packet(data)
            packet.pts = packet.dts = number
            for frame in context.decode(packet):
                yield frame.pts, frame
        for frame in context.decode(None):
            yield frame.pts, frame
    except (av.FFmpegError, MemoryError) as error:
        raise DamagedPacket(
            f'{name}: a packet does not decode ({error.__class__.__name__}); '
            'the file is damaged there') from None
