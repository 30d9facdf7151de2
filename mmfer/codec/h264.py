# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Header bytes of H.264 (ITU-T H.264, 7.3): types, numbers, weights."""
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Optional

from .bits import BitReader, escape, unescape, with_bits
from .bitstream import Bitstream
from .nal import NalFormat

_HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}
_SLICE, _IDR_SLICE, _MESSAGE, _SPS, _PPS = 1, 5, 6, 7, 8
_PASSING = {1, 2, 3, 4, 5, 6, 9, 12}  # slices, messages, delimiters, filler
_HEADER_BYTES = 400  # a slice header with 32 weighted references fits
_FRONT_BYTES = 64  # what stands before the reference lists fits


@dataclass(frozen=True)
class SequenceParameters:
    """The fields of a sequence parameter set that slice headers depend on."""

    separate_planes: bool
    chroma_array_type: int
    frame_num_bits: int
    order_type: int
    order_bits: int
    order_always_zero: bool
    frames_only: bool


@dataclass(frozen=True)
class PictureParameters:
    """The fields of a picture parameter set that slice headers depend on."""

    sequence: int
    bottom_order_present: bool
    slice_groups: int
    references: tuple
    weighted: bool
    redundant_count_present: bool


class SliceHeader(NamedTuple):
    """The front of a slice header, with bit positions to rewrite it.

    Attributes:
        kind (str): 'P', 'B', 'I' or 'S' (switching slices SP and SI).
        reference (bool): Later pictures may refer to this one.
        frame_num_at (int): Bit position in the unescaped NAL unit.
        order (int | None): pic_order_cnt_lsb, None if not transmitted.
        end (int): Bit position behind the picture's numbers.
        picture, sequence: The parameter sets in force.
    """

    kind: str
    idr: bool
    reference: bool
    field: bool
    frame_num: int
    frame_num_at: int
    order: Optional[int]
    order_at: int
    end: int
    picture: PictureParameters
    sequence: SequenceParameters

    @property
    def frame_num_bits(self):
        return self.sequence.frame_num_bits

    @property
    def order_bits(self):
        return 0 if self.order is None else self.sequence.order_bits


class H264Bitstream(Bitstream):
    """Packets of an H.264 stream, avcC or Annex B framing."""

    codec = 'h264'
    in_loop_filter = True

    def __init__(self, extradata=b''):
        super().__init__(extradata)
        self.format, self._global_units, self._global_sets = _global_header(
            self.extradata)
        self._last = self._split = None, None

    def _units(self, data):
        """Return the NAL units of a packet, which is asked several things."""
        known, units = self._split
        if known is not data:
            units = self.format.split(data)
            self._split = data, units
        return units

    def picture_type(self, data):
        unit = _first_slice(self._units(data))
        if unit is None:
            return '?'
        kind = _TYPE_OF_FIRST_BYTE[unit[1]] if len(unit) > 1 else '?'
        return kind or _slice_type(unescape(unit[1:24]))

    def unsupported(self, data):
        header = self.slice_header(data)
        if header is None:
            return None
        if header.field:
            return 'field pictures (PAFF)'
        if header.kind == 'S':
            return 'switching slices'
        return None

    def slice_header(self, data):
        """Parse the first slice header of a packet.

        Returns:
            SliceHeader | None: None when the packet holds no slice, or its
            parameter sets are unknown. Sets inside the packet count, those
            of other packets do not: the answer depends on nothing else.
        """
        known, header = self._last
        if known is not data:
            units = self._units(data)
            first = _first_slice(units)
            header = first and _parse_slice(first, self._sets(units))
            self._last = data, header
        return header

    def for_grey_start(self, data):
        # FFmpeg supplies a grey reference where frame_num jumps; after a flush
        # it expects 0, so that a picture numbered 0 would get none at all.
        header = self.slice_header(data)
        if header is None or header.idr or header.frame_num:
            return data
        return self.renumber(data, frame_num=1 << header.frame_num_bits - 1)

    def renumber(self, data, frame_num=None, order=None):
        """Rewrite frame_num and pic_order_cnt_lsb in every slice header.

        Args:
            data (bytes): One packet.
            frame_num (int, optional): The new number. Defaults to None, keep.
            order (int, optional): The new order count. Defaults to None, keep.

        Returns:
            bytes: The packet with the numbers replaced, nothing else changed.
        """
        units = list(self._units(data))
        sets = self._sets(units)
        for position, unit in enumerate(units):
            if not unit or unit[0] & 31 not in (_SLICE, _IDR_SLICE):
                continue
            header = _parse_slice(unit, sets)
            if header is None:
                continue
            # Only the front is touched; the rest is long.
            cut = _end_of_front(unit, header)
            head, rest = unescape(unit[:cut]), unit[cut:]
            if frame_num is not None:
                head = with_bits(head, header.frame_num_at,
                                 header.frame_num_bits, frame_num)
            if order is not None and header.order_bits:
                head = with_bits(head, header.order_at, header.order_bits,
                                 order)
            units[position] = escape(head) + rest
        return self.format.join(units)

    def brings_headers(self, data):
        for unit in self._units(data):
            if not unit or unit[0] & 31 not in _PASSING:
                return True
            # FFmpeg works around faults of old versions of x264.
            if unit[0] & 31 == _MESSAGE and b'x264' in unit:
                return True
        return False

    def own_headers(self, data):
        units = [
            u for u in self._units(data) if u and u[0] & 31 in (_SPS,
                                                                      _PPS)
        ]
        if not units or self._global_units.issuperset(units):
            return b''
        return self.format.join(units)

    def is_weighted(self, data):
        header = self.slice_header(data)
        if (header is None or header.kind != 'P' or not header.picture.weighted
                or header.picture.slice_groups):
            return False
        try:
            return _has_own_weights(_first_slice(self._units(data)), header)
        except EOFError:
            return False

    def _sets(self, units):
        """Return the parameter sets in force for the slices of a packet."""
        if not any(unit and unit[0] & 31 in (_SPS, _PPS) for unit in units):
            return self._global_sets
        own = _parameter_sets(units)
        return tuple(
            {**known, **new} for known, new in zip(self._global_sets, own))


