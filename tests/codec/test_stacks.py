# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Pictures that are decoded as one come out as if decoded alone."""

import gc
import re

import av
import numpy as np
import pytest

from mmfer.codec import CompressedVideo, CompressedVideoError, VideoIndex
from mmfer.codec.bits import (BitReader, code_pattern, code_value, escape,
                              exp_golomb, from_text, to_text, unescape)
from mmfer.codec.decoder_pool import forget_decoders
from mmfer.codec.grey import make_decoder, padded_packet
from mmfer.codec.grey_decoder import grey_options
from mmfer.codec.h264_slices import parse_slice
from mmfer.codec.mpeg4_layer import find_layer, read_layer, read_plain
from mmfer.codec.stack_decoder import StackDecoder
from mmfer.testing import fingerprint, panning
from mmfer.testing.decoded_packets import decoded_types, listen_to_decoders
from mmfer.testing.odd_streams import damaged
from mmfer.testing.streams import RECIPES, write_video, x264

CODINGS = sorted(name for name in RECIPES if name.startswith(('h264', 'mpeg4')))
#: What stacks are not understood of.
ALONE = {'mpeg4_interlaced', 'mpeg4_partitioned', 'h264_mbaff'}


@pytest.fixture
def stacks(monkeypatch):
    """Pictures in each stack that was decoded; 0 where one was refused."""
    counts, decode = [], StackDecoder.decode

    def listen(self, data):
        frame = decode(self, data)
        counts.append(0 if frame is None else self.coding.count)
        return frame

    monkeypatch.setattr(StackDecoder, 'decode', listen)
    return counts


def told(residual):
    return (fingerprint(residual), residual.damaged, residual.weighted,
            residual.bit_depth, residual.colorspace, residual.full_range)


def one(video, index):
    try:
        return told(video.residual_at(index))
    except CompressedVideoError as error:
        return type(error).__name__


def together(video, indices):
    try:
        return [told(one) for one in video.residuals_at(indices)]
    except CompressedVideoError as error:
        return type(error).__name__


@pytest.mark.parametrize('size', [(96, 80), (72, 56)])
@pytest.mark.parametrize('coding', CODINGS)
def test_as_if_alone(make_clip, stacks, coding, size):
    path = make_clip(coding, size=size, count=20)
    with CompressedVideo(path) as video, CompressedVideo(path) as other:
        for indices in (range(20), [3, 4], [19, 2, 2, 5], range(1, 20, 2)):
            expected = [one(other, index) for index in indices]
            assert together(video, list(indices)) == expected
    assert bool(stacks) == (coding not in ALONE)
    assert 0 not in stacks


@pytest.mark.parametrize('coding,facts', [
    ('h264_default', 'mp4'), ('h264_cavlc', 'h264'), ('h264_slices', 'mkv'),
    ('mpeg4', 'avi'), ('mpeg4_qpel_4mv', 'mkv')])
def test_in_other_containers(make_clip, stacks, coding, facts):
    path = make_clip(coding, count=30, suffix='.' + facts)
    with CompressedVideo(path) as video, CompressedVideo(path) as other:
        count = len(video)
        assert together(video, range(count)) == [
            one(other, index) for index in range(count)]
    assert stacks and 0 not in stacks


def test_samples_that_are_coded_as_such_begin_with_a_whole_byte(
        tmp_path, stacks):
    """I_PCM macroblocks in variable length codes, at any bit of a byte."""
    frames = panning(14, (96, 80))
    frames[:, 32:48, 16:] = np.random.default_rng(7).integers(
        0, 256, (14, 16, 80, 3), dtype=np.uint8)
    path = write_video(tmp_path / 'raw.mp4', frames, x264('cabac=0:qp=0'))
    assert _raw_macroblocks(path) > 20
    with CompressedVideo(path) as video:
        indices = [i for i in range(len(video))
                   if video.picture_type_at(i) == 'P']
        alone = [one(video, index) for index in indices]
        assert together(video, indices) == alone
        assert all(.5 < r.inter.mean() < 1 for r in video.residuals_at(indices))
    assert stacks and 0 not in stacks


def _raw_macroblocks(path):
    """Count FFmpeg's letter for them in its pictures of P pictures."""
    av.logging.set_level(av.logging.DEBUG)
    try:
        with CompressedVideo(path) as video, av.logging.Capture() as log:
            decoder = make_decoder(
                'h264', video.index.extradata, video.width, video.height,
                dict(grey_options(video._bitstream), debug='mb_type'))
            for number in range(len(video.index.size)):
                decoder.decode(padded_packet(video._packets.data(number)))
            text = ''.join(message for _, _, message in log)
    finally:
        av.logging.set_level(None)
    pictures = text.split('New frame, type: ')
    return sum(part.count('P', 1) for part in pictures if part[:1] == 'P')


@pytest.mark.parametrize('coding', ['h264_default', 'h264_cavlc', 'mpeg4',
                                    'h264_slices', 'mpeg4_4mv'])
