# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""CoViAR's accumulated residual, recomputed pixel by pixel.

Wu et al., Compressed Video Action Recognition (CVPR 2018), and their loader:
a pixel is traced back with the vectors cut to whole pixels (``dst - src`` of
the exported records); a step that leaves the picture is not taken; the value
is the picture minus the key picture where the trace ends.
"""

import numpy as np
import pytest

from mmfer.codec import CompressedVideo, UnsupportedCodec
from mmfer.testing import Recipe, recipe, x264
from mmfer.testing.sources import sample_bilinear


def coviar_traces(pictures):
    """For every picture, where each pixel lies in its key picture."""
    height, width = pictures[0].planes[0].shape
    here = np.stack(np.mgrid[:height, :width], -1)
    trace, traces, keys = here, [], []
    for number, picture in enumerate(pictures):
        if picture.picture_type == 'I':
            trace, key = here, number
        else:
            old, trace = trace, trace.copy()
            for v in picture.vectors:
                w, h = int(v['w']), int(v['h'])
                # Not dst - src of the record, whose source FFmpeg rounds
                # after adding: the vector itself, cut towards zero.
                dx = int(v['motion_x'] / int(v['motion_scale']))
                dy = int(v['motion_y'] / int(v['motion_scale']))
                for y in range(int(v['dst_y']) - h // 2,
                               int(v['dst_y']) + h // 2):
                    for x in range(int(v['dst_x']) - w // 2,
                                   int(v['dst_x']) + w // 2):
                        if (0 <= y < height and 0 <= x < width
                                and 0 <= y + dy < height
                                and 0 <= x + dx < width):
                            trace[y, x] = old[y + dy, x + dx]
        traces.append(trace)
        keys.append(key)
    return traces, keys


CASES = [('mpeg4', '.mp4'), ('mpeg4_4mv', '.avi'), ('mpeg4_qpel', '.mp4'),
         ('mpeg2', '.mp4'), ('h264_deblock', '.mp4')]


@pytest.mark.parametrize('coding, suffix', CASES)
def test_integer_definition(make_clip, truth, coding, suffix):
    path = make_clip(coding, 'restless', 15, (64, 48), suffix)
    pictures = truth(path)[:-1]  # the last one may come without vectors
    traces, keys = coviar_traces(pictures)
    with CompressedVideo(path) as video:
        found = video.accumulated_at(range(14))
        for index, residual in enumerate(found):
            assert residual.index == index
            assert residual.y.dtype == np.int16
            key = pictures[keys[index]].planes
            y, x = traces[index][..., 0], traces[index][..., 1]
            for plane, name in enumerate('yuv'):
                step = 1 if plane == 0 else 2
                rows, columns = y[::step, ::step], x[::step, ::step]
                wanted = (pictures[index].planes[plane].astype(np.int16) -
                          key[plane][rows // step, columns // step])
                assert np.array_equal(getattr(residual, name), wanted)
            assert residual.y.any() == (pictures[index].picture_type != 'I')


@pytest.mark.parametrize('coding', ['mpeg4', 'mpeg4_bframes', 'mpeg2',
                                    'h264_bframes'])
def test_the_answer_does_not_depend_on_the_company(make_clip, coding):
    """FFmpeg hands out a drained picture without its vectors."""
    path = make_clip(coding, 'restless', 30)
    with CompressedVideo(path) as video:
        together = video.accumulated_at([20, 3, 3, 25, 13])
        for index, residual in zip([20, 3, 3, 25, 13], together):
            alone, = video.accumulated_at([index])
            assert alone.index == residual.index
            assert np.array_equal(alone.y, residual.y)
            assert np.array_equal(alone.motion, residual.motion)
        assert together[1].y is not together[2].y


def test_subpel_traces_follow_fractions(make_clip, truth):
    """Float positions, bilinear reading of the key picture."""
    path = make_clip('mpeg4_qpel', 'face', 6, (64, 48))
    pictures = truth(path)
    height, width = 48, 64
    y, x = np.mgrid[:height, :width].astype(np.float64)
    with CompressedVideo(path) as video:
        residual, = video.accumulated_at([1], interpolation='subpel')
        motion = video.residual_at(1).motion_dense()
    inside = ((x + motion[..., 0] >= 0) & (x + motion[..., 0] <= width - 1) &
              (y + motion[..., 1] >= 0) & (y + motion[..., 1] <= height - 1))
    warped = sample_bilinear(pictures[0].planes[0].astype(np.float64),
                             y + motion[..., 1], x + motion[..., 0])
    wanted = pictures[1].planes[0] - warped
    assert inside.mean() > .9
    assert np.abs(residual.y - wanted)[inside].max() <= .75


def test_subpel_is_the_better_prediction_of_a_subpel_pan(tmp_path):
    """A slow pan moves by fractions that whole-pixel traces lose."""
    from mmfer.testing import panning, write_video
    coding = Recipe('mpeg4', 100, 0, 2, recipe('mpeg4_qpel').options)
    path = write_video(tmp_path / 'slow.mp4', panning(12, step=(.4, .3)),
                       coding)
    with CompressedVideo(path) as video:
        middle = np.s_[16:64, 16:80]
        error = {
            kind: np.abs(video.accumulated_at([9], kind)[0].y[middle]).mean()
            for kind in ('integer', 'subpel')
        }
        motion = video.accumulated_at([9], 'subpel')[0].motion[3:7, 3:9]
    assert error['subpel'] < .5 * error['integer']
    assert np.allclose(np.median(motion, (0, 1)), (3.6, 2.7), atol=.8)


def test_b_pictures_are_served_by_their_neighbours(make_clip):
    path = make_clip(x264('b-pyramid=0', bframes=2,
                          options={'b_strategy': '0'}), count=20)
    with CompressedVideo(path) as video:
        kinds = video.picture_types
        residual, = video.accumulated_at([kinds.index('B')])
        assert residual.picture_type in 'IP'
        assert abs(residual.index - kinds.index('B')) == 1


def test_codecs_without_vectors_are_refused(make_clip):
    with CompressedVideo(make_clip('hevc')) as video:
        with pytest.raises(UnsupportedCodec, match='transcode'):
            video.accumulated_at([3])
        with pytest.raises(ValueError, match='interpolation'):
            video.accumulated_at([3], interpolation='cubic')