@lru_cache(maxsize=64)
def _global_header(extradata):
    """Read a stream's global header, which many clips share.

    Returns:
        tuple: NalFormat, the units of its parameter sets (set of bytes), and
        what `_parameter_sets` makes of them. None of these is to be changed.
    """
    if extradata[:1] == b'\x01' and len(extradata) > 6:
        framing = NalFormat((extradata[4] & 3) + 1)
        units = _avcc_units(extradata)
    else:
        framing = NalFormat(0)
        units = framing.split(extradata)
    own = {unit for unit in units if unit[0] & 31 in (_SPS, _PPS)}
    return framing, own, _parameter_sets(units)


def _first_slice(units):
    for unit in units:
        if unit and unit[0] & 31 in (_SLICE, _IDR_SLICE):
            return unit
    return None


def _slice_type(payload):
    """Return the picture type in a slice header (7.3.3), '?' if cut off."""
    reader = BitReader(payload)
    try:
        reader.ue()  # first macroblock
        return 'PBIPI'[reader.ue() % 5]
    except EOFError:
        return '?'


#: For each first byte of a slice header, '' where one byte does not tell.
_TYPE_OF_FIRST_BYTE = [
    _slice_type(bytes([byte])).replace('?', '') for byte in range(256)
]


def _parameter_sets(units):
    """Return ({number: SequenceParameters}, {number: PictureParameters})."""
    sequences, pictures = {}, {}
    for unit in units:
        kind = unit[0] & 31 if unit else 0
        try:
            if kind == _SPS:
                number, facts = _sequence_parameters(unescape(unit))
                sequences[number] = facts
            elif kind == _PPS:
                number, facts = _picture_parameters(unescape(unit))
                pictures[number] = facts
        except EOFError:
            continue  # a damaged set; its slices will not be parsed
    return sequences, pictures


def _parse_slice(unit, sets):
    """Parse a slice header (7.3.3), None if it or its sets are damaged."""
    try:
        return _read_slice(_front(unit, _FRONT_BYTES), *sets)
    except EOFError:
        return None


