# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""MPEG-1/2/4, H.263, FLV1: residual == picture - prediction, to the bit.

Two independent predictions: motion compensation in numpy, and the ordinary
decoder with its inverse transform switched off for one picture.
"""

import numpy as np
import pytest

from mmfer.codec import CompressedVideo, NotPredicted
from mmfer.testing import Recipe, recipe, restless, write_packed_b_avi
from mmfer.testing.exactness import check_file, compare_planes
from mmfer.testing.full_decode import decode_all
from mmfer.testing.reference_motion import predict, rasterise

PLAIN = [('mpeg4', '.mp4'), ('mpeg4_4mv', '.mp4'), ('mpeg4_qpel', '.mp4'),
         ('mpeg4_qpel_4mv', '.avi'), ('mpeg4_mpegquant', '.mkv'),
         ('mpeg4_acpred', '.mp4'), ('mpeg4_partitioned', '.mp4'),
         ('mpeg4_bframes', '.mp4'), ('mpeg1', '.mpg'), ('mpeg2', '.mp4'),
         ('mpeg2_bframes', '.ts'), ('flv1', '.flv')]


def assert_all_right(agreements, least=.5, samples=96 * 80 * 3 // 2):
    """Every compared sample agrees, and most of the picture is compared."""
    assert agreements
    wrong = [(a.index, sum(a.total) - sum(a.right)) for a in agreements
             if a.right != a.total]
    assert not wrong
    compared = sum(sum(a.total) for a in agreements)
    assert compared >= least * samples * len(agreements)


@pytest.mark.parametrize('coding, suffix', PLAIN)
def test_numpy_motion_compensation_agrees(make_clip, reader, coding, suffix):
    path = make_clip(coding, suffix=suffix, count=13)
    video = reader(path)
    assert_all_right(list(check_file(path, video.residual_at)))


def test_h263_agrees(make_clip, reader):
    path = make_clip('h263', size=(176, 144), count=6, suffix='.avi')
    assert_all_right(list(check_file(path, reader(path).residual_at)),
                     samples=176 * 144 * 3 // 2)


@pytest.mark.parametrize('coding, suffix, source, size', [
    ('mpeg4', '.mp4', 'restless', (60, 50)),
    ('mpeg4_qpel', '.mp4', 'restless', (90, 70)),
    ('mpeg2', '.mp4', 'restless', (60, 50)),
    ('mpeg1', '.mpg', 'restless', (60, 50)),
    ('flv1', '.flv', 'restless', (90, 70)),
    ('mpeg4_interlaced', '.mp4', 'interlaced', (96, 80)),
    ('mpeg2_interlaced', '.mp4', 'interlaced', (96, 80)),
    ('mpeg4_bframes', '.avi', 'restless', (90, 70)),
])
def test_the_decoders_own_prediction_agrees(make_clip, reader, coding, suffix,
                                            source, size):
    path = make_clip(coding, source, 10, size, suffix)
    video = reader(path)
    agreements = list(check_file(path, video.residual_at, 'decoder'))
    assert_all_right(agreements, .4, size[0] * size[1] * 3 // 2)


def test_interlaced_clips_use_field_prediction(make_clip, truth, reader):
    """The frame-based numpy model must fail somewhere, or nothing is tested.
    """
    path = make_clip('mpeg4_interlaced', 'interlaced', 10)
    agreements = list(check_file(path, reader(path).residual_at))
    assert min(a.share for a in agreements) < .99


def test_the_check_notices_a_wrong_residual(make_clip, reader):
    """Negative control: the residual of a neighbour, or one wrong sample."""
    path = make_clip('mpeg4', count=13)
    video = reader(path)
    shifted = list(
        check_file(path, lambda i: video.residual_at(i - 1 if i > 1 else 2)))
    assert max(a.share for a in shifted) < .9

    def one_off(index):
        residual = video.residual_at(index)
        row, column = np.argwhere(np.abs(residual.y) < 50)[600]
        residual.y[row, column] += 1
        return residual

    wrong = [sum(a.total) - sum(a.right) for a in check_file(path, one_off)]
    assert max(wrong) == 1


def test_every_p_picture_is_read_and_none_is_zero(make_clip, truth, reader):
    path = make_clip('mpeg4', count=13)
    video = reader(path, otherwise='error')
    for index, picture in enumerate(truth(path)):
        if picture.picture_type != 'P':
            continue
        residual = video.residual_at(index)
        assert residual.index == index and residual.picture_type == 'P'
        assert residual.y.dtype == residual.u.dtype == np.int16
        assert residual.y.shape == (80, 96) and residual.u.shape == (40, 48)
        assert np.abs(residual.y).sum() > 0 and not residual.damaged


@pytest.mark.parametrize('coding, suffix', [('mpeg4', '.mp4'),
                                            ('mpeg2', '.mp4'),
                                            ('flv1', '.flv')])
def test_intra_blocks_are_zero_and_masked(make_clip, truth, reader, coding,
                                          suffix):
    """Noise that changes wholly forces intra blocks into P pictures."""
    path = make_clip(coding, 'noise', 6, (96, 80), suffix)
    video = reader(path)
    seen = 0
    for index, picture in enumerate(truth(path)):
        if picture.picture_type != 'P' or not len(picture.vectors):
            continue  # MPEG-2 gives no vectors with its last, drained picture
        residual = video.residual_at(index)
        _, inter = rasterise(picture.vectors, 96, 80)
        assert np.array_equal(residual.inter, inter)
        outside = ~inter.repeat(8, 0).repeat(8, 1)
        seen += outside.sum()
        assert not residual.y[outside].any()
        assert not residual.u[~inter.repeat(4, 0).repeat(4, 1)].any()
        assert not residual.v[~inter.repeat(4, 0).repeat(4, 1)].any()
        assert not residual.motion[~inter].any()
    assert seen > .8 * 96 * 80


@pytest.mark.parametrize('coding, suffix, size', [
    ('mpeg4', '.mp4', (96, 80)), ('mpeg4', '.mp4', (60, 50)),
    ('mpeg1', '.mpg', (96, 80)), ('mpeg2', '.mp4', (60, 50)),
    ('h263', '.avi', (176, 144)), ('flv1', '.flv', (96, 80)),
    ('flv1', '.flv', (60, 50))
])
def test_a_still_picture_has_no_residual(make_clip, reader, coding, suffix,
                                         size):
    """All-skip packets: the flat reference must come out as exactly zero.

    FFmpeg's own stand-in for a missing reference is 16 in H.263 and FLV1 and
    holds uninitialised borders at odd sizes.
    """
    video = reader(make_clip(coding, 'flat', 6, size, suffix))
    for residual in video.residuals_at(range(1, 6)):
        assert not residual.y.any() and not residual.u.any()
        assert not residual.v.any() and residual.inter.all()


def test_p_of_a_stream_with_b_pictures_has_vectors(make_clip, truth, reader):
    """FFmpeg drops the vectors of a drained picture without low_delay."""
    path = make_clip('mpeg4_bframes', count=13)
    video, checked = reader(path), 0
    for index, picture in enumerate(truth(path)[:-1]):
        if picture.picture_type == 'P':
            motion, inter = rasterise(picture.vectors, 96, 80)
            residual = video.residual_at(index)
            assert np.array_equal(residual.motion, motion)
            assert np.array_equal(residual.inter, inter)
            checked += inter.any()
    assert checked >= 3


def test_b_pictures_of_mpeg4_are_never_offered(make_clip, reader):
    path = make_clip('mpeg4_bframes', count=13)
    video = reader(path)
    for index, kind in enumerate(video.picture_types):
        if kind != 'B':
            continue
        with pytest.raises(NotPredicted):
            video.residual_at(index, otherwise='error')
        zero = video.residual_at(index, otherwise='zeros')
        assert zero.index == index and zero.picture_type == 'B'
        assert not zero.y.any() and not zero.inter.any()
        near = video.residual_at(index)
        assert near.picture_type == 'P' and near.y.any()


def test_packed_b_frames(tmp_path):
    """An AVI that keeps P and B in one packet, as XviD and DivX did."""
    path = write_packed_b_avi(tmp_path / 'packed.avi', restless(13))
    pictures = decode_all(path)
    kinds = ''.join(p.picture_type for p in pictures)
    assert kinds == 'I' + 'BP' * 6
    anchor, checked = None, 0
    with CompressedVideo(path) as video:
        assert video.picture_types == kinds and len(video) == 13
        for index, picture in enumerate(pictures):
            if picture.picture_type == 'P' and len(picture.vectors):
                residual = video.residual_at(index)
                assert residual.index == index
                right, total = max(
                    compare_planes(
                        picture.planes,
                        *predict(anchor.planes, picture.vectors, 'mpeg4',
                                 bit), residual) for bit in (0, 1))
                assert right == total and sum(total) > 4000
                checked += 1
            if picture.picture_type != 'B':
                anchor = picture
    assert checked >= 5


def test_rounding_control_is_exercised(make_clip, truth):
    """MPEG-4 toggles its rounding bit; one fixed value must not fit all."""
    path = make_clip('mpeg4', count=13)
    pictures = truth(path)
    with CompressedVideo(path) as video:
        fits = {0: 0, 1: 0}
        for index in range(1, 12):
            residual = video.residual_at(index)
            for bit in fits:
                right, total = compare_planes(
                    pictures[index].planes,
                    *predict(pictures[index - 1].planes,
                             pictures[index].vectors, 'mpeg4', bit), residual)
                fits[bit] += right == total
    assert fits[0] > 2 and fits[1] > 2 and sum(fits.values()) == 11


def test_lossy_to_almost_nothing_still_agrees(make_clip, reader):
    """Quantiser 31: residuals are rare, and still right."""
    coarse = recipe('mpeg4')
    coarse = Recipe('mpeg4', 12, 0, 31, coarse.options)
    path = make_clip(coarse, 'face', 8)
    assert_all_right(list(check_file(path, reader(path).residual_at)))
