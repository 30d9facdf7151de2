# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

pytest.importorskip('mmaction')

from mmfer.datasets import SampleSegments  # noqa: E402
from mmfer.datasets.transforms.sampling import ClipTooShort  # noqa: E402


def _sample(total, **kwargs):
    return SampleSegments(**kwargs)(dict(total_frames=total))


def test_centres_in_test():
    results = _sample(40, num_segments=8, test_mode=True)
    assert results['frame_inds'].tolist() == [2, 7, 12, 17, 22, 27, 32, 37]
    assert results['clip_starts'].tolist() == [0]
    assert (results['clip_len'], results['num_clips']) == (8, 1)
    assert results['frame_interval'] == 5


def test_one_picture_of_each_segment_in_training():
    np.random.seed(0)
    seen = set()
    for _ in range(300):
        indices = _sample(36, num_segments=8)['frame_inds']
        assert indices.dtype == np.int64
        bounds = np.arange(9) * 36 / 8
        assert (indices >= np.floor(bounds[:-1])).all()
        assert (indices < np.ceil(bounds[1:])).all()
        seen.update(indices.tolist())
    assert seen == set(range(36))


def test_several_test_clips_are_different_places():
    results = _sample(64, num_segments=8, num_clips=4, test_mode=True)
    clips = results['frame_inds'].reshape(4, 8)
    assert clips[:, 0].tolist() == [1, 3, 5, 7]
    assert (np.diff(clips, axis=1) == 8).all()


def test_window():
    results = _sample(100, num_segments=4, window=20, test_mode=True)
    assert results['clip_starts'].tolist() == [40]
    assert results['frame_inds'].tolist() == [42, 47, 52, 57]
    results = _sample(100, num_segments=4, window=20, num_clips=3,
                      test_mode=True)
    assert results['clip_starts'].tolist() == [13, 40, 67]
    np.random.seed(0)
    starts = [
        int(_sample(30, num_segments=4, window=20)['clip_starts'][0])
        for _ in range(200)
    ]
    assert (min(starts), max(starts)) == (0, 10)


@pytest.mark.parametrize('test_mode', [True, False])
@pytest.mark.parametrize('window', [None, 50])
def test_short_clips_repeat_pictures(test_mode, window):
    indices = _sample(
        3, num_segments=8, window=window, test_mode=test_mode)['frame_inds']
    assert len(indices) == 8 and set(indices.tolist()) <= {0, 1, 2}
    assert (np.diff(indices) >= 0).all()


def test_too_short_is_an_unreadable_clip():
    with pytest.raises(ClipTooShort, match='1 pictures, .* 2 are needed'):
        _sample(1)


def test_arguments_are_checked_and_shown():
    with pytest.raises(ValueError, match='`num_segments`'):
        SampleSegments(num_segments=0)
    assert repr(SampleSegments(4, window=9)) == (
        'SampleSegments(num_segments=4, num_clips=1, window=9, min_frames=2, '
        'test_mode=False)')
