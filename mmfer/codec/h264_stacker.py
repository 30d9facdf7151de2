# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Stacks of H.264 pictures: their slices numbered anew (ITU-T H.264, 7.3)."""
from functools import lru_cache
from typing import NamedTuple

from .bits import BitReader, escape, exp_golomb, from_text, to_text, unescape
from .h264_parameters import PPS, SPS
from .h264_slices import IDR_SLICE, NO_FILTER, SLICE, parse_predicted
from .nal import NalFormat
from .stacker import BLOCK, StackCoding, Stacker

_TALLEST = 1 << 14  # positions of vectors are exported as int16
_KIND = 0x9f  # the bits of a unit's first byte that say what it is
_LEFT_OUT = {6, 9, 12}  # messages, delimiters, filler: nothing of the picture
_FILLER = bytes([12])
_FRAMING = NalFormat(4)
# Between slices, see `_moved`: an even number of bytes, and an odd one.
_GAPS = [_FRAMING.join([_FILLER + bytes(zeros)]) for zeros in (5, 4)]
# The first byte of a slice that no later picture refers to, so that the grey
# picture remains the only reference for good.
_DISPOSABLE = to_text(bytes([SLICE]))
_KEY = to_text(bytes([3 << 5 | IDR_SLICE]))
_FRAME_NUM_BITS = 4  # the fewest there are; grey is picture 0, each stack 1
_FIRST, _NEXT = '0000', '0001'
_GREY = 2  # number of the parameter set of our own slices
# Numbers under which the parameter set of the others is sent, and whether
# slices then switch the loop filter off themselves, which is off anyway. By
# their bits in a slice's header modulo 8: it can have any length that way.
_NUMBERS = {0: (3, True), 1: (15, False), 2: (7, True), 3: (31, False),
            4: (0, True), 5: (63, False), 6: (1, True), 7: (127, False)}
_CODES = {bits: (exp_golomb(number), NO_FILTER if filters else '')
          for bits, (number, filters) in _NUMBERS.items()}
_P_SLICE = exp_golomb(0)
# A macroblock of the grey picture: 16x16, predicted from its neighbours'
# average, which is grey at the start, and no coefficients. By chroma format.
_GREY_BLOCK = {0: '0010011', 1: '00100111', 2: '00100111', 3: '001001111'}


class _Size(NamedTuple):
    """What a sequence parameter set says of the picture's size and colours."""

    across: int  # macroblocks
    down: int
    width: int
    height: int
    inference: int  # direct_8x8_inference_flag
    colours: str  # the bits of video_signal_type and what follows


class H264Stacker(Stacker):
    """Stacks of frames whose slices are all P slices.

    Args:
        framing (NalFormat): Of the packets.
        units (Sequence[bytes]): The parameter sets of the global header.
        sets (tuple): What `parameter_sets` makes of them.
    """

    def __init__(self, framing, units, sets):
        self._framing, self._units, self._sets = framing, units, sets
        self._sizes = {}
        self._codings = {}

    def part(self, data):
        slices, shared = [], None
        spans = self._framing.spans(data)
        if not self._framing.is_whole(spans, data):
            return None
        for start, end in spans:
            unit = data[start:end]
            if not unit or unit[0] in _LEFT_OUT:
                if b'x264' in unit:
                    return None  # FFmpeg works around faults of old versions
                continue
            slice_ = unit[0] & _KIND == SLICE and parse_predicted(
                unit, self._sets)
            if not slice_:
                return None
            own = slice_.picture, slice_.numbers
            if shared is None and self._stackable(slice_):
                shared = own
            if own != shared:
                return None
            slices.append(_ready(unit, slice_, start))
        return (shared[0], slices) if slices else None

    def _stackable(self, slice_):
        picture, sequence = slice_.picture, slice_.sequence
        if (not sequence.frames_only or sequence.separate_planes
                or picture.slice_groups or picture.redundant_count_present):
            return False
        return self._size(picture) is not None

    def _size(self, picture):
        number = picture.sequence
        if number not in self._sizes:
            self._sizes[number] = _read_size(
                self._unit(SPS, number), self._sets[0][number])
        return self._sizes[number]

    def _unit(self, kind, number):
        """Return the NAL unit of a parameter set; the last one counts."""
        return next(unit for unit in reversed(self._units)
                    if unit[0] & 31 == kind and _set_number(unit) == number)

    def coding(self, picture, count):
        known = picture, count
        if known not in self._codings:
            self._codings[known] = self._make_coding(picture, count)
        return self._codings[known]

    def _make_coding(self, picture, count):
        size = self._size(picture)
        # Variable length codes may skip beyond the end, see `stacker`.
        down = size.down * count + (not picture.cabac)
        if down * BLOCK > _TALLEST:
            return None
        sequence = self._sets[0][picture.sequence]
        unit = to_text(unescape(self._unit(PPS, picture.number)))
        tall = _tall_sequence(self._unit(SPS, picture.sequence), sequence,
                              size, down)
        own = [_grey_parameters(unit, picture)] + [
            _renumbered(unit, picture, *how) for how in _NUMBERS.values()
        ]
        key = _grey_slice(size.across * down, sequence.chroma_array_type)
        return StackCoding(
            _global_header(tall, own), size.width, size.height,
            size.across * BLOCK, size.down * BLOCK, count, down * BLOCK,
            _FRAMING.join([key]))

    def packet(self, picture, parts):
        size = self._size(picture)
        blocks = size.across * size.down
        packet = bytearray()
        for number, slices in enumerate(parts):
            for slice_ in slices:
                packet += _moved(number * blocks, len(packet), *slice_)
        if not picture.cabac:
            packet += _FRAMING.join(
                [_skipped(len(parts) * blocks, size.across)])
        return bytes(packet)


