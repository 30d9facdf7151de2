# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What the reader relies on in FFmpeg, asked of FFmpeg alone.

If one of these fails after an upgrade, the decoder behaves differently, and
a workaround in ``mmfer.codec`` is wrong or no longer needed.
"""

import numpy as np
import pytest

from mmfer.testing import encode_packets, flat
from mmfer.testing.full_decode import padded_packet, read_packets

SHOW = {'flags': '+output_corrupt', 'flags2': '+showall+export_mvs'}


def lone(decoder, data):
    """All frames of one packet, then a flush."""
    try:
        return decoder.decode(padded_packet(data, 0)) + decoder.decode(None)
    finally:
        decoder.flush_buffers()


def luma(frame):
    return np.frombuffer(frame.planes[0], np.uint8).reshape(
        frame.height, -1)[:, :frame.width].astype(int)


@pytest.mark.parametrize('coding, needed', [
    ('h264_deblock', {'flags': '+output_corrupt'}),
    ('h264_deblock', {'flags2': '+showall'}),
    ('hevc', {'flags': '+output_corrupt'}), ('hevc', {'flags2': '+showall'}),
    ('mpeg2', {'flags2': '+showall'})
])
def test_options_that_make_a_lone_p_picture_appear(make_clip, coding, needed):
    packets, new_decoder = read_packets(make_clip(coding, count=8))
    assert len(lone(new_decoder(needed), packets[4])) == 1
    without = new_decoder({'flags': '+loop', 'flags2': '+export_mvs'})
    assert lone(without, packets[4]) == []


def test_lone_mpeg4_needs_no_option_but_b_pictures_give_nothing(make_clip):
    packets, new_decoder = read_packets(make_clip('mpeg4_bframes', count=13))
    kinds = ['IPBS'[p[p.index(b'\0\0\1\xb6') + 4] >> 6] for p in packets]
    decoder = new_decoder(SHOW)
    assert len(lone(decoder, packets[kinds.index('P')])) >= 1
    assert lone(decoder, packets[kinds.index('B')]) == []


def test_drained_pictures_have_vectors_with_low_delay_only(make_clip):
    packets, new_decoder = read_packets(make_clip('mpeg4_bframes', count=13))
    kinds = ['IPBS'[p[p.index(b'\0\0\1\xb6') + 4] >> 6] for p in packets]
    data = packets[kinds.index('P')]
    found = {}
    for flags in ('+output_corrupt', '+output_corrupt+low_delay'):
        frame = lone(new_decoder({**SHOW, 'flags': flags}), data)[-1]
        found[flags] = frame.side_data.get('MOTION_VECTORS')
    assert found['+output_corrupt'] is None
    assert found['+output_corrupt+low_delay'] is not None


@pytest.mark.parametrize('coding, level, suffix, size', [
    ('mpeg4', 128, '.mp4', (96, 80)), ('mpeg1', 128, '.mpg', (96, 80)),
    ('h263', 16, '.avi', (176, 144)), ('flv1', 16, '.flv', (96, 80)),
    ('h264_deblock', 128, '.mp4', (96, 80)), ('hevc', 128, '.mp4', (96, 80))
])
def test_level_of_a_missing_reference(make_clip, coding, level, suffix, size):
    """16, not 128, in H.263 and FLV1: why the reader primes them."""
    packets, new_decoder = read_packets(
        make_clip(coding, 'flat', 6, size, suffix))
    frame = lone(new_decoder(SHOW), packets[2])[-1]
    assert set(luma(frame).reshape(-1)) == {level}


def test_ten_bit_references_are_grey(make_clip):
    """Broken before FFmpeg 8.1.2, which PyAV 18.0 brought."""
    packets, new_decoder = read_packets(make_clip('h264_10bit', 'flat', 6))
    frame = lone(new_decoder(SHOW), packets[2])[-1]
    assert set(np.frombuffer(frame.planes[0], np.uint16)[:96]) == {512}


def test_a_flush_keeps_the_reference_in_flv1(make_clip):
    """Trap: the second lone packet is predicted from the first's output."""
    packets, new_decoder = read_packets(
        make_clip('flv1', count=8, suffix='.flv'))
    decoder = new_decoder(SHOW)
    first = luma(lone(decoder, packets[4])[-1])
    second = luma(lone(decoder, packets[4])[-1])
    assert not np.array_equal(first, second)
    fresh = luma(lone(new_decoder(SHOW), packets[4])[-1])
    assert np.array_equal(first, fresh)


def test_a_flush_drops_the_reference_elsewhere(make_clip):
    for coding in ('mpeg4', 'mpeg2', 'h264_deblock', 'hevc'):
        packets, new_decoder = read_packets(make_clip(coding, count=8))
        decoder = new_decoder(SHOW)
        first = luma(lone(decoder, packets[4])[-1])
        lone(decoder, packets[0])
        lone(decoder, packets[6])
        assert np.array_equal(first, luma(lone(decoder, packets[4])[-1]))


def test_an_empty_packet_ends_the_stream_until_a_flush(make_clip):
    import av
    packets, new_decoder = read_packets(make_clip('mpeg4', count=8))
    decoder = new_decoder(SHOW)
    decoder.decode(padded_packet(packets[1], 0))
    decoder.decode(padded_packet(b'', 0))
    with pytest.raises(av.error.EOFError):
        decoder.decode(padded_packet(packets[2], 0))
    decoder.flush_buffers()
    assert len(lone(decoder, packets[2])) == 1


def test_a_prime_is_an_ordinary_flat_picture():
    """An encoder's flat grey picture decodes to exactly 128."""
    import av
    for coding in ('mpeg4', 'mpeg2', 'flv1'):
        packets, _ = encode_packets(flat(1, (60, 50)), coding)
        name = {'mpeg2': 'mpeg2video', 'flv1': 'flv'}.get(coding, coding)
        decoder = av.CodecContext.create(name, 'r')
        decoder.width, decoder.height = 60, 50
        frame = lone(decoder, bytes(packets[0]))[-1]
        # RGB 128 is luma 126 in limited range.
        assert set(luma(frame).reshape(-1)) == {126}
