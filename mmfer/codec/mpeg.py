# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Header bytes of MPEG-1/2 video, MPEG-4 Part 2, H.263 and Sorenson FLV."""
import re
from functools import lru_cache

from .bits import BitReader, to_text
from .bitstream import Bitstream
from .mpeg4_layer import find_layer, read_layer, read_plain
from .mpeg4_stacker import Mpeg4Stacker

_VOP = b'\x00\x00\x01\xb6'
_PICTURE = b'\x00\x00\x01\x00'
_SEQUENCE = b'\x00\x00\x01\xb3'
_EXTENSION = b'\x00\x00\x01\xb5'
# First bytes of picture display and picture coding extensions.
_PASSING_EXTENSIONS = {bytes([n]) for n in range(0x70, 0x90)}


def _unless_aligned(codec, width, height, rows):
    """Name a grey picture where blocks reach over the visible edge."""
    if width % 16 == 0 and height % rows == 0:
        return None
    return dict(codec=codec, width=width, height=height)


class Mpeg4Bitstream(Bitstream):
    """MPEG-4 Part 2 (ISO/IEC 14496-2, 6.2)."""

    codec = 'mpeg4'

    def __init__(self, extradata=b''):
        super().__init__(extradata)
        self._header = find_layer(self.extradata)
        self._layer = read_layer(self._header)
        self.stacker = _stacker(self.extradata)

    def picture_type(self, data):
        start = data.find(_VOP)
        if start < 0 or start + 4 >= len(data):
            return '?'
        if self._layer is None:
            self._layer = read_layer(find_layer(data))
        kind = 'IPBS'[data[start + 4] >> 6]
        if self._layer is not None and not self._after_time(
                data[start + 4:start + 16], 1):
            return 'N'
        return kind

    def times_may_be_wrong(self):
        return self._layer is None or not self._layer.low_delay

    def grey_picture(self, width, height, headers=b''):
        return _unless_aligned('mpeg4', width, height, 16)

    def _after_time(self, header, skip):
        """Read one of the bits behind the time: a marker, vop_coded."""
        if not header[0] & 0x20 and len(header) > 3:  # within one second
            word = int.from_bytes(header[:4], 'big')
            return bool(word >> 27 - self._layer.time_bits - skip & 1)
        bits = to_text(header)
        second = bits.find('0', 2)  # behind a one for each second gone by
        at = second + 2 + self._layer.time_bits + skip
        return second >= 0 and bits[at:at + 1] == '1'

    def pictures(self, data):
        """Return the types of all pictures in a packet (packed B-frames)."""
        cuts = [match.start() for match in re.finditer(_VOP, data)]
        ends = cuts[1:] + [len(data)]
        return ''.join(
            self.picture_type(data[a:b]) for a, b in zip(cuts, ends))

    def for_grey_start(self, data):
        # A B-VOP packed behind the P-VOP cannot be decoded without its past.
        first = data.find(_VOP)
        second = data.find(_VOP, first + 4)
        return data if second < 0 else data[:second]

    def brings_headers(self, data):
        if not data.startswith(_VOP) or data.find(b'\x00\x00\x01', 4) > 0:
            return True
        # Without this marker FFmpeg takes another width of the time for true.
        return self._layer is None or not self._after_time(data[4:16], 0)

    def own_headers(self, data):
        if data.startswith(_VOP):
            return b''
        header = find_layer(data[:max(data.find(_VOP), 0)])
        if not header or header == self._header:
            return b''
        return data[:data.find(_VOP)]


@lru_cache(maxsize=64)
def _stacker(extradata):
    """Return the stacker of a stream, which many clips share, or None."""
    header = find_layer(extradata)
    layer = read_layer(header)
    plain = layer and read_plain(layer)
    return Mpeg4Stacker(extradata, header, layer, plain) if plain else None


