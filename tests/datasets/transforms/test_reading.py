# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import os
import pickle

import numpy as np
import pytest

pytest.importorskip('mmaction')

from mmfer.codec import CompressedVideo, CompressedVideoError  # noqa: E402
from mmfer.datasets import (OpenCompressedVideo, ReadFrames,  # noqa: E402
                            ReadResiduals, SampleSegments)
from mmfer.testing.sources import face_like, panning  # noqa: E402
from mmfer.testing.streams import write_video  # noqa: E402

INDICES = [2, 5, 8, 11]


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp('clip') / 'clip.mp4'
    return write_video(path, face_like(20, (64, 48)), 'mpeg4')


def _results(path, indices=None, starts=(0, ), **kwargs):
    results = OpenCompressedVideo(**kwargs)(dict(filename=path))
    indices = INDICES if indices is None else indices
    results.update(
        frame_inds=np.array(indices),
        clip_starts=np.array(starts),
        clip_len=len(indices) // len(starts),
        num_clips=len(starts))
    return results


def test_open_adds_what_sampling_needs(clip):
    results = OpenCompressedVideo()(dict(filename=clip))
    assert results['total_frames'] == 20
    assert results['original_shape'] == (48, 64)
    results['video'].close()


@pytest.mark.parametrize('how', ['bytes', 'client', 'index'])
def test_every_way_to_open_gives_the_same(clip, how, tmp_path):
    expected = ReadResiduals()(_results(clip))['imgs']
    for _ in range(2):  # the second time the index comes from the cache
        if how == 'bytes':
            with open(clip, 'rb') as file:
                results = _results(file.read())
        elif how == 'client':
            results = _results(clip, backend_args=dict(backend='local'))
        else:
            results = _results(clip, index_cache=str(tmp_path / 'index'))
        imgs = ReadResiduals()(results)['imgs']
        assert all(map(np.array_equal, imgs, expected))
    if how == 'index':
        assert len(list((tmp_path / 'index').iterdir())) == 1


def test_a_changed_file_gets_a_new_index(clip, tmp_path):
    path, cache = tmp_path / 'clip.mp4', str(tmp_path / 'index')
    opening = OpenCompressedVideo(index_cache=cache)
    for count in (6, 9):
        write_video(path, face_like(count, (64, 48)), 'mpeg4')
        results = opening(dict(filename=str(path)))
        assert results['total_frames'] == count
        results['video'].close()


def test_an_index_that_is_damaged_or_cannot_be_kept(clip, tmp_path):
    folder = tmp_path / 'index'
    opening = OpenCompressedVideo(index_cache=str(folder), pictures_kept=0)
    index, = _indices(opening, clip)
    stored, = folder.iterdir()
    good = stored.read_bytes()
    for bad in (b'', good[:len(good) // 2], b'no index'):
        stored.write_bytes(bad)
        again, = _indices(opening, clip)
        assert np.array_equal(again.position, index.position)
        assert stored.stat().st_size == len(good)
    # A file where the folder should be, as a disk that cannot be written to.
    stored.unlink()
    folder.rmdir()
    folder.write_text('')
    again, = _indices(opening, clip)
    assert np.array_equal(again.position, index.position)


def _indices(opening, *paths):
    """Open files in turn and return their indices."""
    indices = []
    for path in paths:
        with opening(dict(filename=path))['video'] as video:
            indices.append(video.index)
    return indices


@pytest.mark.parametrize('folder', [None, 'index'])
def test_indices_are_kept_in_memory(clip, tmp_path, folder):
    folder = folder and str(tmp_path / folder)
    first, again = _indices(
        OpenCompressedVideo(index_cache=folder), clip, clip)
    assert again is first
    first, again = _indices(
        OpenCompressedVideo(index_cache=folder, pictures_kept=0), clip, clip)
    assert again is not first


def test_no_more_indices_are_kept_than_there_is_room_for(clip, tmp_path):
    other = write_video(tmp_path / 'other.mp4', face_like(6, (64, 48)), 'mpeg4')
    opening = OpenCompressedVideo(pictures_kept=25)
    a, b, c, d = _indices(opening, clip, other, other, clip)
    assert d is a and c is not b
    opening = pickle.loads(pickle.dumps(OpenCompressedVideo(pictures_kept=26)))
    a, b, c, d = _indices(opening, clip, other, other, clip)
    assert d is a and c is b


def test_packets_themselves_are_not_kept(tmp_path):
    """Some containers scatter a packet; their indices hold its bytes."""
    path = write_video(tmp_path / 'clip.ts', face_like(6, (64, 48)), 'mpeg4')
    first, again = _indices(OpenCompressedVideo(), path, path)
    assert first.payloads and again is not first


def test_a_file_that_changes_is_indexed_anew(tmp_path):
    """Also if its size stays the same."""
    path, opening = tmp_path / 'clip.mp4', OpenCompressedVideo()
    write_video(path, face_like(6, (64, 48)), 'mpeg4')
    first, = _indices(opening, path)
    data, state = path.read_bytes(), path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1000))
    second, = _indices(opening, path)
    assert second is not first