def test_damage_changes_nothing_but_what_is_damaged(make_clip, stacks, coding):
    """A picture is read as alone, whatever happens to its neighbours."""
    with open(make_clip(coding, count=20), 'rb') as file:
        data = file.read()
    index = VideoIndex.build(data)
    outcomes = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        broken = bytearray(data)
        for number in rng.integers(20, size=2):
            at, size = int(index.position[number]), int(index.size[number])
            packet = damaged(data[at:at + size], seed, 1 + seed % 8)[:size]
            broken[at:at + size] = packet.ljust(size, b'\0')
        wanted = rng.integers(20, size=6).tolist()
        with CompressedVideo(bytes(broken), index) as video:
            alone = [one(video, number) for number in wanted]
            expected = next(
                (one for one in alone if isinstance(one, str)), alone)
            assert together(video, wanted) == expected
        outcomes.add(isinstance(expected, str))
    assert False in outcomes and 0 in stacks and max(stacks) > 1


def test_slices_that_belong_to_different_pictures_are_not(tmp_path):
    # With B pictures, whose order is written down.
    path = write_video(tmp_path / 'slices.mp4', panning(12),
                       x264('slices=3:bframes=1:b-adapt=0'))
    with CompressedVideo(path) as video:
        bitstream, packets = video._bitstream, video._packets
        data = packets.data(packets.order.item(
            packets.nearest(4, 'P')))
        units = bitstream.format.split(data)
        places = [n for n, unit in enumerate(units) if unit[0] & 31 == 1]
        assert len(places) > 1
        header = parse_slice(units[places[1]], bitstream._global_sets)
        for at, count in ((header.frame_num_at, header.frame_num_bits),
                          (header.order_at, header.order_bits)):
            assert count
            bits = to_text(unescape(units[places[1]]))
            flipped = bits[:at] + '10'[int(bits[at])] + bits[at + 1:]
            other = list(units)
            other[places[1]] = escape(from_text(flipped))
            assert not bitstream.stacker.part(bitstream.format.join(other))
        assert bitstream.stacker.part(data)


def test_of_more_pictures_than_fit_in_one(make_clip, stacks):
    path = make_clip('h264_long', count=40)
    with CompressedVideo(path) as video:
        count = len(video.residuals_at(range(1, 40)))
    assert count == 39 and stacks == [13, 13, 13]


def test_large_pictures_are_decoded_alone(make_clip, stacks):
    path = make_clip('mpeg4', size=(1280, 848), count=4)
    with CompressedVideo(path) as video:
        video.residuals_at([1, 2, 3])
    assert not stacks


def test_the_next_clip_takes_the_decoder_over(make_clip, stacks, monkeypatch):
    made = []

    def make(*coding):
        made.append(coding[0])
        return make_decoder(*coding)

    monkeypatch.setattr('mmfer.codec.stack_decoder.make_decoder', make)
    forget_decoders()
    for coding in ('h264_default', 'mpeg4'):
        for source in ('restless', 'fade', 'noise'):
            with CompressedVideo(make_clip(coding, source)) as video:
                video.residuals_at([1, 4, 7])
                video.residuals_at([2, 5, 8])
    assert made == ['h264', 'mpeg4'] and stacks == [3] * 12
    forget_decoders()


@pytest.mark.parametrize('coding', ['h264_default', 'mpeg4'])
def test_the_decoder_has_its_memory_back_at_once(make_clip, coding):
    """Frames that wait for Python's search for circles would pile up."""
    path = make_clip(coding)
    with CompressedVideo(path) as video:
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                video.residuals_at([1, 4, 7])
                video.residual_at(3).motion
            assert gc.collect() == 0
        finally:
            gc.enable()


def test_chroma_outlives_the_next_stack(make_clip):
    path = make_clip('h264_default')
    with CompressedVideo(path) as video:
        first = video.residuals_at([1, 4, 7])
        kept = [video.residual_at(index) for index in (1, 4, 7)]
        video.residuals_at([2, 5, 8])
    assert [told(one) for one in first] == [told(one) for one in kept]


@pytest.mark.parametrize('coding', ['h264_deblock', 'h264_cavlc', 'mpeg4'])
def test_what_is_decoded_is_heard(make_clip, coding):
    path = make_clip(coding, count=24)
    with listen_to_decoders() as heard:
        with CompressedVideo(path) as video:
            video.residuals_at([1, 3, 5, 14, 16])
    assert decoded_types(path, heard) == {'P': 5}


def test_texts_of_bits():
    values = [0, 1, 2, 7, 300, 2**16]
    text = exp_golomb(*values)
    reader = BitReader(from_text(text))
    assert [reader.ue() for _ in values] == values
    assert reader.position == len(text)
    codes = re.compile(f'({code_pattern(16)})' * len(values)).match(text)
    assert list(map(code_value, codes.groups())) == values
    assert codes.end() == len(text)
    assert not re.match(code_pattern(15), exp_golomb(2**16))
    assert to_text(from_text('101', fill='1')) == '10111111'
    assert from_text('') == b''
    for data in (b'\0\0', b'\x01'):
        assert not re.match(code_pattern(32), to_text(data))
        with pytest.raises(EOFError):
            BitReader(data).ue()


def test_layers_of_mpeg4_that_are_not_understood(make_clip):
    with CompressedVideo(make_clip('mpeg4')) as video:
        extradata = video.index.extradata
    header = find_layer(extradata)
    layer = read_layer(header)
    plain = read_plain(layer)
    assert (plain.width, plain.height) == (96, 80)
    assert read_layer(header[:8]) is None
    assert read_plain(read_layer(header[:12])) is None
    allowed = (layer.bits[:plain.resync_at] + '0'
               + layer.bits[plain.resync_at + 1:])
    assert read_plain(read_layer(from_text(allowed))) is None
