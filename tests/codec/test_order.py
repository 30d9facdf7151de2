# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Display order, picture types, key pictures, true pictures, rotation."""
from pathlib import Path

import av
import numpy as np
import pytest

from mmfer.codec import CompressedVideo, UnsupportedStream
from mmfer.testing import (Recipe, check_file, encode_packets, recipe,
                           restless, write_edit_list_mp4, write_two_sizes,
                           write_video, x264)
from mmfer.testing.full_decode import decode_all, padded_packet
from mmfer.testing.odd_streams import mux_packets, not_coded_vop


def rgb_of(path):
    """All pictures as swscale converts them."""
    with av.open(str(path)) as container:
        return [
            f.to_ndarray(format='rgb24') for f in container.decode(video=0)
        ]


@pytest.mark.parametrize('coding, suffix', [
    ('h264_bframes', '.mp4'), ('h264_open_gop', '.mp4'),
    ('h264_default', '.mkv'), ('mpeg4_bframes', '.mp4'),
    ('mpeg4_bframes', '.avi'), ('mpeg4_bframes', '.mkv'),
    ('mpeg2_bframes', '.ts'), ('mpeg2_bframes', '.mpg'),
    ('hevc_bframes', '.mp4'), ('h264_intra_refresh', '.mp4')
])
def test_frames_are_those_of_an_ordinary_reader(make_clip, coding, suffix):
    path = make_clip(coding, count=30, suffix=suffix)
    wanted = rgb_of(path)
    with CompressedVideo(path) as video:
        assert len(video) == len(wanted)
        asked = [29, 0, 13, 13, 7, 28]
        found = video.frames_at(asked)
        assert len(found) == len(asked)
        for index, picture in zip(asked, found):
            assert picture.dtype == np.uint8
            assert np.array_equal(picture, wanted[index]), index
        assert np.array_equal(video.frame_at(12), wanted[12])


@pytest.mark.parametrize('coding', ['h264_bframes', 'mpeg4_bframes'])
def test_edit_list_pictures_are_dropped(tmp_path, coding):
    path = write_edit_list_mp4(tmp_path / 'cut.mp4', restless(30), 5, coding)
    pictures = decode_all(path)
    shown = rgb_of(path)
    assert len(pictures) == 30 and len(shown) == 25
    with CompressedVideo(path) as video:
        assert len(video) == 25
        assert video.picture_types == ''.join(
            p.picture_type for p in pictures[5:])
        for index in (0, 3, 20):
            assert np.array_equal(video.frame_at(index), shown[index])
        proof = 'numpy' if coding[0] == 'h' else 'decoder'
        agreements = list(
            check_file(path, lambda i: video.residual_at(i, 'error'), proof))
    assert len(agreements) >= 5
    assert all(a.right == a.total and sum(a.total) for a in agreements)


def test_negative_indices_and_bounds(make_clip):
    with CompressedVideo(make_clip('mpeg4')) as video:
        assert video.residual_at(-1).index == 13
        for wrong in (14, -15, 10**9):
            with pytest.raises(IndexError):
                video.residual_at(wrong)
            with pytest.raises(IndexError):
                video.picture_type_at(wrong)
            with pytest.raises(IndexError):
                video.frame_at(wrong)


def test_nearest_p_is_nearest_in_display_order(make_clip):
    path = make_clip('h264_bframes', count=30)
    with CompressedVideo(path) as video:
        kinds = video.picture_types
        p = [i for i, kind in enumerate(kinds) if kind == 'P']
        for index in range(30):
            found = video.residual_at(index).index
            assert abs(found - index) == min(abs(i - index) for i in p)


def test_intra_pictures_by_policy(make_clip):
    with CompressedVideo(make_clip('mpeg4', count=14)) as video:
        assert video.residual_at(12).index in (11, 13)
        zero = video.residual_at(12, otherwise='zeros')
        assert zero.picture_type == 'I' and not zero.y.any()
        assert zero.y.shape == (80, 96) and not zero.inter.any()


@pytest.mark.parametrize('coding', ['h264_422', 'h264_444', 'h264_10bit'])
def test_zeros_have_the_shape_of_the_stream(make_clip, coding):
    with CompressedVideo(make_clip(coding)) as video:
        real, zero = video.residual_at(3), video.residual_at(0, 'zeros')
        for name in ('y', 'u', 'v', 'motion', 'inter'):
            assert getattr(real, name).shape == getattr(zero, name).shape
        assert zero.bit_depth == real.bit_depth


