# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Headers of H.264 (ITU-T H.264, 7.3): parameter sets and slices."""
from dataclasses import dataclass
from typing import NamedTuple, Optional

from .bits import BitReader, unescape

SLICE, IDR_SLICE, MESSAGE, SPS, PPS = 1, 5, 6, 7, 8
_HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}
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


def slice_type(payload):
    """Return the picture type in a slice header (7.3.3), '?' if cut off."""
    reader = BitReader(payload)
    try:
        reader.ue()  # first macroblock
        return 'PBIPI'[reader.ue() % 5]
    except EOFError:
        return '?'


#: For each first byte of a slice header, '' where one byte does not tell.
TYPE_OF_FIRST_BYTE = [
    slice_type(bytes([byte])).replace('?', '') for byte in range(256)
]


def parameter_sets(units):
    """Return ({number: SequenceParameters}, {number: PictureParameters})."""
    sequences, pictures = {}, {}
    for unit in units:
        kind = unit[0] & 31 if unit else 0
        try:
            if kind == SPS:
                number, facts = _sequence_parameters(unescape(unit))
                sequences[number] = facts
            elif kind == PPS:
                number, facts = _picture_parameters(unescape(unit))
                pictures[number] = facts
        except EOFError:
            continue  # a damaged set; its slices will not be parsed
    return sequences, pictures


def parse_slice(unit, sets):
    """Parse a slice header (7.3.3), None if it or its sets are damaged."""
    try:
        return _read_slice(_front(unit, _FRONT_BYTES), *sets)
    except EOFError:
        return None


def _front(unit, size):
    """Return so many bytes of a NAL unit, emulation prevention removed."""
    return unescape(unit[:size * 3 // 2])[:size]


def end_of_front(unit, header):
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
    idr = payload[0] & 31 == IDR_SLICE
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


def has_own_weights(unit, header):
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
