# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Which codecs can be read, and by which class."""
from .errors import TRANSCODE_ADVICE, UnsupportedCodec
from .h264 import H264Bitstream
from .hevc import HevcBitstream
from .mpeg import (FlvBitstream, H263Bitstream, Mpeg1Bitstream,
                   Mpeg2Bitstream, Mpeg4Bitstream)

BITSTREAMS = {
    kind.codec: kind
    for kind in (Mpeg4Bitstream, Mpeg1Bitstream, Mpeg2Bitstream, H263Bitstream,
                 FlvBitstream, H264Bitstream, HevcBitstream)
}
_ALIASES = {'flv1': 'flv', 'h265': 'hevc', 'h263p': 'h263'}


def make_bitstream(codec, extradata, name):
    """Return the reader of a codec's header bytes.

    Args:
        codec (str): FFmpeg's codec name.
        extradata (bytes): The stream's global header.
        name (str): The file's name, for the error.

    Raises:
        UnsupportedCodec: If no exact residual can be had from this codec.
    """
    kind = BITSTREAMS.get(_ALIASES.get(codec, codec))
    if kind is None:
        raise UnsupportedCodec(
            f'{name}: no exact residual can be read from {codec} streams '
            f'(readable: {", ".join(BITSTREAMS)}); {TRANSCODE_ADVICE}')
    return kind(extradata)