def _set_number(unit):
    """Return the number of a parameter set."""
    position = 32 if unit[0] & 31 == SPS else 8
    return BitReader(unescape(unit[:12]), position).ue()


def _ready(unit, slice_, position):
    """Return a slice for `_moved`.

    Args:
        unit (bytes), slice_ (PredictedSlice): The slice.
        position (int): Where in its packet the unit begins.

    Returns:
        tuple: First macroblock; bits of the header from the picture's number
        on, a text; the slice's data, from the first bit's byte on; the bit;
        and the byte's place in the packet if whole bytes follow, else None.
    """
    payload, end = unescape(unit), slice_.end
    bits = ''.join((_NEXT, _reference_list(slice_.references), slice_.weights,
                    slice_.coding))
    if slice_.picture.cabac:  # the data begin with a whole byte
        start = -(-end // 8)
        return slice_.first, bits, payload[start:], 0, position + start
    return slice_.first, bits, payload[end // 8:], end % 8, None


def _moved(blocks, position, first, bits, data, bit, place):
    """Return a slice moved down by so many macroblocks, framed.

    What depends on places in memory must not change. Samples that are coded
    as such begin with a whole byte. FFmpeg reads pairs of bytes, so that the
    end of damaged data is noticed sooner or later; and what reads on finds
    zeros, as behind a packet: those of a filler unit.

    Args:
        blocks (int): So many.
        position (int): Where the slice is put.
        first, bits, data, bit, place: What `_ready` returned.
    """
    front = _DISPOSABLE + exp_golomb(first + blocks) + _P_SLICE
    number, no_filter = _CODES[
        (bit - len(front + bits)) % 8 if place is None else 0]
    front += number + bits + no_filter
    if place is None:
        if bit:
            front += to_text(data[:1])[bit:]
            data = data[1:]
        place = 0
    unit = from_text(front, '1')
    gap = _GAPS[position + _FRAMING.length_size + len(unit) + place & 1]
    return gap + _FRAMING.join([escape(unit + data)])


def _global_header(sequence, pictures):
    """Return parameter sets in an avcC box (ISO/IEC 14496-15, 5.3.3)."""
    sizes = NalFormat(2)
    return (b'\x01' + sequence[1:4] + b'\xff\xe1' + sizes.join([sequence])
            + bytes([len(pictures)]) + sizes.join(pictures))


def _renumbered(bits, picture, number, filters):
    """Return a picture parameter set under another number (7.3.2.2)."""
    at = picture.filter_control_at
    return escape(from_text(
        bits[:8] + exp_golomb(number) + bits[picture.number_ends:at]
        + str(int(filters)) + bits[at + 1:].rstrip('0')))


@lru_cache(maxsize=32)
def _reference_list(count):
    """Name the grey picture so many times (7.3.3, 7.3.3.1).

    Each entry steps from the last picture's number to the same: back by one
    from this picture at first, then by a whole turn of the numbers.
    """
    turn = 1 << _FRAME_NUM_BITS
    return ''.join(['1', exp_golomb(count - 1), '1'] + [
        exp_golomb(0, step - 1) for step in [1] + [turn] * (count - 1)
    ] + [exp_golomb(3)])


def _read_size(unit, sequence):
    """Read a sequence parameter set from its picture sizes on (7.3.2.1.1).

    Returns:
        _Size | None: None if it is cut off, or shows a part that does not
        begin at the upper left corner.
    """
    reader = BitReader(unescape(unit), sequence.sizes_at)
    try:
        reader.ue()
        reader.bits(1)
        across, down = reader.ue() + 1, reader.ue() + 1
        reader.bits(1)  # frame_mbs_only_flag, which is set
        inference = reader.bits(1)
        width, height = across * BLOCK, down * BLOCK
        if reader.bits(1):
            left, right, top, bottom = (reader.ue() for _ in range(4))
            if left or top:
                return None
            chroma = sequence.chroma_array_type
            width -= right * (2 if chroma in (1, 2) else 1)
            height -= bottom * (2 if chroma == 1 else 1)
        colours = _read_colours(reader) if reader.bits(1) else '0'
    except EOFError:
        return None
    if width <= 0 or height <= 0:
        return None
    return _Size(across, down, width, height, inference, colours)


def _read_colours(reader):
    """Return the bits on colours in the usability information (E.1.1)."""
    if reader.bits(1) and reader.bits(8) == 255:  # pixel aspect ratio
        reader.bits(32)
    if reader.bits(1):  # overscan
        reader.bits(1)
    start = reader.position
    if reader.bits(1):
        reader.bits(3 + 1)
        if reader.bits(1):
            reader.bits(24)
    return reader.text[start:reader.position]


def _tall_sequence(unit, sequence, size, down):
    """Return the sequence parameter set of a stack."""
    front = to_text(unescape(unit))[:sequence.numbers_at]
    # The width of the pictures' numbers; shown in decoding order; one
    # reference.
    numbers = exp_golomb(_FRAME_NUM_BITS - 4, 2, 1) + '0'
    # Frames only, all of which is shown.
    sizes = (exp_golomb(size.across - 1, down - 1) + '1'
             + str(size.inference) + '0')
    # Usability (E.1.1): colours; no timing, no buffers; no limits, no picture
    # out of order, one that is kept.
    usability = ('1' + '00' + size.colours + '00000' + '11'
                 + exp_golomb(0, 0, 16, 16, 0, 1))
    return escape(from_text(front + numbers + sizes + usability + '1'))


def _grey_parameters(bits, picture):
    """Return a picture parameter set for our own slices (7.3.2.2).

    It ends as the others do: FFmpeg refuses a picture in which the size of
    transforms changes.
    """
    front = (exp_golomb(_GREY, picture.sequence)
             + '00'  # variable length codes
             + exp_golomb(0, 0, 0)  # slice groups, references
             + '000' + exp_golomb(0, 0, 0)  # weights, quantisers
             + '100')  # slices switch the loop filter
    rest = bits[picture.filter_control_at + 3:].rstrip('0')
    return escape(from_text(bits[:8] + front + rest))


def _grey_slice(blocks, chroma):
    """Return a key picture of nothing but grey (7.3.3, 7.3.5)."""
    bits = (_KEY
            + exp_golomb(0, 7, _GREY)  # all of it, nothing but I slices
            + _FIRST + exp_golomb(0) + '00'
            + exp_golomb(0) + NO_FILTER  # behind the quantiser
            + _GREY_BLOCK[chroma] * blocks)
    return escape(from_text(bits + '1'))


@lru_cache(maxsize=64)
def _skipped(first, count):
    """Return a slice of skipped macroblocks."""
    bits = (_DISPOSABLE + exp_golomb(first, 0, _GREY) + _NEXT
            + _reference_list(1) + exp_golomb(0) + NO_FILTER
            + exp_golomb(count))
    return escape(from_text(bits + '1'))