class Mpeg12Bitstream(Bitstream):
    """MPEG-1 (ISO/IEC 11172-2) and MPEG-2 video (ISO/IEC 13818-2)."""

    # It leaves blocks unwritten, without a sign, whose vectors lead out of the
    # picture, and a last slice that is missing below an even number of rows.
    shows_damage = False

    def picture_type(self, data):
        start = data.find(_PICTURE)
        if start < 0 or start + 5 >= len(data):
            return '?'
        return '?IPB????'[data[start + 5] >> 3 & 7]

    def unsupported(self, data):
        position = data.find(_EXTENSION, max(data.find(_PICTURE), 0))
        while position >= 0 and position + 7 <= len(data):
            if data[position + 4] >> 4 == 8:  # picture coding extension
                if data[position + 6] & 3 != 3:
                    return 'field pictures'
                return None
            position = data.find(_EXTENSION, position + 4)
        return None

    def brings_headers(self, data):
        position = data.find(_EXTENSION)
        while position >= 0:
            # A picture's own coding and display extensions do not last.
            if data[position + 4:position + 5] not in _PASSING_EXTENSIONS:
                return True
            position = data.find(_EXTENSION, position + 4)
        return not data.startswith(_PICTURE) or _SEQUENCE in data

    def own_headers(self, data):
        start = data.find(_SEQUENCE)
        picture = data.find(_PICTURE)
        if not 0 <= start < picture:
            return b''
        header = data[start:start + 12]
        if header == self.extradata[:12]:
            return b''
        return data[start:picture]


class Mpeg1Bitstream(Mpeg12Bitstream):
    """MPEG-1 video."""

    codec = 'mpeg1video'

    def grey_picture(self, width, height, headers=b''):
        return _unless_aligned(self.codec, width, height, 16)


class Mpeg2Bitstream(Mpeg12Bitstream):
    """MPEG-2 video."""

    codec = 'mpeg2video'

    def grey_picture(self, width, height, headers=b''):
        # Sequence extension: identifier 1, profile, progressive, chroma.
        interlaced, pixel_format = False, 'yuv420p'
        headers = headers or self.extradata
        start = headers.find(_EXTENSION)
        if 0 <= start < len(headers) - 5 and headers[start + 4] >> 4 == 1:
            facts = headers[start + 5]
            interlaced = not facts >> 3 & 1
            pixel_format = ('yuv420p', 'yuv420p', 'yuv422p',
                            'yuv444p')[facts >> 1 & 3]
        # Each field of an interlaced sequence has whole macroblocks.
        picture = _unless_aligned(self.codec, width, height,
                                  32 if interlaced else 16)
        return picture and dict(
            picture, interlaced=interlaced, pixel_format=pixel_format)


class H263Bitstream(Bitstream):
    """ITU-T H.263, baseline and version 2 (5.1)."""

    codec = 'h263'

    def grey_picture(self, width, height, headers=b''):
        return dict(codec=self.codec, width=width, height=height)

    def brings_headers(self, data):
        return False  # there are none but those of each picture

    def picture_type(self, data):
        reader = BitReader(data[:16])
        try:
            if reader.bits(22) != 0x20:
                return '?'
            reader.bits(8 + 5)  # temporal reference, five flags
            if reader.bits(3) != 7:
                return 'IP'[reader.bits(1)]
            if reader.bits(3) == 1:  # a full extended header
                reader.bits(18)
            return 'IP?B????'[reader.bits(3)]
        except EOFError:
            return '?'

    def unsupported(self, data):
        reader = BitReader(data[:16])
        try:
            reader.bits(22 + 8 + 5)
            if reader.bits(3) != 7:
                reader.bits(4)
                return 'PB-frames' if reader.bits(1) else None
            if reader.bits(3) == 1:
                reader.bits(8)
                if reader.bits(1):
                    return 'the in-loop filter of H.263 Annex J'
        except EOFError:
            pass
        return None


class FlvBitstream(Bitstream):
    """Sorenson's H.263 of Flash video (SWF file format, video tags)."""

    codec = 'flv'

    def grey_picture(self, width, height, headers=b''):
        return dict(codec=self.codec, width=width, height=height)

    def brings_headers(self, data):
        return False  # there are none but those of each picture

    def picture_type(self, data):
        reader = BitReader(data[:16])
        try:
            if reader.bits(17) != 1:
                return '?'
            reader.bits(5 + 8)  # version, temporal reference
            size = reader.bits(3)
            reader.bits({0: 16, 1: 32}.get(size, 0))
            return 'IPP?'[reader.bits(2)]
        except EOFError:
            return '?'
