# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Slice headers of H.264 (ITU-T H.264, 7.3.3)."""
from typing import NamedTuple, Optional

from .bits import (BitReader, exp_golomb, from_text, past_codes, to_text,
                   unescape)
from .h264_parameters import PictureParameters, SequenceParameters

SLICE, IDR_SLICE, MESSAGE = 1, 5, 6
_HEADER_BYTES = 400  # a slice header with 32 weighted references fits
_FRONT_BYTES = 64  # what stands before the reference lists fits
NO_FILTER = exp_golomb(1)  # disable_deblocking_filter_idc
_LAST_MODIFICATION = exp_golomb(3)


class SliceHeader(NamedTuple):
    """The front of a slice header, with bit positions to rewrite it.

    Attributes:
        first (int): Its first macroblock.
        kind (str): 'P', 'B', 'I' or 'S' (switching slices SP and SI).
        reference (bool): Later pictures may refer to this one.
        frame_num_at (int): Bit position in the unescaped NAL unit.
        order (int | None): pic_order_cnt_lsb, None if not transmitted.
        end (int): Bit position behind the picture's numbers.
        picture, sequence: The parameter sets in force.
    """

    first: int
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
    first = reader.ue()
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
    return SliceHeader(first, kind, idr, reference, field, frame_num,
                       frame_num_at, order, order_at, reader.position, picture,
                       sequence)


class PredictedSlice(NamedTuple):
    """The rest of a P slice's header, behind the picture's numbers.

    Attributes:
        references (int): Length of the reference list.
        weights (str): The bits of the table of prediction weights, a text of
            '0' and '1'.
        coding (str): The bits that set the entropy coder and the quantiser.
        end (int): Bit position in the unescaped NAL unit where the slice's
            data begin.
    """

    references: int
    weights: str
    coding: str
    end: int


def parse_predicted(unit, header):
    """Parse the rest of a P slice's header.

    Args:
        unit (bytes): The NAL unit.
        header (SliceHeader): What `parse_slice` made of it.

    Returns:
        PredictedSlice | None: None if the slice ends within its header.
    """
    for size in (_FRONT_BYTES, _HEADER_BYTES):  # the first nearly always does
        try:
            return _read_predicted(to_text(_front(unit, size)), header)
        except (EOFError, IndexError):
            continue
    return None


def _read_predicted(text, header):
    # Without a `BitReader`: stacks of pictures read thousands a second.
    picture, chroma = header.picture, header.sequence.chroma_array_type
    at = header.end
    if picture.redundant_count_present:
        at = past_codes(text, at)
    references = picture.references[0]
    if text[at] == '1':
        end = past_codes(text, at + 1)
        references, at = int(text[at + 1:end], 2), end
    else:
        at += 1
    if text[at] == '1':  # reference list modification (7.3.3.1)
        at += 1
        while text[at:at + 5] != _LAST_MODIFICATION:
            at = past_codes(text, at, 2)
        at += 5
    else:
        at += 1
    start = at
    if picture.weighted:
        at = _past_weights(text, at, references, chroma)
    weights = text[start:at]
    if header.reference:
        at = _past_marking(text, at, header.idr)
    start = at
    at = past_codes(text, at, 1 + picture.cabac)
    coding = text[start:at]
    if picture.filter_control_present:
        end = past_codes(text, at)
        switch, at = text[at:end], end
        if switch != NO_FILTER:
            at = past_codes(text, at, 2)
    return PredictedSlice(references, weights, coding, at)


def _past_weights(text, at, references, chroma):
    """Go past a table of prediction weights (7.3.3.2)."""
    at = past_codes(text, at, 2 if chroma else 1)
    for _ in range(references):
        at = past_codes(text, at + 1, 2) if text[at] == '1' else at + 1
        if chroma:
            at = past_codes(text, at + 1, 4) if text[at] == '1' else at + 1
    return at


def _past_marking(text, at, idr):
    """Go past what happens to the decoded references (7.3.3.3)."""
    if idr:
        return at + 2
    if text[at] != '1':
        return at + 1
    at += 1
    while True:
        end = past_codes(text, at)
        operation, at = int(text[at:end], 2) - 1, end
        if not operation:
            return at
        at = past_codes(text, at, {3: 2, 5: 0}.get(operation, 1))


def has_own_weights(header, rest):
    """Tell whether a P slice's weights differ from no weighting (7.3.3.2).

    Args:
        header (SliceHeader), rest (PredictedSlice): The slice.
    """
    if not rest.weights:
        return False
    chroma = header.sequence.chroma_array_type
    reader = BitReader(from_text(rest.weights))
    unit = 1 << reader.ue()
    chroma_unit = 1 << reader.ue() if chroma else 1
    own = False
    for _ in range(rest.references):
        if reader.bits(1):
            weight, offset = reader.se(), reader.se()
            own |= weight != unit or offset != 0
        if chroma and reader.bits(1):
            for _plane in range(2):
                weight, offset = reader.se(), reader.se()
                own |= weight != chroma_unit or offset != 0
    return own