def test_key_pictures(make_clip, tmp_path):
    with CompressedVideo(make_clip('h264_deblock', count=30)) as video:
        assert video.keyframes.dtype == np.int64
        assert video.keyframes.tolist() == [0, 12, 24]
    # Intra refresh marks P pictures as random access points: they are none.
    with CompressedVideo(make_clip('h264_intra_refresh', count=30)) as video:
        assert video.keyframes.tolist() == [0]
        assert video.picture_types == 'I' + 'P' * 29
    # A scene cut coded as a plain I picture is I, but no key.
    cut = np.concatenate([restless(9, seed=1), restless(9, seed=2)])
    path = write_video(tmp_path / 'cut.mp4', cut,
                       x264('scenecut=40:min-keyint=14', gop=40))
    with CompressedVideo(path) as video:
        assert video.picture_types[9] == 'I'
        assert video.keyframes.tolist() == [0]


def test_raw_h264_with_b_pictures_is_refused(make_clip):
    with pytest.raises(UnsupportedStream, match='transcode'):
        with CompressedVideo(make_clip('h264_bframes', suffix='.h264')) as v:
            v.residual_at(3)


@pytest.mark.parametrize('suffix', ['.h264', '.mkv', '.ts'])
def test_parameter_sets_that_change_on_the_way(tmp_path, suffix):
    """The second half is read with its own parameter sets, in any order."""
    path = write_two_sizes(tmp_path / ('two' + suffix), restless(13),
                           restless(6, (64, 48)))
    second = write_two_sizes(tmp_path / 'second.h264',
                             restless(6, (64, 48)), restless(1, (64, 48)))
    with CompressedVideo(path) as video, CompressedVideo(second) as alone:
        assert len(video) == 19
        first = video.residual_at(15)
        assert first.y.shape == (48, 64)
        assert np.array_equal(first.y, alone.residual_at(2).y)
        assert video.residual_at(2).y.shape == (80, 96)
        assert np.array_equal(video.residual_at(15).y, first.y)


@pytest.mark.parametrize('codings', [('h264_cavlc', 'h264_cabac'),
                                     ('h264_long', 'h264_cavlc'),
                                     ('h264_cavlc', 'h264_weighted')])
def test_same_size_but_other_parameter_sets(tmp_path, codings):
    """CAVLC then CABAC, say: nothing but the parameter sets tells."""
    parts = [encode_packets(restless(8, seed=s), c)[0]
             for s, c in enumerate(codings, 1)]
    path = tmp_path / 'mixed.h264'
    path.write_bytes(b''.join(bytes(p) for part in parts for p in part))
    alone = tmp_path / 'alone.h264'
    alone.write_bytes(b''.join(bytes(p) for p in parts[1]))
    with CompressedVideo(path) as video, CompressedVideo(alone) as second:
        for index in (13, 3, 9, 13):
            residual = video.residual_at(index)
            assert not residual.damaged
            assert residual.weighted == (
                index >= 8 and second.residual_at(index - 8).weighted)
            if index >= 8:
                assert np.array_equal(residual.y,
                                      second.residual_at(index - 8).y)


def rotated_file(path, degrees):
    """Set the display matrix of the video track of an MP4 (clockwise)."""
    with open(path, 'rb') as file:
        data = bytearray(file.read())
    matrix = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
    a, b, c, d = matrix[degrees]
    at = data.index(b'tkhd') + 4 + 4 + 36 - (0 if data[data.index(b'tkhd') +
                                                       4] == 0 else -12)
    for offset, value in ((0, a), (4, b), (12, c), (16, d)):
        data[at + offset:at + offset + 4] = (value * 65536).to_bytes(
            4, 'big', signed=True)
    return bytes(data)


