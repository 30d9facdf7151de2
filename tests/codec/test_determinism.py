# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The same picture gives the same bytes: any order, any company, any object.

Unpadded packets, dropped slices, references that survive a flush and
uninitialised borders all show up here.
"""

import random

import av
import numpy as np
import pytest

from mmfer.codec import CompressedVideo, CompressedVideoError, VideoIndex
from mmfer.testing import damaged, fingerprint

CASES = [('mpeg4', '.mp4', (96, 80)), ('mpeg4', '.mp4', (60, 50)),
         ('mpeg4_qpel_4mv', '.avi', (90, 70)), ('mpeg1', '.mpg', (60, 50)),
         ('mpeg2', '.mp4', (60, 50)), ('h263', '.avi', (176, 144)),
         ('flv1', '.flv', (90, 70)), ('h264_long', '.mp4', (60, 50)),
         ('h264_multiref', '.mkv', (96, 80)),
         ('h264_weighted', '.mp4', (96, 80)), ('h264_mbaff', '.mp4', (96, 96))]


def spoil_memory(seed):
    """Fill and free memory of many sizes, so stale values differ."""
    rng = np.random.default_rng(seed)
    junk = [rng.bytes(int(n)) for n in rng.integers(500, 60_000, 60)]
    return len(junk)


@pytest.mark.parametrize('coding, suffix, size', CASES)
def test_shuffled_orders_agree(make_clip, coding, suffix, size):
    path = make_clip(coding, 'restless', 24, size, suffix)
    known = {}
    for seed in range(3):
        with CompressedVideo(path) as video:
            order = [
                i for i, kind in enumerate(video.picture_types) if kind == 'P'
            ]
            assert len(order) >= 5
            random.Random(seed).shuffle(order)
            for index in order:
                spoil_memory(index + seed)
                data = fingerprint(video.residual_at(index))
                assert known.setdefault(index, data) == data, index


@pytest.mark.parametrize('coding, suffix, size', [CASES[1], CASES[6],
                                                  CASES[7]])
def test_a_fresh_object_for_each_picture_agrees(make_clip, coding, suffix,
                                                size):
    path = make_clip(coding, 'restless', 24, size, suffix)
    with CompressedVideo(path) as video:
        batch = video.residuals_at([9, 3, 7, 3])
        for residual, index in zip(batch, (9, 3, 7, 3)):
            with CompressedVideo(path) as alone:
                assert fingerprint(residual) == fingerprint(
                    alone.residual_at(index))


def test_true_pictures_in_between_change_nothing(make_clip):
    path = make_clip('h264_deblock', count=24)
    with CompressedVideo(path) as video:
        before = [fingerprint(r) for r in video.residuals_at([5, 14, 20])]
        video.frame_at(13)
        video.chained_at([9], start=2)
        after = [fingerprint(r) for r in video.residuals_at([5, 14, 20])]
    assert before == after


def test_results_outlive_the_video_and_do_not_share_memory(make_clip):
    path = make_clip('mpeg4')
    with CompressedVideo(path) as video:
        first, second = video.residuals_at([4, 4])
    kept = fingerprint(first)
    second.y[:] = 99
    second.motion[:] = 99
    second.inter[:] = False
    assert fingerprint(first) == kept
    for name in ('y', 'u', 'v', 'motion', 'inter'):
        mine, other = getattr(first, name), getattr(second, name)
        assert mine.flags.writeable and not np.shares_memory(mine, other)


@pytest.mark.parametrize('coding', ['h264_cavlc', 'h264_deblock', 'mpeg4'])
def test_a_damaged_picture_does_not_spoil_the_next(make_clip, coding):
    with open(make_clip(coding), 'rb') as file:
        data = file.read()
    with CompressedVideo(data) as video:
        index, expected = video.index, fingerprint(video.residual_at(6))
    at, size = int(index.position[4]), int(index.size[4])
    for seed in range(40):
        packet = damaged(data[at:at + size], seed, 1 + seed % 8)[:size]
        broken = data[:at] + packet.ljust(size, b'\0') + data[at + size:]
        with CompressedVideo(broken, index) as video:
            try:
                video.residual_at(4)
            except CompressedVideoError:
                pass
            assert fingerprint(video.residual_at(6)) == expected


def test_what_damage_leaves_unwritten_shows_no_other_picture(make_clip):
    with open(make_clip('hevc', 'restless', size=(112, 112)), 'rb') as file:
        data = file.read()
    index = VideoIndex.build(data)
    at, size = int(index.position[4]), int(index.size[4])
    unwritten = 0
    for seed in range(60):
        packet = damaged(data[at:at + size], seed, 1)[:size]
        broken = data[:at] + packet.ljust(size, b'\0') + data[at + size:]
        told = []
        for before in ([], [6], [6, 8]):
            with CompressedVideo(broken, index) as video:
                for near in before:
                    video.residual_at(near)
                try:
                    found = video.residual_at(4)
                    told.append(fingerprint(found))
                    unwritten += not before and (found.y[-8:] == -128).all()
                except CompressedVideoError as error:
                    told.append(type(error))
        assert told[0] == told[1] == told[2]
    assert unwritten  # else it would prove nothing


def test_packet_buffers_are_padded(make_clip, monkeypatch):
    """``av.Packet(bytes)`` has no zeros behind its data: never use it."""
    path = make_clip('mpeg4', count=24)
    made = []

    make = av.Packet

    def record(source=None):
        made.append(type(source))
        return make(source)

    monkeypatch.setattr('av.Packet', record)
    with CompressedVideo(path) as video:
        video.residuals_at([1, 5, 9])
        video.chained_at([4], start=1)
        video.frame_at(2)
    assert not [kind for kind in made if kind not in (int, type(None))]
    assert int in made


def test_three_hundred_packets_equal_a_padded_reading(make_clip):
    """300 P packets against packets that FFmpeg itself padded."""
    from mmfer.testing.full_decode import padded_packet, read_packets
    path = make_clip('mpeg4', 'restless', 328, (96, 80))
    packets, new_decoder = read_packets(path)
    decoder = new_decoder({'flags': '+low_delay'})
    compared = 0
    with CompressedVideo(path) as video:
        for index, kind in enumerate(video.picture_types):
            if kind != 'P':
                continue
            frame = (decoder.decode(padded_packet(packets[index], 0)) +
                     decoder.decode(None))[-1]
            decoder.flush_buffers()
            grey = frame.to_ndarray()[:80].astype(np.int16) - 128
            residual = video.residual_at(index)
            inter = residual.inter.repeat(8, 0).repeat(8, 1)
            assert np.array_equal(residual.y, np.where(inter, grey, 0))
            compared += 1
    assert compared == 300


@pytest.mark.parametrize('otherwise', ['nearest_p', 'zeros', 'pixels'])
@pytest.mark.parametrize('coding', ['mpeg4', 'mpeg4_bframes', 'h264_default',
                                    'hevc_bframes'])
def test_together_or_alone(make_clip, reader, coding, otherwise):
    """More than are decoded at once, some twice, in any order."""
    video = reader(make_clip(coding, count=24))
    indices = [*range(24), 5, 5, *range(23, 0, -3)]
    alone = [fingerprint(video.residual_at(i, otherwise)) for i in indices]
    together = video.residuals_at(indices, otherwise)
    assert [fingerprint(residual) for residual in together] == alone
    assert [r.index for r in together] == [
        video.residual_at(i, otherwise).index for i in indices]
    assert video.residuals_at([]) == []
    for one, other in zip(together, together[1:]):
        assert not np.shares_memory(one.y, other.y)
        assert not np.shares_memory(one.u, other.u)