@pytest.mark.parametrize('channels', ['bgr', 'yuv', 'y'])
def test_single_is_the_residual_of_the_codec(clip, channels):
    results = ReadResiduals('single', channels)(_results(clip))
    with CompressedVideo(clip) as video:
        for img, residual in zip(results['imgs'],
                                 video.residuals_at(INDICES)):
            expected = dict(
                bgr=residual.to_bgr, yuv=residual.to_yuv,
                y=lambda: residual.y[:, :, None])[channels]()
            assert np.array_equal(img, expected)
    assert results['img_shape'] == (48, 64)
    assert results['modality'] == 'Residual'
    assert 'video' not in results


@pytest.mark.parametrize('mode', ['single', 'chained', 'accumulated'])
def test_motion_is_two_more_planes_in_quarter_pixels(tmp_path, mode):
    # The camera moves 4 pixels to the right a picture, exactly.
    path = write_video(tmp_path / 'pan.mp4', panning(12, (96, 80)), 'mpeg4')
    results = ReadResiduals(
        mode, 'y', motion=True)(_results(path, [1, 3, 3, 5]))
    assert results['num_residual_channels'] == 1
    for index, img in zip([1, 3, 3, 5], results['imgs']):
        assert img.shape == (80, 96, 3) and img.dtype == np.int16
        steps = 1 if mode == 'single' else index
        inside = img[16:-16, 16:48, 1:]
        assert np.median(inside[..., 0]) == 4 * 4 * steps
        assert np.median(inside[..., 1]) == 0


@pytest.mark.parametrize('mode', ['single', 'chained', 'accumulated'])
@pytest.mark.parametrize('channels', ['bgr', 'y'])
def test_pictures_are_arrays_of_their_own(clip, mode, channels):
    imgs = ReadResiduals(mode, channels)(_results(clip, [3, 3, 7, 7]))['imgs']
    assert np.array_equal(imgs[0], imgs[1]) and imgs[0].any()
    for number, img in enumerate(imgs):
        assert img.flags.writeable and img.dtype == np.int16
        assert not any(
            np.shares_memory(img, other) for other in imgs[:number])


def test_each_window_starts_its_own_chain(clip):
    results = ReadResiduals('chained')(
        _results(clip, [2, 4, 10, 12], starts=(0, 8)))
    with CompressedVideo(clip) as video:
        expected = video.chained_at([2, 4], start=0) + \
            video.chained_at([10, 12], start=8)
    for img, residual in zip(results['imgs'], expected):
        assert np.array_equal(img, residual.to_bgr())


def test_the_start_of_the_chain_can_be_fixed(clip):
    results = ReadResiduals('chained', start=4)(_results(clip, [2, 6, 7, 9]))
    with CompressedVideo(clip) as video:
        expected = video.chained_at([4, 6, 7, 9], start=4)
    for img, residual in zip(results['imgs'], expected):
        assert np.array_equal(img, residual.to_bgr())


def test_modes_differ(clip):
    single, chained, accumulated = [
        ReadResiduals(mode)(_results(clip))['imgs'][-1]
        for mode in ('single', 'chained', 'accumulated')
    ]
    assert not np.array_equal(single, chained)
    assert not np.array_equal(chained, accumulated)


def test_ten_bits_come_as_eight(tmp_path):
    frames = face_like(8, (64, 64), noise=0)
    ranges = []
    for coding in ('h264_plain', 'h264_10bit'):
        path = write_video(tmp_path / f'{coding}.mp4', frames, coding)
        imgs = ReadResiduals('single', 'y')(_results(path, [3, 5]))['imgs']
        ranges.append(np.abs(imgs[0]).max())
    assert ranges[1] < 2 * ranges[0]


def test_hevc_has_no_motion_and_says_so(tmp_path):
    path = write_video(tmp_path / 'a.mp4', face_like(6, (64, 64)), 'hevc')
    assert len(ReadResiduals('single')(_results(path, [2, 4]))['imgs']) == 2
    with pytest.raises(CompressedVideoError, match='motion=False'):
        ReadResiduals('single', motion=True)(_results(path, [2, 4]))


def test_frames_are_the_pictures_of_the_same_places(clip):
    results = ReadFrames()(_results(clip, [5, 5, 9]))
    with CompressedVideo(clip) as video:
        expected = video.frames_at([5, 5, 9])
    assert all(map(np.array_equal, results['imgs'], expected))
    assert results['imgs'][0].dtype == np.uint8
    assert not np.shares_memory(*results['imgs'][:2])
    assert results['modality'] == 'RGB'


def test_short_clip_end_to_end(tmp_path):
    path = write_video(tmp_path / 'a.mp4', face_like(3, (64, 64)), 'mpeg4')
    results = OpenCompressedVideo()(dict(filename=path))
    results = ReadResiduals()(SampleSegments(test_mode=True)(results))
    assert len(results['imgs']) == 8


@pytest.mark.parametrize('kwargs', [
    dict(mode='sum'), dict(channels='rgb'), dict(otherwise='x'),
    dict(start=-1), dict(start='end'), dict(pictures='B'),
    dict(at_keyframe='x'), dict(interpolation='x'), dict(intra='x')
])
def test_arguments_are_checked(kwargs):
    with pytest.raises(ValueError, match=f'`{next(iter(kwargs))}`'):
        ReadResiduals(**kwargs)


def test_repr():
    assert "mode='single'" in repr(ReadResiduals('single'))
    assert repr(ReadFrames()) == 'ReadFrames()'
    assert ('index_cache=None, pictures_kept=500000'
            in repr(OpenCompressedVideo()))
