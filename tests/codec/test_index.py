# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The index points at the bytes that a demuxer returns."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmfer.codec import (CompressedVideo, CompressedVideoError, VideoIndex)
from mmfer.testing import (encode_packets, fingerprint, restless,
                           write_video)
from mmfer.testing.full_decode import read_packets
from mmfer.testing.odd_streams import mux_packets


FRAGMENTED = {'movflags': 'frag_keyframe+empty_moov+default_base_moof'}
FILES = [('mpeg4', '.mp4', None), ('h264_default', '.mp4', None),
         ('h264_bframes', '.mp4', FRAGMENTED), ('mpeg4', '.mp4', FRAGMENTED),
         ('h264_bframes', '.mp4', {'movflags': 'faststart'}),
         ('hevc_bframes', '.mp4', None), ('mpeg2_bframes', '.mov', None),
         ('h264_deblock', '.mov', None), ('mpeg4', '.avi', None),
         ('h263', '.avi', None), ('mpeg4', '.mkv', None),
         ('h264_bframes', '.mkv', None), ('h264_bframes', '.ts', None),
         ('h264_bframes', '.flv', None), ('mpeg1', '.mpg', None),
         ('mpeg4', '.m4v', None), ('h264_deblock', '.h264', None)]


def clip_of(make_clip, coding, suffix, options):
    size = (176, 144) if coding == 'h263' else (96, 80)
    return make_clip(coding, 'restless', 26, size, suffix,
                     container_options=options)


@pytest.mark.parametrize('coding, suffix, options', FILES)
def test_bytes_at_position_are_the_demuxed_packets(make_clip, coding, suffix,
                                                   options):
    path = clip_of(make_clip, coding, suffix, options)
    index = VideoIndex.build(path)
    packets, _ = read_packets(path)
    assert len(index) == 26 and len(packets) == 26
    assert len(index.position) == len(index.size) == 26
    with open(path, 'rb') as file:
        data = file.read()
    for number, packet in enumerate(packets):
        position, size = int(index.position[number]), int(index.size[number])
        found = (index.payloads[number] if position < 0 else
                 data[position:position + size])
        assert found == packet, number


@pytest.mark.parametrize('coding, suffix, options', FILES)
def test_length_size_and_types(make_clip, truth, coding, suffix, options):
    path = clip_of(make_clip, coding, suffix, options)
    pictures = truth(path)
    with CompressedVideo(path) as video:
        assert len(video) == len(pictures) == 26
        assert (video.height, video.width) == pictures[0].planes[0].shape
        assert video.picture_types == ''.join(p.picture_type
                                              for p in pictures)
        assert video.fps == pytest.approx(25, abs=.1)


@pytest.mark.parametrize('movflags', ['faststart', 'frag_keyframe+empty_moov'])
def test_only_what_is_asked_is_read(make_clip, movflags, monkeypatch):
    """Residuals of an MP4 come from a few positions, not from a scan."""
    path = make_clip('mpeg4', 'noise', 60, (96, 80), '.mp4',
                     container_options={'movflags': movflags})
    index = VideoIndex.build(path)
    touched = int(index.size[[5, 17, 40]].sum())
    assert touched < .2 * index.file_size
    with open(path, 'rb') as file:
        data = bytearray(file.read())
    for number in range(60):
        if number not in (5, 17, 40):
            at, size = int(index.position[number]), int(index.size[number])
            data[at:at + size] = bytes(size)
    with CompressedVideo(path) as whole, CompressedVideo(
            bytes(data), index=index) as holes:
        for i in (5, 17, 40):
            assert fingerprint(whole.residual_at(i)) == fingerprint(
                holes.residual_at(i))


@pytest.mark.parametrize('coding, suffix', [('h264_bframes', '.mp4'),
                                            ('h264_bframes', '.mkv'),
                                            ('mpeg4', '.avi')])
def test_saved_and_pickled_indices_serve_as_well(make_clip, tmp_path, coding,
                                                 suffix):
    path = make_clip(coding, count=26, suffix=suffix)
    index = VideoIndex.build(path)
    saved = tmp_path / 'clip.index.npz'
    index.save(saved)
    assert [p.name for p in tmp_path.iterdir()] == ['clip.index.npz']
    with CompressedVideo(path) as video:
        wanted = [fingerprint(r) for r in video.residuals_at(range(26))]
        kinds = video.picture_types
    for other in (VideoIndex.load(saved), pickle.loads(pickle.dumps(index))):
        with CompressedVideo(path, index=other) as video:
            assert video.picture_types == kinds
            assert [fingerprint(r) for r in video.residuals_at(range(26))
                    ] == wanted


def test_types_once_read_are_not_read_again(make_clip, monkeypatch):
    """The second video that is opened with an index knows more."""
    path = make_clip('h264_bframes', count=26)
    index = VideoIndex.build(path)
    with CompressedVideo(path, index=index) as video:
        first = video.residual_at(20, 'nearest_p')
        assert '.' in index.known_types
        kinds = video.picture_types
    assert ''.join(index.known_types) == kinds

    def never(self, data):
        raise AssertionError('its type is known')

    with CompressedVideo(path, index=index) as video:
        monkeypatch.setattr(
            type(video._bitstream), 'picture_type', never)
        assert video.picture_types == kinds
        again = video.residual_at(20, 'nearest_p')
        assert fingerprint(again) == fingerprint(first)
    assert replace(index).known_types == ['.'] * 26


