# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Slice headers of H.264 (ITU-T H.264, 7.3.3).

A header's syntax is written down as a regular expression over its bits, a
text of '0' and '1': Python then parses it in one call, as is needed thousands
of times a second.
"""
import re
from functools import lru_cache
from typing import NamedTuple, Optional

from .bits import (BitReader, code_pattern, code_value, exp_golomb, to_text,
                   unescape)
from .h264_parameters import PictureParameters, SequenceParameters

SLICE, IDR_SLICE, MESSAGE = 1, 5, 6
_HEADER_BYTES = 640  # a slice header with 32 weighted references fits
_FRONT_BYTES = 64  # what stands before the reference lists fits
NO_FILTER = exp_golomb(1)  # disable_deblocking_filter_idc
_NEVER = '(x)?'  # a group that matches nothing
# Codes by the most zeros that a valid one begins with: those of small values,
# of a macroblock's or a picture's number, and any.
_SMALL, _NUMBER, _ANY = map(code_pattern, (8, 17, 32))
_P_TYPES = {exp_golomb(0), exp_golomb(5)}
# First macroblock, type, number of the parameter set.
_FRONT = re.compile(f'.{{8}}({_NUMBER})({_SMALL})({_SMALL})')
# Length of the reference list, its modifications (7.3.3.1).
_REFERENCES = (f'(?:0|1({_SMALL}))'
               f'(?:0|1(?:(?:1|01[01]){_NUMBER})*00100)')
# What happens to the decoded references (7.3.3.3): operations 1 to 6, then 0.
_MARKING = (f'(?:0|1(?:01[01]{_NUMBER}|00100{_NUMBER}{_NUMBER}'
            f'|00101{_NUMBER}|00110|00111{_NUMBER})*1)')
_FILTER = f'(?:{NO_FILTER}|(?!{NO_FILTER}){_SMALL}{{3}})'
_MOST_REFERENCES = 32


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
    text = to_text(_front(unit, _FRONT_BYTES))
    front = _FRONT.match(text)
    if not front:
        return None
    sequences, pictures = sets
    first, kind, number = map(code_value, front.groups())
    picture = pictures.get(number)
    sequence = sequences.get(picture.sequence) if picture else None
    if sequence is None:
        return None
    idr = unit[0] & 31 == IDR_SLICE
    numbers = _numbers(picture.bottom_order_present, sequence, idr).match(
        text, front.end())
    if not numbers:
        return None
    frame_num, field, order = numbers.groups()
    return SliceHeader(
        first, 'PBISS'[kind % 5], idr, bool(unit[0] >> 5 & 3),
        field is not None, int(frame_num, 2), numbers.start(1),
        None if order is None else int(order, 2), numbers.start(3),
        numbers.end(), picture, sequence)


@lru_cache(maxsize=64)
def _numbers(bottom_order_present, sequence, idr, rest=''):
    """Return the syntax of what numbers a picture.

    Args:
        bottom_order_present (bool): Of the picture parameter set.
        sequence (SequenceParameters): The sequence parameter set.
        idr (bool): The picture is one that all decoding can start at.
        rest (str): The syntax of what follows. Defaults to ''.

    Returns:
        re.Pattern: Its groups are frame_num, field_pic_flag if that is set,
        and pic_order_cnt_lsb if there is one; then those of the rest.
    """
    planes = '..' if sequence.separate_planes else ''
    frame_num = f'(.{{{sequence.frame_num_bits}}})'
    field = _NEVER if sequence.frames_only else '(?:0|(1).)'
    bottom = f'(?(2)|{_ANY})' if bottom_order_present else ''
    order = _NEVER
    if sequence.order_type == 0:
        order = f'(.{{{sequence.order_bits}}})' + bottom
    elif sequence.order_type == 1 and not sequence.order_always_zero:
        order += _ANY + bottom
    return re.compile(
        planes + frame_num + field + _NUMBER * idr + order + rest)


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


class PredictedSlice(NamedTuple):
    """The header of a P slice.

    Attributes:
        first (int): Its first macroblock.
        numbers (tuple): What numbers its picture, to compare.
        references (int): Length of the reference list.
        weights (str): The bits of the table of prediction weights, a text of
            '0' and '1'.
        coding (str): The bits that set the entropy coder and the quantiser.
        end (int): Bit position in the unescaped NAL unit where the slice's
            data begin.
        picture, sequence: The parameter sets in force.
    """

    first: int
    numbers: tuple
    references: int
    weights: str
    coding: str
    end: int
    picture: PictureParameters
    sequence: SequenceParameters


def parse_predicted(unit, sets):
    """Parse the whole header of a P slice.

    Args:
        unit (bytes): The NAL unit.
        sets (tuple): What `parameter_sets` returned.

    Returns:
        PredictedSlice | None: None if it is another slice, ends within its
        header, holds there what cannot be, or its sets are unknown.
    """
    return (_parse_predicted(_front(unit, _FRONT_BYTES), sets)
            or len(unit) > _FRONT_BYTES and _parse_predicted(
                _front(unit, _HEADER_BYTES), sets) or None)


def _parse_predicted(data, sets):
    text = to_text(data)
    front = _FRONT.match(text)
    if not front:
        return None
    first, kind, number = front.groups()
    sequences, pictures = sets
    picture = pictures.get(code_value(number))
    sequence = sequences.get(picture.sequence) if picture else None
    if sequence is None or kind not in _P_TYPES:
        return None
    idr = data[0] & 31 == IDR_SLICE
    middle = _numbers(
        picture.bottom_order_present, sequence, idr,
        _SMALL * picture.redundant_count_present + _REFERENCES).match(
            text, front.end())
    if not middle:
        return None
    count = middle[4]
    references = code_value(count) + 1 if count else picture.references[0]
    if references > _MOST_REFERENCES:
        return None
    rest = _weights_and_coding(
        picture.weighted and references, sequence.chroma_array_type,
        bool(data[0] >> 5 & 3), idr, picture.cabac,
        picture.filter_control_present).match(text, middle.end())
    if not rest:
        return None
    return PredictedSlice(
        code_value(first), middle.group(1, 2, 3), references, *rest.groups(),
        rest.end(), picture, sequence)


@lru_cache(maxsize=128)
def _weights_and_coding(weighted, chroma, reference, idr, cabac,
                        filter_control_present):
    """Return the syntax of a P slice's header behind the reference list.

    Args:
        weighted (int): References that have weights (7.3.3.2).
        chroma (int): ChromaArrayType.
        reference, idr (bool): As in `SliceHeader`.
        cabac, filter_control_present (bool): As in `PictureParameters`.

    Returns:
        re.Pattern: Its groups are the weights, and what sets the entropy coder
        and the quantiser.
    """
    weights = marking = ''
    if weighted:
        each = f'(?:0|1{_SMALL}{{2}})'
        if chroma:
            each += f'(?:0|1{_SMALL}{{4}})'
        weights = f'{_SMALL}{{{1 + bool(chroma)}}}(?:{each}){{{weighted}}}'
    if reference:
        marking = '..' if idr else _MARKING
    return re.compile(f'({weights}){marking}({_SMALL}{{{1 + cabac}}})'
                      + _FILTER * filter_control_present)


def has_own_weights(slice_):
    """Tell whether a P slice's weights differ from no weighting (7.3.3.2).

    Args:
        slice_ (PredictedSlice): The slice.
    """
    if not slice_.weights:
        return False
    chroma = slice_.sequence.chroma_array_type
    reader = BitReader(slice_.weights)
    unit = 1 << reader.ue()
    chroma_unit = 1 << reader.ue() if chroma else 1
    own = False
    for _ in range(slice_.references):
        if reader.bits(1):
            weight, offset = reader.se(), reader.se()
            own |= weight != unit or offset != 0
        if chroma and reader.bits(1):
            for _plane in range(2):
                weight, offset = reader.se(), reader.se()
                own |= weight != chroma_unit or offset != 0
    return own