def _front(unit, size):
    """Return so many bytes of a NAL unit, emulation prevention removed."""
    return unescape(unit[:size * 3 // 2])[:size]


def _end_of_front(unit, header):
    """Return where a NAL unit may be cut behind its picture's numbers.

    The byte before the cut is neither changed nor part of an emulation
    prevention sequence, so that each side can be (un)escaped on its own.
    """
    cut = header.end // 8 + 2
    cut += cut // 2  # emulation prevention adds a third at most
    while cut < len(unit) and unit[cut - 1] <= 3:
        cut += 1
    return cut


def _read_slice(payload, sequences, pictures):
    idr = payload[0] & 31 == _IDR_SLICE
    reference = bool(payload[0] >> 5 & 3)
    reader = BitReader(payload)
    reader.position = 8
    reader.ue()
    kind = 'PBISS'[reader.ue() % 5]
    picture = pictures.get(reader.ue())
    sequence = sequences.get(picture.sequence) if picture else None
    if sequence is None:
        return None
    if sequence.separate_planes:
        reader.bits(2)
    frame_num_at = reader.position
    frame_num = reader.bits(sequence.frame_num_bits)
    field = not sequence.frames_only and bool(reader.bits(1))
    if field:
        reader.bits(1)
    if idr:
        reader.ue()
    order, order_at = None, 0
    if sequence.order_type == 0:
        order_at = reader.position
        order = reader.bits(sequence.order_bits)
        if picture.bottom_order_present and not field:
            reader.se()
    elif sequence.order_type == 1 and not sequence.order_always_zero:
        reader.se()
        if picture.bottom_order_present and not field:
            reader.se()
    return SliceHeader(kind, idr, reference, field, frame_num, frame_num_at,
                       order, order_at, reader.position, picture, sequence)


def _has_own_weights(unit, header):
    """Read a P slice's prediction weight table (7.3.3.2).

    Raises:
        EOFError: If the slice ends within it.
    """
    picture, sequence = header.picture, header.sequence
    reader = BitReader(_front(unit, _HEADER_BYTES))
    reader.position = header.end
    if picture.redundant_count_present:
        reader.ue()
    references = picture.references[0]
    if reader.bits(1):
        references = reader.ue() + 1
    if reader.bits(1):  # reference list modification
        while reader.ue() != 3:
            reader.ue()
    unit = 1 << reader.ue()
    chroma_unit = 1
    if sequence.chroma_array_type:
        chroma_unit = 1 << reader.ue()
    own = False
    for _ in range(references):
        if reader.bits(1):
            weight, offset = reader.se(), reader.se()
            own |= weight != unit or offset != 0
        if sequence.chroma_array_type and reader.bits(1):
            for _plane in range(2):
                weight, offset = reader.se(), reader.se()
                own |= weight != chroma_unit or offset != 0
    return own


def _avcc_units(extradata):
    """Return the parameter sets in an avcC box (ISO/IEC 14496-15, 5.3.3)."""
    units, position = [], 5
    for mask in (31, 255):
        count = extradata[position] & mask if position < len(extradata) else 0
        position += 1
        for _ in range(count):
            length = int.from_bytes(extradata[position:position + 2], 'big')
            unit = extradata[position + 2:position + 2 + length]
            position += 2 + length
            if unit:
                units.append(unit)
    return units


def _skip_scaling_list(reader, size):
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + reader.se()) % 256
        last = following or last


def _sequence_parameters(payload):
    """Parse a sequence parameter set (7.3.2.1.1) up to frame_mbs_only."""
    reader = BitReader(payload[1:])
    profile = reader.bits(8)
    reader.bits(16)
    number = reader.ue()
    chroma, separate = 1, False
    if profile in _HIGH_PROFILES:
        chroma = reader.ue()
        separate = chroma == 3 and bool(reader.bits(1))
        reader.ue()
        reader.ue()
        reader.bits(1)
        if reader.bits(1):
            for index in range(12 if chroma == 3 else 8):
                if reader.bits(1):
                    _skip_scaling_list(reader, 16 if index < 6 else 64)
    frame_num_bits = reader.ue() + 4
    order_type = reader.ue()
    order_bits, always_zero = 0, False
    if order_type == 0:
        order_bits = reader.ue() + 4
    elif order_type == 1:
        always_zero = bool(reader.bits(1))
        reader.se()
        reader.se()
        for _ in range(reader.ue()):
            reader.se()
    reader.ue()
    reader.bits(1)
    reader.ue()
    reader.ue()
    frames_only = bool(reader.bits(1))
    return number, SequenceParameters(separate, 0 if separate else chroma,
                                      frame_num_bits, order_type, order_bits,
                                      always_zero, frames_only)


def _picture_parameters(payload):
    """Parse a picture parameter set (7.3.2.2)."""
    reader = BitReader(payload[1:])
    number, sequence = reader.ue(), reader.ue()
    reader.bits(1)
    bottom = bool(reader.bits(1))
    groups = reader.ue()
    if groups:  # flexible macroblock ordering: nothing below is needed
        return number, PictureParameters(sequence, bottom, groups, (1, 1),
                                         False, False)
    references = reader.ue() + 1, reader.ue() + 1
    weighted = bool(reader.bits(1))
    reader.bits(2)
    reader.se()
    reader.se()
    reader.se()
    reader.bits(2)
    redundant = bool(reader.bits(1))
    return number, PictureParameters(sequence, bottom, 0, references, weighted,
                                     redundant)
