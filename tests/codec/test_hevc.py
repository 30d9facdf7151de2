# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""HEVC: no vectors are exported, so the prediction is searched for."""

import numpy as np
import pytest

from mmfer.codec import CompressedVideo, CompressedVideoError, NotPredicted
from mmfer.testing import fingerprint
from mmfer.testing.full_decode import decode_with_peeks
from mmfer.testing.reference_motion import gather


def matched_share(path, residual_of, depth=8, reach=9):
    """Share of 8x8 blocks that are a shifted reference plus the residual.

    Whole-pixel shifts only: the clips pan by whole pixels.
    """
    matched = blocks = 0
    previous = None
    for index, (picture, unfiltered) in enumerate(
            decode_with_peeks(path, {'skip_loop_filter': 'all'})):
        if unfiltered is not None:
            luma = residual_of(index).y.astype(np.int64)
            current = unfiltered.planes[0].astype(np.int64)
            y, x = (a.reshape(-1) for a in np.mgrid[16:64:8, 16:80:8])
            wanted = gather(current - luma, x, y, 8, 8)
            found = np.zeros(len(x), bool)
            for dy in range(-reach, reach + 1):
                for dx in range(-reach, reach + 1):
                    shifted = gather(previous, x + dx, y + dy, 8, 8)
                    found |= (shifted == wanted).all((1, 2))
            matched += found.sum()
            blocks += len(found)
        if picture.picture_type != 'B':
            previous = picture.planes[0]
    assert blocks
    return matched / blocks


@pytest.mark.parametrize('coding', ['hevc', 'hevc_no_filter', 'hevc_10bit'])
def test_residual_is_picture_minus_a_shifted_reference(make_clip, coding):
    """Proved where motion is whole-pixel; the wrong residual matches less."""
    path = make_clip(coding, 'noisy_pan', 8)
    with CompressedVideo(path, otherwise='error') as video:
        right = matched_share(path, video.residual_at)
        wrong = matched_share(
            path, lambda i: video.residual_at(i - 1 if i > 1 else 2))
    assert right > .85
    assert wrong < right - .3


def test_no_motion_and_no_mask_are_promised(make_clip):
    with CompressedVideo(make_clip('hevc')) as video:
        residual = video.residual_at(3)
        assert residual.motion is None and residual.inter is None
        assert residual.y.any()
        with pytest.raises(ValueError, match='motion'):
            residual.motion_dense()


@pytest.mark.parametrize('coding', ['hevc', 'hevc_10bit'])
def test_a_still_picture_has_no_residual(make_clip, coding):
    with CompressedVideo(make_clip(coding, 'flat', 8)) as video:
        for residual in video.residuals_at(range(1, 8)):
            assert not residual.y.any() and not residual.u.any()
            assert residual.bit_depth == (10 if '10' in coding else 8)


def test_types_and_policies(make_clip, truth):
    path = make_clip('hevc_bframes', count=14)
    kinds = ''.join(p.picture_type for p in truth(path))
    assert 'B' in kinds
    with CompressedVideo(path) as video:
        assert video.picture_types == kinds
        b = kinds.index('B')
        assert video.residual_at(b).picture_type == 'P'
        assert not video.residual_at(b, otherwise='zeros').y.any()
        with pytest.raises(NotPredicted):
            video.residual_at(b, otherwise='error')


def test_weighted_prediction_is_not_passed_off_as_exact(make_clip):
    """x265's weights make grey decoding non-deterministic in FFmpeg: the
    stream is refused or flagged, never silent."""
    path = make_clip('hevc_weighted', 'fade', 14)
    try:
        with CompressedVideo(path) as video:
            residuals = [video.residual_at(i, 'error') for i in range(1, 12)]
    except CompressedVideoError:
        return
    assert any(r.weighted for r in residuals)


def test_unweighted_streams_are_deterministic(make_clip):
    path = make_clip('hevc', count=14)
    hashes = []
    for order in ((1, 5, 9, 11, 3), (11, 9, 5, 3, 1), (5, 1, 3, 11, 9)):
        junk = [np.random.default_rng(n).bytes(200_000) for n in order]
        with CompressedVideo(path) as video:
            read = {i: fingerprint(video.residual_at(i)) for i in order}
        hashes.append(tuple(read[i] for i in sorted(read)))
        del junk
    assert len(set(hashes)) == 1
