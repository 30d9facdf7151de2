# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Header bytes of H.264 (ITU-T H.264, 7.3): types, numbers, weights."""
from dataclasses import dataclass

from .bits import BitReader, escape, unescape, with_bits
from .bitstream import Bitstream
from .nal import NalFormat

_HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}
_SLICE, _IDR_SLICE, _SPS, _PPS = 1, 5, 7, 8
_HEADER_BYTES = 400  # a slice header with 32 weighted references fits


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


@dataclass(frozen=True)
class SliceHeader:
    """One slice header, with the bit positions of what may be rewritten.

    Attributes:
        kind (str): 'P', 'B', 'I' or 'S' (switching slices SP and SI).
        reference (bool): Later pictures may refer to this one.
        frame_num_at (int): Bit position in the unescaped NAL unit.
        order (int | None): pic_order_cnt_lsb, None if not transmitted.
        weighted (bool): Some reference has a weight or offset of its own.
    """

    kind: str
    idr: bool
    reference: bool
    field: bool
    frame_num: int
    frame_num_at: int
    frame_num_bits: int
    order: int = None
    order_at: int = 0
    order_bits: int = 0
    weighted: bool = False


class H264Bitstream(Bitstream):
    """Packets of an H.264 stream, avcC or Annex B framing."""

    codec = 'h264'
    in_loop_filter = True

    def __init__(self, extradata=b''):
        super().__init__(extradata)
        if self.extradata[:1] == b'\x01' and len(self.extradata) > 6:
            self.format = NalFormat((self.extradata[4] & 3) + 1)
            units = _avcc_units(self.extradata)
        else:
            self.format = NalFormat(0)
            units = self.format.split(self.extradata)
        self._global_units = {u for u in units if u[0] & 31 in (_SPS, _PPS)}
        self._global_sets = _parameter_sets(units)
        self._last = None, None

    def picture_type(self, data):
        for unit in self.format.split(data):
            if unit and unit[0] & 31 in (_SLICE, _IDR_SLICE):
                try:
                    reader = BitReader(unescape(unit[1:24]))
                    reader.ue()
                    return 'PBIPI'[reader.ue() % 5]
                except EOFError:
                    return '?'
        return '?'

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
        if self._last[0] is not data:  # one packet is asked several things
            units = self.format.split(data)
            first = next((unit for unit in units
                          if unit and unit[0] & 31 in (_SLICE, _IDR_SLICE)),
                         None)
            self._last = data, first and _parse_slice(first,
                                                      self._sets(units))
        return self._last[1]

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
        units = self.format.split(data)
        sets = self._sets(units)
        for position, unit in enumerate(units):
            if not unit or unit[0] & 31 not in (_SLICE, _IDR_SLICE):
                continue
            header = _parse_slice(unit, sets)
            if header is None:
                continue
            payload = unescape(unit)
            # Only the front is turned into a number; the rest is long.
            head, rest = payload[:_HEADER_BYTES], payload[_HEADER_BYTES:]
            if frame_num is not None:
                head = with_bits(head, header.frame_num_at,
                                 header.frame_num_bits, frame_num)
            if order is not None and header.order_bits:
                head = with_bits(head, header.order_at, header.order_bits,
                                 order)
            units[position] = escape(head + rest)
        return self.format.join(units)

    def own_headers(self, data):
        units = [
            u for u in self.format.split(data) if u and u[0] & 31 in (_SPS,
                                                                      _PPS)
        ]
        if not units or self._global_units.issuperset(units):
            return b''
        return self.format.join(units)

    def is_weighted(self, data):
        header = self.slice_header(data)
        return header is not None and header.weighted

    def _sets(self, units):
        """Return the parameter sets in force for the slices of a packet."""
        if not any(unit and unit[0] & 31 in (_SPS, _PPS) for unit in units):
            return self._global_sets
        own = _parameter_sets(units)
        return tuple(
            {**known, **new} for known, new in zip(self._global_sets, own))


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
    payload = unescape(unit[:_HEADER_BYTES * 3 // 2])[:_HEADER_BYTES]
    try:
        return _read_slice(payload, *sets)
    except EOFError:
        return None


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
    order, order_at, order_bits = None, 0, 0
    if sequence.order_type == 0:
        order_at, order_bits = reader.position, sequence.order_bits
        order = reader.bits(order_bits)
        if picture.bottom_order_present and not field:
            reader.se()
    elif sequence.order_type == 1 and not sequence.order_always_zero:
        reader.se()
        if picture.bottom_order_present and not field:
            reader.se()
    weighted = False
    if kind == 'P' and picture.weighted and not picture.slice_groups:
        if picture.redundant_count_present:
            reader.ue()
        weighted = _has_own_weights(reader, picture, sequence)
    return SliceHeader(kind, idr, reference, field, frame_num,
                       frame_num_at, sequence.frame_num_bits, order,
                       order_at, order_bits, weighted)


def _has_own_weights(reader, picture, sequence):
    """Read a P slice's prediction weight table (7.3.3.2)."""
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
