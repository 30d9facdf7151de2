# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Slice headers of H.264 are read as a writer of random ones wrote them."""
import random

import pytest

from mmfer.codec.bits import escape, exp_golomb, from_text, unescape
from mmfer.codec.h264_parameters import (PPS, SPS, PictureParameters,
                                         SequenceParameters, parameter_sets)
from mmfer.codec.h264_slices import (PredictedSlice, end_of_front,
                                     has_own_weights, parse_predicted,
                                     parse_slice)


class Writer:
    """Writes slice headers (ITU-T H.264, 7.3.3) from random values."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        order_type = self.random.choice([0, 0, 1, 2])
        self.sequence = SequenceParameters(
            separate_planes=self.chance(.1),
            chroma_array_type=self.random.choice([0, 1, 1, 2, 3]),
            frame_num_bits=self.random.randint(4, 16),
            order_type=order_type,
            order_bits=0 if order_type else self.random.randint(4, 16),
            order_always_zero=order_type == 1 and self.chance(.5),
            frames_only=self.chance(.6), numbers_at=0, sizes_at=0)
        self.picture = PictureParameters(
            number=self.random.choice([0, 1, 7, 255]), sequence=3,
            bottom_order_present=self.chance(.3), slice_groups=0,
            references=(self.random.choice([1, 2, 4, 32]), 1),
            weighted=self.chance(.5),
            redundant_count_present=self.chance(.1), cabac=self.chance(.5),
            filter_control_present=self.chance(.7), number_ends=0,
            filter_control_at=0)
        self.sets = {3: self.sequence}, {self.picture.number: self.picture}

    def chance(self, share):
        return self.random.random() < share

    def number(self, least, most):
        """One of a range, its ends more often."""
        return self.random.choice(
            [least, most, self.random.randint(least, most)])

    def bits(self, count):
        return ''.join(self.random.choice('01') for _ in range(count))

    def unsigned(self, most):
        return exp_golomb(self.number(0, most))

    def signed(self, least, most):
        value = self.number(least, most)
        return exp_golomb(2 * value - 1 if value > 0 else -2 * value)

    def p_slice(self, kind=None):
        """Return a NAL unit and what its header says.

        With `kind` it has that slice type, but remains what it was.
        """
        sequence, picture = self.sequence, self.picture
        idr, reference = self.chance(.1), self.chance(.7)
        first, field = self.number(0, 139263), False
        if kind is None:
            kind = self.random.choice([0, 5])
        text = exp_golomb(first, kind, picture.number)
        text += self.bits(2) if sequence.separate_planes else ''
        frame_num = self.bits(sequence.frame_num_bits)
        frame_num_at, text = 8 + len(text), text + frame_num
        if not sequence.frames_only:
            field = self.chance(.3)
            text += '1' + self.bits(1) if field else '0'
        text += self.unsigned(65535) if idr else ''
        order, order_at = self.bits(sequence.order_bits), 8 + len(text)
        text += order
        deltas = (sequence.order_type == 1 and not sequence.order_always_zero)
        if picture.bottom_order_present and not field:
            deltas += sequence.order_type == 0 or deltas
        text += ''.join(self.signed(-2**30, 2**30) for _ in range(deltas))
        end, (count, text) = 8 + len(text), self.references(text)
        weights = self.weights(count) if picture.weighted else ''
        text += weights
        if reference:
            text += self.bits(2) if idr else self.marking()
        coding = self.unsigned(2) if picture.cabac else ''
        coding += self.signed(-77, 77)
        text += coding
        if picture.filter_control_present:
            text += self.random.choice([
                exp_golomb(1), exp_golomb(self.random.choice([0, 2]))
                + self.signed(-6, 6) + self.signed(-6, 6)
            ])
        front = (5 if idr else 1) | (self.random.randint(1, 3) << 5
                                     if reference else 0)
        data = from_text(text + self.bits(self.random.randint(8, 800)))
        return bytes([front]) + escape(data), dict(
            first=first, kind='PBISS'[kind % 5], idr=idr, reference=reference, field=field,
            frame_num=int(frame_num, 2), frame_num_at=frame_num_at,
            order=int(order, 2) if order else None,
            order_at=order_at if order else -1,
            end=end), (first, (frame_num, '1' if field else None, order or None),
                       count, weights, coding, 8 + len(text), picture,
                       sequence)

    def references(self, text):
        """Return the length of the reference list and the text so far."""
        if self.picture.redundant_count_present:
            text += self.unsigned(127)
        count = self.picture.references[0]
        if self.chance(.4):
            count = self.number(1, 32)
            text += '1' + exp_golomb(count - 1)
        else:
            text += '0'
        if self.chance(.3):
            changes = [exp_golomb(self.random.randint(0, 2))
                       + self.unsigned(2**17 - 1)
                       for _ in range(self.random.randint(0, 3))]
            return count, text + '1' + ''.join(changes) + exp_golomb(3)
        return count, text + '0'

    def weights(self, count):
        text = self.unsigned(7)
        planes = 1
        if self.sequence.chroma_array_type:
            text, planes = text + self.unsigned(7), 2
        for _ in range(count):
            for plane in range(planes):
                values = [self.signed(-128, 127)
                          for _ in range(4 if plane else 2)]
                text += '1' + ''.join(values) if self.chance(.2) else '0'
        return text

    def marking(self):
        if self.chance(.6):
            return '0'
        text = '1'
        for _ in range(self.random.randint(0, 3)):
            operation = self.random.randint(1, 6)
            text += exp_golomb(operation) + ''.join(
                self.unsigned(65535)
                for _ in range({3: 2, 5: 0}.get(operation, 1)))
        return text + exp_golomb(0)


@pytest.mark.parametrize('seed', range(60))
def test_random_headers(seed):
    writer = Writer(seed)
    for _ in range(20):
        unit, facts, rest = writer.p_slice()
        header = parse_slice(unit, writer.sets)
        assert {name: getattr(header, name) for name in facts} == facts
        assert header.picture is writer.picture
        assert header.sequence is writer.sequence
        assert parse_predicted(unit, writer.sets) == rest
        cut = end_of_front(unit, header)
        assert 8 * len(unescape(unit[:cut])) >= header.end


@pytest.mark.parametrize('seed', range(5))
def test_headers_that_are_cut_off(seed):
    writer = Writer(seed)
    for _ in range(20):
        unit, facts, rest = writer.p_slice()
        end = PredictedSlice(*rest).end
        payload = unescape(unit)
        for size in range(1, -(-end // 8)):
            cut = escape(payload[:size])
            header = parse_slice(cut, writer.sets)
            assert (header is None) == (8 * size < facts['end'])
            assert parse_predicted(cut, writer.sets) is None


def test_sets_that_are_unknown():
    writer = Writer(0)
    unit, *_ = writer.p_slice()
    for sets in (({}, writer.sets[1]), (writer.sets[0], {})):
        assert parse_slice(unit, sets) is None
        assert parse_predicted(unit, sets) is None


@pytest.mark.parametrize('kind', range(10))
def test_only_p_slices_are_read_as_such(kind):
    writer = Writer(kind)
    unit, facts, rest = writer.p_slice(kind)
    assert parse_slice(unit, writer.sets).kind == facts['kind']
    expected = rest if facts['kind'] == 'P' else None
    assert parse_predicted(unit, writer.sets) == expected


def test_more_references_than_there_can_be():
    writer = Writer(0)
    picture = writer.picture._replace(references=(33, 1), number=0,
                                      redundant_count_present=False)
    sets = writer.sets[0], {0: picture}
    unit = bytes([1]) + from_text(exp_golomb(0, 0, 0) + '0' * 40 + '1' * 400)
    assert parse_slice(unit, sets) is not None
    assert parse_predicted(unit, sets) is None


@pytest.mark.parametrize('kind, known', list(enumerate(
    [1, 1, 1, 0, 0, 0, 0, 0])))
def test_changes_of_the_reference_list_that_there_are(kind, known):
    writer = Writer(0)
    picture = writer.picture._replace(
        references=(1, 1), number=0, redundant_count_present=False,
        weighted=False)
    sequence = writer.sequence._replace(order_type=2, order_bits=0,
                                        frames_only=True)
    sets = {3: sequence}, {0: picture}
    unit = bytes([1]) + from_text(
        exp_golomb(0, 0, 0) + '0' * (2 * sequence.separate_planes)
        + '1' * sequence.frame_num_bits + '01'
        + exp_golomb(kind, 5, 3) + '1' * 400)
    # 3 ends the list: what follows is then another header, but still one.
    assert (parse_predicted(unit, sets) is not None) == (known or kind == 3)


def test_numbers_that_are_too_wide():
    # Baseline profile, then the number of the set.
    front = bytes([SPS, 66, 0, 30]), exp_golomb(0)
    widths = {width: parameter_sets([front[0] + escape(from_text(
        front[1] + exp_golomb(width - 4, 2, 1) + '0' + exp_golomb(3, 3)
        + '1' * 20))])[0] for width in (16, 17)}
    assert widths[16][0].frame_num_bits == 16
    assert not widths[17]
    assert parameter_sets([bytes([PPS])]) == ({}, {})


def test_weights_that_change_nothing():
    writer = Writer(0)
    sequence = writer.sequence._replace(chroma_array_type=1)
    for weights, own in (('', False),
                         (exp_golomb(2, 1) + '00', False),
                         # The weight of one, no offset: 4 of 4, 2 of 2.
                         (exp_golomb(2, 1) + '1' + exp_golomb(7, 0) + '1'
                          + exp_golomb(3, 0, 3, 0), False),
                         (exp_golomb(2, 1) + '1' + exp_golomb(9, 0) + '0',
                          True),
                         (exp_golomb(2, 1) + '0' + '1'
                          + exp_golomb(3, 0, 3, 1), True)):
        slice_ = PredictedSlice(0, ('0', None, None), 1, weights, '', 0,
                                writer.picture, sequence)
        assert has_own_weights(slice_) is own
