# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""An FFmpeg decoder without a past: it predicts everything from flat grey."""
from .decoder_pool import give_decoder, take_decoder
from .errors import UnsupportedStream
from .grey import grey_key_picture, make_decoder, padded_packet


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


class GreyDecoder:
    """An FFmpeg decoder that starts from flat grey.

    Args:
        bitstream (Bitstream): The stream's codec and global header.
        width, height (int): Picture size.
        headers (bytes): In-band headers in force, if they differ from the
            global one. Defaults to b''.
        name (str): The file's name, for errors.
        fresh (bool): Do not take one that another clip has left. Defaults to
            False.
        strict (bool): Raise an error where a packet is damaged. Defaults to
            False: as much as possible of it is decoded.

    Attributes:
        headers (bytes), strict (bool): As given.
        is_fresh (bool): It has decoded nothing yet.
        is_sound (bool): All that it was fed came out unharmed. H.264 without
            B pictures and HEVC never count as unharmed, since FFmpeg calls
            their pictures corrupt for want of a key one.
        is_clean (bool): Besides, no headers came with it: once flushed,
            nothing is left.

    Any error but those of the constructor leaves it unusable.
    """

    def __init__(self, bitstream, width, height, headers=b'',
                 name='<packets>', fresh=False, strict=False):
        self.headers, self.strict = headers, strict
        self.is_sound, self._met_headers = True, bool(headers)
        self._bitstream = bitstream
        self._prime = _prime_for(bitstream, width, height, headers, name)
        options = grey_options(bitstream)
        if strict:
            options['err_detect'] = 'explode'
        self._coding = (bitstream.codec, bitstream.extradata, width, height,
                        options)
        self._context = None if fresh else take_decoder(*self._coding)
        self.is_fresh = self._context is None
        if self.is_fresh:
            self._context = make_decoder(*self._coding)
        self._size = None

    def start(self, data, tag=None):
        """Decode the first packet after the decoder was made or flushed.

        Args:
            data (bytes): The packet, as `Bitstream.for_grey_start` returns it.
            tag (int, optional): Comes back as `pts` of the frame. Defaults
                to None.

        Returns:
            list[av.VideoFrame]: What comes out, without the grey picture if
            the decoder holds nothing back.
        """
        prefix = b''
        if self._prime is not None:
            self._context.decode(padded_packet(self._prime))
            prefix = self._bitstream.extradata
        return self.decode(data, tag, prefix)

    def decode(self, data, tag=None, prefix=b''):
        """Decode a further packet; see `start`."""
        self.is_fresh = False
        if not self._met_headers:
            self._met_headers = self._bitstream.brings_headers(data)
        packet = padded_packet(prefix + data)
        if tag is not None:
            packet.pts = packet.dts = tag
        return self._checked(self._context.decode(packet))

    def end(self):
        """Return the frames that were held back, and forget all pictures."""
        frames = self._context.decode(None)
        self._context.flush_buffers()
        return self._checked(frames)

    def _checked(self, frames):
        for frame in frames:
            size = frame.width, frame.height
            # A damaged packet may have changed the size.
            if frame.is_corrupt or self._size not in (None, size):
                self.is_sound = False
            self._size = size
        return frames

    @property
    def is_clean(self):
        return self.is_sound and not self._met_headers

    def release(self):
        """Leave the decoder to others; only after `end`."""
        if self.is_clean and not self.is_fresh:
            give_decoder(self._context, *self._coding)
        self._context = None


def _prime_for(bitstream, width, height, headers, name):
    """Return the grey picture that must precede every packet, or None."""
    picture = bitstream.grey_picture(width, height, headers)
    try:
        return picture and grey_key_picture(**picture)
    except UnsupportedStream as error:
        raise UnsupportedStream(f'{name}: {error}') from None
