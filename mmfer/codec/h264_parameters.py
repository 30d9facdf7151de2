# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Parameter sets of H.264 (ITU-T H.264, 7.3.2)."""
from typing import NamedTuple

from .bits import BitReader, unescape

SPS, PPS = 7, 8
_WIDEST = 16  # bits of frame_num and pic_order_cnt_lsb
_HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}


class SequenceParameters(NamedTuple):
    """The fields of a sequence parameter set that slice headers depend on.

    Attributes:
        numbers_at (int): Bit position in the unescaped NAL unit of what says
            how pictures are numbered.
        sizes_at (int): Bit position behind it, of max_num_ref_frames.
    """

    separate_planes: bool
    chroma_array_type: int
    frame_num_bits: int
    order_type: int
    order_bits: int
    order_always_zero: bool
    frames_only: bool
    numbers_at: int
    sizes_at: int


class PictureParameters(NamedTuple):
    """The fields of a picture parameter set that slice headers depend on.

    Attributes:
        number_ends (int): Bit position behind its number in the unescaped NAL
            unit.
        filter_control_at (int): Bit position of what says whether slices
            switch the loop filter.
    """

    number: int
    sequence: int
    bottom_order_present: bool
    slice_groups: int
    references: tuple
    weighted: bool
    redundant_count_present: bool
    cabac: bool
    filter_control_present: bool
    number_ends: int
    filter_control_at: int


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
        except (EOFError, ValueError):
            continue  # a damaged set; its slices will not be parsed
    return sequences, pictures


def _skip_scaling_list(reader, size):
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + reader.se()) % 256
        last = following or last


def _sequence_parameters(payload):
    """Parse a sequence parameter set (7.3.2.1.1) up to frame_mbs_only."""
    reader = BitReader(payload, 8)
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
    numbers_at = reader.position
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
    if max(frame_num_bits, order_bits) > _WIDEST:
        raise ValueError('a number is too wide')
    sizes_at = reader.position
    reader.ue()
    reader.bits(1)
    reader.ue()
    reader.ue()
    frames_only = bool(reader.bits(1))
    return number, SequenceParameters(separate, 0 if separate else chroma,
                                      frame_num_bits, order_type, order_bits,
                                      always_zero, frames_only, numbers_at,
                                      sizes_at)


def _picture_parameters(payload):
    """Parse a picture parameter set (7.3.2.2)."""
    reader = BitReader(payload, 8)
    number, number_ends = reader.ue(), reader.position
    sequence = reader.ue()
    cabac = bool(reader.bits(1))
    bottom = bool(reader.bits(1))
    groups = reader.ue()
    if groups:  # flexible macroblock ordering: nothing below is needed
        return number, PictureParameters(number, sequence, bottom, groups,
                                         (1, 1), False, False, cabac, False,
                                         number_ends, 0)
    references = reader.ue() + 1, reader.ue() + 1
    weighted = bool(reader.bits(1))
    reader.bits(2)
    reader.se()
    reader.se()
    reader.se()
    filter_control_at = reader.position
    filter_control = bool(reader.bits(1))
    reader.bits(1)
    redundant = bool(reader.bits(1))
    return number, PictureParameters(number, sequence, bottom, 0, references,
                                     weighted, redundant, cabac,
                                     filter_control, number_ends,
                                     filter_control_at)