def test_an_index_that_is_none_is_named(tmp_path):
    broken = tmp_path / 'broken.npz'
    broken.write_bytes(b'PK\3\4 nothing')
    with pytest.raises(CompressedVideoError, match='broken.npz'):
        VideoIndex.load(broken)
    np.savez(tmp_path / 'other.npz', a=np.arange(3))
    with pytest.raises(CompressedVideoError, match='other.npz'):
        VideoIndex.load(tmp_path / 'other.npz')
    with pytest.raises(FileNotFoundError):
        VideoIndex.load(tmp_path / 'missing.npz')


def test_an_index_of_another_file_is_refused(make_clip):
    index = VideoIndex.build(make_clip('mpeg4', count=26))
    with pytest.raises(CompressedVideoError):
        with CompressedVideo(
                make_clip('mpeg4', 'face', 40), index=index) as video:
            video.residual_at(20)


@pytest.mark.parametrize('coding, suffix', [('mpeg4', '.mp4'),
                                            ('h264_bframes', '.mkv'),
                                            ('mpeg4', '.avi')])
def test_bytes_serve_like_a_path(make_clip, coding, suffix):
    path = make_clip(coding, count=26, suffix=suffix)
    with open(path, 'rb') as file:
        data = file.read()
    with CompressedVideo(path) as video:
        wanted = [fingerprint(r) for r in video.residuals_at([3, 8, 20])]
        picture = video.frame_at(14)
    for source in (data, bytearray(data), memoryview(data)):
        with CompressedVideo(source) as video:
            assert [fingerprint(r) for r in video.residuals_at([3, 8, 20])
                    ] == wanted
            assert np.array_equal(video.frame_at(14), picture)


def test_recordings_with_other_streams_cannot_be_joined(make_clip, tmp_path):
    """FFmpeg meets a stream that it did not announce."""
    parts = [make_clip('h264_deblock', count=26, suffix='.ts',
                       container_options=options)
             for options in (None, {'mpegts_start_pid': '0x120',
                                    'mpegts_pmt_start_pid': '0x1010'})]
    first, second = (Path(part).read_bytes() for part in parts)
    path = tmp_path / 'joined.ts'
    path.write_bytes(first * 100 + second)
    with pytest.raises(CompressedVideoError, match='joined.ts: another') as e:
        VideoIndex.build(path)
    assert '\n' not in str(e.value)


@pytest.mark.parametrize('coding, suffix, container', [
    ('h264_deblock', '.h264', None), ('mpeg4', '.m4v', 'm4v'),
    ('mpeg2', '.m2v', 'mpeg2video'), ('h264_deblock', '.mp4', None)])
def test_the_rate_is_that_of_the_stream(tmp_path, coding, suffix, container):
    path = write_video(tmp_path / ('a' + suffix), restless(31), coding, fps=30,
                       container=container)
    assert VideoIndex.build(path).fps == pytest.approx(30)


# Seconds; the muxers round to their own units.
UNEVEN = np.concatenate([np.arange(16) * 2, 43 + np.arange(10) * 13]) / 50


@pytest.mark.parametrize('coding', ['h264_deblock', 'h264_bframes'])
@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.ts'])
def test_times_are_those_of_the_file(tmp_path, coding, suffix):
    path = tmp_path / ('a' + suffix)
    packets, extradata = encode_packets(restless(26), coding,
                                        global_header=suffix != '.ts')
    stamps = np.rint(UNEVEN * 50).astype(int)
    shown = stamps[np.argsort(np.argsort([p.pts for p in packets]))]
    delay = int((stamps - shown).max())  # none is shown before it is decoded
    for packet, pts, dts in zip(packets, shown.tolist(), stamps.tolist()):
        packet.pts, packet.dts = pts + delay, dts
    mux_packets(path, packets, coding, (96, 80), 50, extradata)
    index = VideoIndex.build(path)
    assert np.allclose(index.times, UNEVEN, atol=1e-3)
    index.save(tmp_path / 'a.npz')
    assert np.array_equal(VideoIndex.load(tmp_path / 'a.npz').times,
                          index.times)


def test_an_index_stored_without_times_is_read(make_clip, tmp_path):
    index = VideoIndex.build(make_clip('mpeg4', count=26))
    index.save(tmp_path / 'new.npz')
    with np.load(tmp_path / 'new.npz') as stored:
        np.savez(tmp_path / 'old.npz', **{
            name: stored[name] for name in stored.files
            if name not in ('stamps', 'tick')})
    old = VideoIndex.load(tmp_path / 'old.npz')
    assert old.times is None and np.array_equal(old.order, index.order)
    replace(index, stamps=None).save(tmp_path / 'none.npz')
    assert VideoIndex.load(tmp_path / 'none.npz').times is None


@pytest.mark.parametrize('coding, suffix', [('h264_deblock', '.h264'),
                                            ('mpeg4_bframes', '.avi')])
def test_times_may_be_unknown(make_clip, coding, suffix):
    assert VideoIndex.build(
        make_clip(coding, count=26, suffix=suffix)).times is None