@pytest.mark.parametrize('degrees', [90, 180, 270])
@pytest.mark.parametrize('size', [(96, 80), (90, 66)])
def test_rotated_clips_are_turned_upright(make_clip, degrees, size):
    """Residual, vectors and pictures are what a viewer sees."""
    path = make_clip('mpeg4', 'restless', 14, size)
    turned = rotated_file(path, degrees)
    turns = -degrees // 90
    with CompressedVideo(path) as plain, CompressedVideo(turned) as video:
        assert video.rotation == degrees
        for index in (1, 6):
            a, b = plain.residual_at(index), video.residual_at(index)
            assert np.array_equal(np.rot90(a.y, turns), b.y)
            assert np.array_equal(np.rot90(a.u, turns), b.u)
            turned_motion = np.rot90(a.motion_dense(), turns)
            x, y = turned_motion[..., 0], turned_motion[..., 1]
            expected = np.stack(
                {90: (-y, x), 180: (-x, -y), 270: (y, -x)}[degrees], -1)
            # A cell says what holds at its centre.
            rows = np.minimum(np.arange(b.inter.shape[0]) * 8 + 4,
                              b.y.shape[0] - 1)
            columns = np.minimum(np.arange(b.inter.shape[1]) * 8 + 4,
                                 b.y.shape[1] - 1)
            assert np.array_equal(b.motion, expected[np.ix_(rows, columns)])
        assert np.array_equal(
            np.rot90(plain.frame_at(3), turns), video.frame_at(3))
        assert (video.height, video.width) == video.frame_at(3).shape[:2]


def test_variable_frame_rate_is_indexed_by_count(tmp_path):
    """Gaps in time do not invent pictures."""
    coding = recipe('mpeg4')
    packets, extradata = encode_packets(restless(14), coding,
                                        global_header=True)
    for number, packet in enumerate(packets):
        packet.pts = packet.dts = number * (number + 1) // 2
    path = mux_packets(tmp_path / 'vfr.mp4', packets, coding, (96, 80),
                       extradata=extradata)
    with CompressedVideo(path) as video:
        assert len(video) == 14 and video.picture_types[12] == 'I'
        assert video.residual_at(13).index == 13


@pytest.mark.parametrize('coding', ['h264_bframes', 'mpeg2_bframes',
                                    'h264_deblock', 'h264_open_gop'])
def test_joined_recordings_follow_each_other(make_clip, tmp_path, coding):
    """Their times begin anew; they are not shuffled into each other."""
    parts = [make_clip(coding, count=count, suffix='.ts')
             for count in (26, 14, 20)]
    path = tmp_path / 'joined.ts'
    path.write_bytes(b''.join(Path(part).read_bytes() for part in parts))
    with CompressedVideo(path) as video:
        types, pictures = [], []
        for part in parts:
            with CompressedVideo(part) as alone:
                types.append(alone.picture_types)
                pictures += alone.frames_at([0, 5, 12])
        assert video.picture_types == ''.join(types)
        assert np.allclose(video.times, np.arange(60) / 25)
        found = video.frames_at([0, 5, 12, 26, 31, 38, 40, 45, 52])
        assert all(map(np.array_equal, found, pictures))


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv'])
def test_b_pictures_timed_in_coding_order(tmp_path, suffix):
    """Some writers store no display times: the picture types tell them."""
    coding = recipe('mpeg4_bframes')
    packets, extradata = encode_packets(restless(13), coding,
                                        global_header=True)
    for number, packet in enumerate(packets):
        packet.pts = packet.dts = number
    path = mux_packets(tmp_path / f'coded{suffix}', packets, coding, (96, 80),
                       extradata=extradata)
    shown = rgb_of(path)
    with CompressedVideo(path) as video:
        assert video.picture_types.startswith('IBBP')
        assert len(video) == len(shown) == 13
        for index in (0, 1, 3, 12):
            assert np.array_equal(video.frame_at(index), shown[index])


def test_not_coded_pictures_are_n(make_clip, tmp_path):
    """N-VOPs repeat the last picture: no residual, no failure."""
    coding = Recipe('mpeg4', 100, 0, 4, recipe('mpeg4').options)
    packets, extradata = encode_packets(restless(8), coding,
                                        global_header=True)
    chunks = [bytes(p) for p in packets]
    chunks.insert(4, not_coded_vop(chunks[4]))
    muxed = []
    for number, chunk in enumerate(chunks):
        packet = padded_packet(chunk, number)
        packet.is_keyframe = number == 0
        muxed.append(packet)
    path = mux_packets(tmp_path / 'n.mp4', muxed, coding, (96, 80),
                       extradata=extradata)
    with CompressedVideo(path) as video:
        assert video.picture_types == 'IPPPNPPPP'
        assert not video.residual_at(4, otherwise='zeros').y.any()
        assert video.residual_at(4).picture_type in 'PN'
        assert video.residual_at(5).y.any()
        assert len(video.frames_at([3, 4])) == 2
