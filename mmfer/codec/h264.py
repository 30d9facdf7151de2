# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Packets of H.264: what they hold, and their numbers rewritten."""
from functools import lru_cache

from .bits import escape, unescape, with_bits
from .bitstream import Bitstream
from .h264_parameters import PPS, SPS, parameter_sets
from .h264_slices import (IDR_SLICE, MESSAGE, SLICE, TYPE_OF_FIRST_BYTE,
                          end_of_front, has_own_weights, parse_predicted,
                          parse_slice, slice_type)
from .h264_stacker import H264Stacker
from .nal import NalFormat

_PASSING = {1, 2, 3, 4, 5, 6, 9, 12}  # slices, messages, delimiters, filler


class H264Bitstream(Bitstream):
    """Packets of an H.264 stream, avcC or Annex B framing."""

    codec = 'h264'
    in_loop_filter = True

    def __init__(self, extradata=b''):
        super().__init__(extradata)
        (self.format, self._global_units, self._global_sets,
         self.stacker) = _global_header(self.extradata)
        self._last = self._split = None, None

    def _units(self, data):
        """Return the NAL units of a packet, which is asked several things."""
        known, units = self._split
        if known is not data:
            units = self.format.split(data)
            self._split = data, units
        return units

    def picture_type(self, data):
        size = self.format.length_size
        if len(data) > size + 1 and data[size] & 31 in (SLICE, IDR_SLICE):
            # The first unit is the slice, as in most packets.
            kind = size and TYPE_OF_FIRST_BYTE[data[size + 1]]
            if kind:
                return kind
        unit = _first_slice(self._units(data))
        if unit is None:
            return '?'
        kind = TYPE_OF_FIRST_BYTE[unit[1]] if len(unit) > 1 else '?'
        return kind or slice_type(unescape(unit[1:24]))

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
            header = first and parse_slice(first, self._sets(units))
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
            if not unit or unit[0] & 31 not in (SLICE, IDR_SLICE):
                continue
            header = parse_slice(unit, sets)
            if header is None:
                continue
            # Only the front is touched; the rest is long.
            cut = end_of_front(unit, header)
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
            if unit[0] & 31 == MESSAGE and b'x264' in unit:
                return True
        return False

    def own_headers(self, data):
        units = [u for u in self._units(data) if u and u[0] & 31 in (SPS, PPS)]
        if not units or self._global_units.issuperset(units):
            return b''
        return self.format.join(units)

    def is_weighted(self, data):
        units = self._units(data)
        unit = _first_slice(units)
        slice_ = unit and parse_predicted(unit, self._sets(units))
        return bool(slice_ and not slice_.picture.slice_groups
                    and has_own_weights(slice_))

    def _sets(self, units):
        """Return the parameter sets in force for the slices of a packet."""
        if not any(unit and unit[0] & 31 in (SPS, PPS) for unit in units):
            return self._global_sets
        own = parameter_sets(units)
        return tuple(
            {**known, **new} for known, new in zip(self._global_sets, own))


@lru_cache(maxsize=64)
def _global_header(extradata):
    """Read a stream's global header, which many clips share.

    Returns:
        tuple: NalFormat, the units of its parameter sets (set of bytes),
        what `parameter_sets` makes of them, and the stream's stacker. None of
        these is to be changed.
    """
    if extradata[:1] == b'\x01' and len(extradata) > 6:
        framing = NalFormat((extradata[4] & 3) + 1)
        units = _avcc_units(extradata)
    else:
        framing = NalFormat(0)
        units = framing.split(extradata)
    own = [unit for unit in units if unit[0] & 31 in (SPS, PPS)]
    sets = parameter_sets(own)
    return framing, set(own), sets, H264Stacker(framing, own, sets)


def _first_slice(units):
    for unit in units:
        if unit and unit[0] & 31 in (SLICE, IDR_SLICE):
            return unit
    return None


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
